/** The commands as data: their letters, names and tables. */

import type { Letter } from './option.ts';
import type { Command, Shell, TableName } from './settings.ts';

export interface CommandRow {
  /** None where it is ours, so that conntrack(8) keeps those it may still want. */
  readonly letter?: Letter;
  readonly long: string;
  readonly command: Command;
  /** A table may follow. -R takes a file instead, --completion a shell. */
  readonly argument?: 'table' | 'file' | 'shell';
  /** A table may follow that makes no difference but must be one, as of conntrack(8). */
  readonly checksTable?: boolean;
  readonly help: string;
  /** It is ours, not conntrack(8)'s. */
  readonly ours?: boolean;
}

export const COMMANDS: readonly CommandRow[] = [
  { letter: 'L', long: 'dump', command: 'list', argument: 'table', help: 'List the entries of a table' },
  { letter: 'G', long: 'get', command: 'get', argument: 'table', help: 'Show one entry' },
  { letter: 'D', long: 'delete', command: 'delete', argument: 'table', help: 'Delete the entries that match' },
  {
    letter: 'I',
    long: 'create',
    command: 'create',
    argument: 'table',
    help: 'Create an entry; fail if it exists',
  },
  { letter: 'A', long: 'add', command: 'add', argument: 'table', help: 'Create an entry unless it exists' },
  { letter: 'U', long: 'update', command: 'update', argument: 'table', help: 'Change the entries that match' },
  { letter: 'E', long: 'event', command: 'event', argument: 'table', help: 'Show events until Ctrl-C' },
  { letter: 'F', long: 'flush', command: 'flush', argument: 'table', help: 'Empty a table' },
  { letter: 'C', long: 'count', command: 'count', argument: 'table', help: 'Show how many entries there are' },
  { letter: 'S', long: 'stats', command: 'stats', argument: 'table', help: 'Show the counters of each CPU' },
  {
    letter: 'R',
    long: 'load-file',
    command: 'load',
    argument: 'file',
    help: 'Run the lines of a file, such as those of -o save',
  },
  { letter: 'h', long: 'help', command: 'help', checksTable: true, help: 'Show this help' },
  { letter: 'V', long: 'version', command: 'version', checksTable: true, help: 'Show the version' },
  {
    long: 'completion',
    command: 'completion',
    argument: 'shell',
    ours: true,
    help: 'Print the completion script for bash, zsh or fish',
  },
];

/** Those that --completion has a script for. */
export const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish'];

/** In the order in which a beginning of a name is looked up. */
export const TABLE_HELP: Readonly<Record<TableName, string>> = {
  expect: 'flows that helpers expect, such as the data connections of FTP',
  conntrack: 'flows, the default',
  dying: 'flows that are gone but for events that wait to be delivered; for -L',
  unconfirmed: 'flows whose first packet is on its way; for -L',
};

export const TABLES = Object.keys(TABLE_HELP) as readonly TableName[];
