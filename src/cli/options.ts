/**
 * The command line as data: one row an option, of ours and of conntrack(8). What conntrack(8) has and we do not yet has no `help`, so
 * that abbreviations mean the same and nobody is told "unknown option" for one that its manual has.
 */
import type { EventType } from '../ctnetlink/message.ts';
import { FAMILIES, type Family } from '../ctnetlink/names.ts';
import { NAME } from './version.ts';

export type Command = 'list' | 'event' | 'count' | 'stats' | 'help' | 'version';

/** What the command line said. */
export interface Settings {
  command?: Command;
  table: TableName;
  family?: Family;
  output: Set<OutputType>;
  /** Empty: all. */
  events: Set<EventType>;
  /** SO_RCVBUF in bytes. */
  bufferSize?: number;
  replay?: string;
  record?: string;
  eventsMayAbort: boolean;
}

/** The user's mistake, exit status 2. The message goes behind the name of the program. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** Tables, and whether we have them. conntrack(8) takes any beginning of a name, the first that fits. */
const TABLES = { conntrack: true, expect: false, dying: true, unconfirmed: true } as const;
export type TableName = 'conntrack' | 'dying' | 'unconfirmed';

/** What can be said behind -o; a row without a text does nothing, one with `undefined` is not there yet. */
const OUTPUTS = {
  extended: 'layer 3 protocol in front',
  id: 'id of each flow',
  timestamp: 'when the event arrived (-E)',
  ktimestamp: 'when the flow started, stopped',
  labels: 'names of labels (connlabel.conf)',
  json: 'one JSON array',
  ndjson: 'JSON, an object a line',
  // Which program caused an event is always shown, as conntrack(8) does.
  userspace: '',
  xml: undefined,
  save: undefined,
} as const;
export type OutputType = keyof typeof OUTPUTS;

const EVENTS: Readonly<Record<string, readonly EventType[]>> = {
  ALL: ['new', 'update', 'destroy'],
  NEW: ['new'],
  UPDATES: ['update'],
  DESTROY: ['destroy'],
};

interface Option {
  readonly short?: string;
  readonly long: readonly string[];
  /** Default: it takes none. 'optional': only behind `=`, or right behind the letter. */
  readonly argument?: 'required' | 'optional';
  /** What the help calls the argument. */
  readonly placeholder?: string;
  /** What it does, lines of help. */
  readonly help?: readonly string[];
  /** It is a command; the argument behind it is a table. */
  readonly command?: Command;
  /** The commands that it goes with. Default: those that talk to the kernel. */
  readonly with?: readonly Command[];
  readonly apply?: (settings: Settings, value: string) => void;
}

const ALL: readonly Command[] = ['list', 'event', 'count', 'stats'];

/** In the order in which conntrack(8) complains about them, and in which the help has them. */
export const OPTIONS: readonly Option[] = [
  {
    short: 'L',
    long: ['dump'],
    argument: 'optional',
    placeholder: '[TABLE]',
    command: 'list',
    help: ['List the flows in a table'],
  },
  {
    short: 'E',
    long: ['event'],
    argument: 'optional',
    command: 'event',
    help: ['Show what happens to flows until Ctrl-C'],
  },
  {
    short: 'C',
    long: ['count'],
    argument: 'optional',
    command: 'count',
    help: ['Show how many flows there are'],
  },
  { short: 'S', long: ['stats'], command: 'stats', help: ['Show the counters of each CPU'] },
  { short: 'h', long: ['help'], command: 'help', help: ['Show this help'] },
  { short: 'V', long: ['version'], command: 'version', help: ['Show the version'] },
  { short: 'I', long: ['create'], argument: 'optional' },
  { short: 'D', long: ['delete'], argument: 'optional' },
  { short: 'U', long: ['update'], argument: 'optional' },
  { short: 'G', long: ['get'], argument: 'optional' },
  { short: 'F', long: ['flush'], argument: 'optional' },
  { short: 'A', long: ['add'], argument: 'optional' },
  { short: 'R', long: ['load-file'], argument: 'required' },

  { short: 's', long: ['src', 'orig-src'], argument: 'required' },
  { short: 'd', long: ['dst', 'orig-dst'], argument: 'required' },
  { short: 'r', long: ['reply-src'], argument: 'required' },
  { short: 'q', long: ['reply-dst'], argument: 'required' },
  { short: 'p', long: ['protonum'], argument: 'required' },
  { short: 't', long: ['timeout'], argument: 'required' },
  { short: 'u', long: ['status'], argument: 'required' },
  { short: 'z', long: ['zero'] },
  {
    short: 'e',
    long: ['event-mask'],
    argument: 'required',
    placeholder: 'TYPE,...',
    with: ['event'],
    help: ['Only these events: NEW, UPDATES, DESTROY'],
    apply: (settings, value) => {
      for (const name of listed(value, EVENTS)) for (const type of EVENTS[name]) settings.events.add(type);
    },
  },
  { long: ['tuple-src'], argument: 'required' },
  { long: ['tuple-dst'], argument: 'required' },
  { long: ['mask-src'], argument: 'required' },
  { long: ['mask-dst'], argument: 'required' },
  { short: 'a', long: ['nat-range'], argument: 'required' },
  { short: 'm', long: ['mark'], argument: 'required' },
  { short: 'i', long: ['id'], argument: 'required' },
  {
    short: 'f',
    long: ['family'],
    argument: 'required',
    placeholder: 'FAMILY',
    with: ['list', 'event'],
    help: ['Only flows of this family: ipv4 or ipv6'],
    apply: (settings, value) => {
      if (!Object.hasOwn(FAMILIES, value)) throw new UsageError(`\`${value}' unsupported protocol`);
      if (settings.family !== undefined && settings.family !== value) throw new UsageError('mismatched address family');
      settings.family = value as Family;
    },
  },
  { short: 'n', long: ['src-nat'], argument: 'optional' },
  { short: 'g', long: ['dst-nat'], argument: 'optional' },
  {
    short: 'o',
    long: ['output'],
    argument: 'required',
    placeholder: 'TYPE,...',
    with: ['list', 'event'],
    help: ['What to show, with commas between:', ...outputHelp()],
    apply: (settings, value) => {
      for (const name of listed(value, OUTPUTS)) {
        if (OUTPUTS[name as OutputType] === undefined) throw new UsageError(`the output \`${name}' is not there yet`);
        settings.output.add(name as OutputType);
      }
    },
  },
  { short: 'c', long: ['secmark'], argument: 'required' },
  {
    short: 'b',
    long: ['buffer-size'],
    argument: 'required',
    placeholder: 'BYTES',
    with: ['event'],
    help: ['Room for events that wait to be read'],
    apply: (settings, value) => {
      if (!/^\d{1,10}$/.test(value) || Number(value) > 0x7fffffff) throw new UsageError(`Bad parameter \`${value}'`);
      settings.bufferSize = Number(value);
    },
  },
  { short: 'j', long: ['any-nat'], argument: 'optional' },
  { short: 'w', long: ['zone'], argument: 'required' },
  { short: 'l', long: ['label'], argument: 'required' },
  { long: ['label-add'], argument: 'required' },
  { long: ['label-del'], argument: 'optional' },
  { long: ['orig-zone'], argument: 'required' },
  { long: ['reply-zone'], argument: 'required' },

  // Ours; without short names, so that conntrack(8) keeps those it may still want.
  {
    long: ['replay'],
    argument: 'required',
    placeholder: 'FILE',
    help: ['Ask this capture instead of the kernel,', 'without privilege'],
    apply: (settings, value) => {
      settings.replay = value;
    },
  },
  {
    long: ['record'],
    argument: 'required',
    placeholder: 'FILE',
    help: ['Write what the kernel says to a capture,', 'for --replay and Wireshark'],
    apply: (settings, value) => {
      settings.record = value;
    },
  },
  {
    long: ['events-may-abort'],
    with: ['event'],
    help: [
      'Take events over the addon although that',
      'aborts this program (SIGABRT) when they',
      'come faster than it reads them',
    ],
    apply: (settings) => {
      settings.eventsMayAbort = true;
    },
  },
];

function outputHelp(): string[] {
  return Object.entries(OUTPUTS).flatMap(([name, help]) => (help ? [`${name.padEnd(11)} ${help}`] : []));
}

/** The names of `known` that a comma-separated list means: any beginning of a name in any case, the first that fits. */
function listed(value: string, known: Readonly<Record<string, unknown>>): string[] {
  return value.split(',').map((part) => {
    const name =
      part === '' ? undefined : Object.keys(known).find((each) => each.toLowerCase().startsWith(part.toLowerCase()));
    if (name === undefined) throw new UsageError(`Bad parameter \`${part}'`);
    return name;
  });
}

/** What a row is called in messages: its first long name. */
function nameOf(option: Option): string {
  return `--${option.long[0]}`;
}

/**
 * Reads a command line as getopt_long(3) does: options anywhere, long ones abbreviated, `--` ends them. Further arguments are ignored,
 * as conntrack(8) ignores them.
 * @throws UsageError
 */
export function parse(argv: readonly string[]): Settings {
  const settings: Settings = { table: 'conntrack', output: new Set(), events: new Set(), eventsMayAbort: false };
  const given = new Set<Option>();
  let table: keyof typeof TABLES = 'conntrack';

  for (let at = 0; at < argv.length; at++) {
    const word = argv[at];
    if (word === '--') break;
    if (!word.startsWith('-') || word === '-') continue;
    for (const { option, attached, text } of optionsIn(word)) {
      let value = attached;
      if (option.argument === 'required' && value === undefined) {
        value = argv[++at];
        if (value === undefined) throw new UsageError(`option \`${text}' requires an argument`);
      }
      if (option.help === undefined) throw new UsageError(`the option \`${text}' of conntrack(8) is not there yet`);
      if (option.command !== undefined) {
        if (settings.command !== undefined) throw new UsageError('Invalid commands combination');
        settings.command = option.command;
        const next = argv[at + 1];
        if (value === undefined && next !== undefined && !/^[-!]/.test(next)) value = next;
        if (value !== undefined) table = tableOf(value);
      } else {
        given.add(option);
        option.apply?.(settings, value ?? '');
      }
    }
  }

  for (const option of OPTIONS) {
    if (given.has(option) && !(option.with ?? ALL).includes(settings.command as Command))
      throw new UsageError(`Illegal option \`${nameOf(option)}' with this command`);
  }
  if (settings.output.has('json') && settings.output.has('ndjson'))
    throw new UsageError("cannot combine the outputs `json' and `ndjson'");
  if (table === 'expect') throw new UsageError("the table `expect' is not there yet");
  if (table !== 'conntrack' && settings.command !== 'list')
    throw new UsageError("Can't do that command with tables `dying' and `unconfirmed'");
  settings.table = table;
  return settings;
}

interface Found {
  option: Option;
  /** The argument in the same word. */
  attached: string | undefined;
  /** As it was written, for messages. */
  text: string;
}

/** The options that a word of the command line holds: a long one, or a letter, or several. */
function optionsIn(word: string): Found[] {
  if (word.startsWith('--')) return [longOption(word)];
  const found: Found[] = [];
  for (let at = 1; at < word.length; at++) {
    const text = `-${word[at]}`;
    const option = OPTIONS.find(({ short }) => short === word[at]);
    if (option === undefined) throw new UsageError(`unknown option \`${text}'`);
    const rest = word.slice(at + 1);
    if (option.argument === undefined || rest === '') {
      found.push({ option, attached: undefined, text });
    } else {
      found.push({ option, attached: rest, text });
      break;
    }
  }
  return found;
}

function longOption(word: string): Found {
  const equals = word.indexOf('=');
  const name = word.slice(2, equals < 0 ? undefined : equals);
  const attached = equals < 0 ? undefined : word.slice(equals + 1);
  const exact = OPTIONS.filter(({ long }) => long.includes(name));
  const matches = exact.length > 0 ? exact : OPTIONS.filter(({ long }) => long.some((each) => each.startsWith(name)));
  const [option] = matches;
  if (matches.length !== 1 || (attached !== undefined && option.argument === undefined))
    throw new UsageError(`unknown option \`${word}'`);
  return { option, attached, text: `--${name}` };
}

function tableOf(name: string): keyof typeof TABLES {
  const table = name === '' ? undefined : Object.keys(TABLES).find((each) => each.startsWith(name));
  if (table === undefined) throw new UsageError(`unknown type \`${name}'`);
  return table as keyof typeof TABLES;
}

const COLUMN = 29;

/** A row's lines in the help. */
function helpOf({ short, long, placeholder, help = [] }: Option): string {
  const names = `${short === undefined ? '    ' : `-${short}, `}--${long[0]}${placeholder === undefined ? '' : ` ${placeholder}`}`;
  const indent = ' '.repeat(COLUMN);
  const first = `  ${names}`.padEnd(COLUMN);
  const lines = help.map((line, index) => (index === 0 && first.length === COLUMN ? first : indent) + line);
  return (first.length > COLUMN ? [first.trimEnd(), ...lines] : lines).join('\n');
}

/** What -h prints. */
export function helpText(): string {
  const shown = OPTIONS.filter(({ help }) => help !== undefined);
  const missing = OPTIONS.filter(({ help, short }) => help === undefined && short !== undefined);
  return `${NAME}: the connection tracking table of the Linux kernel.
Options, output and exit status are those of conntrack(8).

Usage: ctnetlink COMMAND [OPTION...]

Commands:
${shown
  .filter(({ command }) => command !== undefined)
  .map(helpOf)
  .join('\n')}

Tables: conntrack (the default), dying, unconfirmed

Options:
${shown
  .filter(({ command }) => command === undefined)
  .map(helpOf)
  .join('\n')}

Examples:
  ctnetlink -L                           all flows, one a line
  ctnetlink -L -f ipv6 -o id,extended    those of IPv6, with more about each
  ctnetlink -L -o json                   the same for programs
  ctnetlink -L --record flows.pcap       keep what the kernel said
  ctnetlink -L --replay flows.pcap       and look at it again, on any machine

The live table needs root or CAP_NET_ADMIN; to try it without, in an empty
network of your own: unshare -rn ctnetlink -L

Not there yet of conntrack(8): the table expect, -o xml and -o save, and
${missing.map(({ short }) => `-${short}`).join(' ')}
`;
}
