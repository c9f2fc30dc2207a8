/**
 * What two outcomes must have in common: all but what ticks, what a namespace has of its own, and the order of its
 * hash.
 */
import { OUR_NAME, THEIR_NAME } from '../../support/command.ts';
import type { Outcome } from './sandbox.ts';

/** A line without numbers that tick, and those. */
interface Line {
  text: string;
  ticks: number[];
}

/** Seconds that one of the two may be behind the other; timeouts that differ on purpose differ by more. */
const TICK = 60;

const TICKING = /(^(?:ipv\d +\d+ )?[\w-]+ +\d+ )(\d+)(?= )|(<timeout>)(\d+)|( -t )(\d+)|("timeout": *)(\d+)/g;

function untick(line: string): Line {
  const ticks: number[] = [];
  const text = line
    .replace(/ id=\d+/g, ' id=#')
    .replace(/<id>\d+/g, '<id>#')
    .replace(TICKING, (all, a, aValue, b, bValue, c, cValue, d, dValue) => {
      const value = aValue ?? bValue ?? cValue ?? dValue;
      if (value === undefined) return all;
      ticks.push(Number(value));
      return `${a ?? b ?? c ?? d}#`;
    });
  return { text, ticks };
}

function lines(text: string): Line[] {
  const all = text.split('\n').map(untick);
  return all.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : a.ticks.join() < b.ticks.join() ? -1 : 1));
}

/** The last line of standard error before the hint at the help. Explanations before it are our own. */
function message({ stderr }: Outcome): string {
  const lines = stderr.replaceAll(THEIR_NAME, 'NAME').replaceAll(OUR_NAME, 'NAME').trimEnd().split('\n');
  return (lines.at(-1)!.startsWith('Try `') ? `${lines.at(-2)} (help)` : lines.at(-1))!;
}

/** The differences in words; empty if there are none. */
export function differences(theirs: Outcome, ours: Outcome, printsSome = false): string[] {
  const found: string[] = [];
  if (theirs.status !== ours.status) found.push(`status: ${theirs.status}, ours ${ours.status}`);
  const [their, our] = [message(theirs), message(ours)];
  if (their !== our) found.push(`stderr: ${JSON.stringify(their)}\n       ours: ${JSON.stringify(our)}`);
  return [...found, ...differingLines(theirs.stdout, ours.stdout, 'stdout', printsSome)];
}

export function differingLines(theirs: string, ours: string, what: string, printsSome = false): string[] {
  const [their, our] = [lines(theirs), lines(ours)];
  const same = (a: Line, b: Line): boolean =>
    a.text === b.text && a.ticks.every((tick, at) => Math.abs(tick - b.ticks[at]) <= TICK);
  if (their.length === our.length && their.every((line, at) => same(line, our[at]))) return [];
  if (printsSome && their.every((line) => our.some((other) => same(line, other)))) return [];
  const show = ({ text, ticks }: Line): string => `${text} ${ticks}`;
  const missing = their.filter((line) => !our.some((other) => same(line, other))).map((line) => `  - ${show(line)}`);
  const extra = our.filter((line) => !their.some((other) => same(line, other))).map((line) => `  + ${show(line)}`);
  return [`${what}: ${their.length} lines, ours ${our.length}`, ...missing.slice(0, 6), ...extra.slice(0, 6)];
}
