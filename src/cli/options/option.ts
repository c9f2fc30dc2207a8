/** An option of the command line, as options.ts has the general ones and protocols.ts those that a protocol brings. */
import type { Settings } from './settings.ts';

/** A command by its letter; conntrack(8) has no other names for most of them. */
export type Letter = 'L' | 'G' | 'D' | 'I' | 'A' | 'U' | 'E' | 'F' | 'C' | 'S' | 'R' | 'h' | 'V';

/** Letters of commands, by table: 'LGDIAUE'. The tables dying and unconfirmed are as conntrack. */
export interface Commands {
  readonly conntrack?: string;
  readonly expect?: string;
}

export interface Option {
  readonly short?: string;
  /** The first is the one that messages have. */
  readonly long: readonly string[];
  /**
   * Default: it takes none. 'optional': behind `=`, right behind the letter, or the next word unless that begins with a
   * dash.
   */
  readonly argument?: 'required' | 'optional';
  /** What the help calls the argument. */
  readonly placeholder?: string;
  /** The names that the argument may be, or hold with commas between where the placeholder says so. */
  readonly values?: readonly string[];
  /** What it does. */
  readonly help: string;
  /** The commands that it goes with. */
  readonly with: Commands;
  /** Those of them that cannot do without. */
  readonly needed?: Commands;
  /** It is about the whole run of the program, such as where its answers come from: no line of -R can have it. */
  readonly ofRun?: boolean;
  /** It names labels: it is read when --labelmap is known, wherever that option is. */
  readonly namesLabels?: boolean;
  /** It is ours, not conntrack(8)'s. */
  readonly ours?: boolean;
  /** @throws UsageError */
  readonly apply: (settings: Settings, value: string | undefined) => void;
}

/** Pairs of options; one pair must be given completely, preferably the first. */
export interface Alternatives {
  readonly pairs: readonly (readonly [string, string])[];
  readonly needed: Commands;
  /** How the message has the second pair, where that is not its name. */
  readonly second?: string;
}

/** What messages call a row. */
export function nameOf({ long }: Pick<Option, 'long'>): string {
  return `--${long[0]}`;
}
