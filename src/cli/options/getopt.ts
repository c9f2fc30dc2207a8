/** Words of a command line as getopt_long(3) finds options in them. */
import { COMMANDS, type CommandRow } from './commands.ts';
import type { Option } from './option.ts';
import { UsageError } from './settings.ts';

/** Something that a word can name. */
export type Named = Pick<Option, 'short' | 'long' | 'argument' | 'ours'>;

export interface Found<T extends Named> {
  row: T;
  /** The argument in the same word. */
  attached: string | undefined;
  /** As it was written, for messages. */
  text: string;
  /** It ends its word, so that the next word may be its argument. */
  last: boolean;
}

/**
 * The options that are known at a time, found by letter and by name: a file has as many command lines as it has lines.
 */
export class Known<T extends Named> {
  readonly #rows: readonly T[];
  readonly #lettered = new Map<string, T>();
  /** By what was looked for so far. */
  readonly #named = new Map<string, readonly T[]>();

  constructor(rows: readonly T[]) {
    this.#rows = rows;
    for (const row of rows)
      if (row.short !== undefined && !this.#lettered.has(row.short)) this.#lettered.set(row.short, row);
  }

  lettered(letter: string): T | undefined {
    return this.#lettered.get(letter);
  }

  /** A long name may be cut, as long as only one begins so; our names do not count against those of conntrack(8). */
  named(name: string): readonly T[] {
    let matches = this.#named.get(name);
    if (matches === undefined) {
      matches = this.#matching(name);
      this.#named.set(name, matches);
    }
    return matches;
  }

  #matching(name: string): readonly T[] {
    const exact = this.#rows.filter(({ long }) => long.includes(name));
    const matches =
      exact.length > 0 ? exact : this.#rows.filter(({ long }) => long.some((each) => each.startsWith(name)));
    const theirs = matches.filter(({ ours }) => ours !== true);
    return theirs.length > 0 ? theirs : matches;
  }
}

/** The options that a word holds: a long one, or a letter, or several. @throws UsageError for one that is not known */
export function optionsIn<T extends Named>(word: string, known: Known<T>): Found<T>[] {
  if (word.startsWith('--')) return [longOption(word, known)];
  const found: Found<T>[] = [];
  for (let at = 1; at < word.length; at++) {
    const text = `-${word[at]}`;
    const row = known.lettered(word[at]);
    if (row === undefined) throw new UsageError(`unknown option \`${text}'`);
    const rest = word.slice(at + 1);
    // A table is looked for in the next word only, so that other letters may follow a command's.
    if (row.argument === undefined || rest === '' || ('command' in row && row.argument === 'optional')) {
      found.push({ row, attached: undefined, text, last: rest === '' });
    } else {
      found.push({ row, attached: rest, text, last: true });
      break;
    }
  }
  return found;
}

function longOption<T extends Named>(word: string, known: Known<T>): Found<T> {
  const equals = word.indexOf('=');
  const name = word.slice(2, equals < 0 ? undefined : equals);
  const attached = equals < 0 ? undefined : word.slice(equals + 1);
  const matches = known.named(name);
  const [row] = matches;
  if (matches.length !== 1 || (attached !== undefined && row.argument === undefined))
    throw new UsageError(`unknown option \`${word}'`);
  return { row, attached, text: `--${name}`, last: true };
}

/** The commands as options: each takes a table, if it likes. */
export const COMMAND_OPTIONS: readonly (Named & { command: CommandRow })[] = COMMANDS.map((command) => ({
  short: command.letter,
  long: [command.long],
  argument: command.argument === 'table' ? 'optional' : command.argument && 'required',
  ours: command.ours,
  command,
}));
