/** A table of figures, some of which have a goal, on a terminal and in Markdown. */

export interface Goal {
  at: 'most' | 'least';
  value: number;
}

export const atMost = (value: number): Goal => ({ at: 'most', value });
export const atLeast = (value: number): Goal => ({ at: 'least', value });

export class Figure {
  readonly value: number;
  readonly digits: number;
  readonly goal: Goal | undefined;

  constructor(value: number, digits: number, goal?: Goal) {
    this.value = value;
    this.digits = digits;
    this.goal = goal;
  }

  get met(): boolean {
    const { goal, value } = this;
    return goal === undefined || (goal.at === 'most' ? value <= goal.value : value >= goal.value);
  }

  toString(): string {
    const { goal, digits } = this;
    const text = format(this.value, digits);
    if (goal === undefined) return text;
    return `${text} ${this.met ? '✓' : '✗'} ${goal.at === 'most' ? '≤' : '≥'} ${format(goal.value, digits)}`;
  }
}

export interface Row {
  name: string;
  /** Undefined: this column is not for this row. */
  cells: readonly (Figure | undefined)[];
}

export interface Table {
  title: string;
  /** What was done, in a sentence or two. */
  text: string;
  /** The first is of the names. */
  columns: readonly string[];
  rows: readonly Row[];
}

function format(value: number, digits: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function linesOf({ columns, rows }: Table): string[][] {
  return [[...columns], ...rows.map(({ name, cells }) => [name, ...cells.map((cell) => cell?.toString() ?? '')])];
}

export function toText(table: Table): string {
  const lines = linesOf(table);
  const widths = table.columns.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]);
  const rows = lines.map((line) => `  ${line.map(pad).join('  ')}`.trimEnd());
  return `\n${table.title}\n${table.text}\n${rows.join('\n')}\n`;
}

export function toMarkdown(table: Table): string {
  const [head, ...lines] = linesOf(table).map((line) => `| ${line.join(' | ')} |`);
  const rule = `|---|${'---:|'.repeat(table.columns.length - 1)}`;
  return `## ${table.title}\n\n${table.text}\n\n${[head, rule, ...lines].join('\n')}\n`;
}

/** A sentence about all the goals. */
export function verdict(tables: readonly Table[]): string {
  const judged = tables.flatMap(({ title, columns, rows }) =>
    rows.flatMap(({ name, cells }) =>
      cells.flatMap((figure, index) =>
        figure?.goal === undefined ? [] : [{ figure, text: `${title}, ${name}, ${columns[index + 1]}: ${figure}` }],
      ),
    ),
  );
  const missed = judged.filter(({ figure }) => !figure.met);
  const count = `${judged.length - missed.length} of ${judged.length} goals are met`;
  return missed.length === 0 ? `${count}.` : `${count}. Missed:\n${missed.map(({ text }) => `- ${text}`).join('\n')}`;
}
