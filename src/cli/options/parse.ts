/**
 * A command line, read and checked in the order in which conntrack(8) does it, so that of two mistakes the same one is
 * reported.
 */

import { ASSUMED_TIMEOUTS } from '../../ctnetlink/offloaded.ts';
import { TIMEOUT as TIMEOUT_SLOT } from '../../ctnetlink/slots.ts';
import { type CommandRow, SHELLS, TABLES } from './commands.ts';
import { refuseWidening } from './filter-text.ts';
import { COMMAND_OPTIONS, Known, type Named, optionsIn } from './getopt.ts';
import { useLabelMap } from './labels.ts';
import { type Alternatives, type Commands, type Letter, nameOf, type Option } from './option.ts';
import { ADDRESSES, OPTIONS, PROTOCOL } from './options.ts';
import { PROTOCOL_OPTIONS, type ProtocolOptions, protocolOf } from './protocols.ts';
import { type Command, Settings, type Shell, type TableName, UsageError } from './settings.ts';

type Row = Named & ({ command: CommandRow } | Option);

const [MASK_SRC, MASK_DST] = ['mask-src', 'mask-dst'].map((name) => OPTIONS.find(({ long }) => long[0] === name)!);

/** What -z does not go with: it would set the counters of what is not listed to zero too. */
const FILTERING = OPTIONS.filter(
  ({ short, long }) => /^[sdrqpumicwl]$/.test(short ?? '') || /-zone$|^filter$/.test(long[0]),
);

/** They change nothing, and so may work in several network namespaces at once. */
const IN_SEVERAL: Commands = { conntrack: 'LCSE', expect: 'LCSE' };
/** What takes ranges and lists of ports; the others are about one flow or expectation. */
const SELECTING_SEVERAL: Commands = { conntrack: 'LDUE' };

const [TIMEOUT, STATE] = [
  OPTIONS.find(({ short }) => short === 't')!,
  PROTOCOL_OPTIONS.tcp.options.find(({ long }) => long[0] === 'state')!,
];

/** These do more where a word that was to restrict them is not understood. */
const CHANGING: ReadonlySet<Command> = new Set(['delete', 'update', 'flush']);

const GENERAL = new Known<Row>([...COMMAND_OPTIONS, ...OPTIONS]);
const WITH_PROTOCOL = new WeakMap<ProtocolOptions, Known<Row>>();

function knownWith(protocol: ProtocolOptions): Known<Row> {
  if (protocol.options.length === 0) return GENERAL;
  let known = WITH_PROTOCOL.get(protocol);
  if (known === undefined) {
    known = new Known<Row>([...COMMAND_OPTIONS, ...OPTIONS, ...protocol.options]);
    WITH_PROTOCOL.set(protocol, known);
  }
  return known;
}

/**
 * Options anywhere, long ones cut, `--` ends them. Words that are no option's are ignored behind or before a command,
 * as conntrack(8) ignores them.
 * @throws UsageError
 */
export function parse(argv: readonly string[]): Settings {
  useLabelMap();
  return new Parser(argv).settings;
}

/** An option that a command line gave. */
export interface Given {
  readonly row: Option;
  readonly value: string | undefined;
  /** Which word the value is, where that is one of its own; else -1. */
  readonly at: number;
}

export class Parser {
  readonly settings = new Settings();
  /** In their order. */
  readonly options: Given[] = [];
  readonly #given = new Set<Option>();
  readonly #namingLabels: Given[] = [];
  #command: CommandRow | undefined;
  #protocol: ProtocolOptions | undefined;
  #known = GENERAL;
  /** Words that are no option's. */
  readonly words: string[] = [];

  /** @param ofFile it is a line of -R. @throws UsageError */
  constructor(argv: readonly string[], ofFile = false) {
    for (let at = 0; at < argv.length; at++) {
      const word = argv[at];
      if (word === '--') break;
      if (!word.startsWith('-') || word === '-') {
        this.words.push(word);
        continue;
      }
      for (const { row, attached, text, last } of optionsIn(word, this.#known)) {
        // conntrack(8) looks for a table in the next word only.
        let value = 'command' in row && row.argument === 'optional' ? undefined : attached;
        const next = argv[at + 1];
        const mayFollow = row.argument === 'optional' || ('command' in row && row.command.checksTable === true);
        if (value === undefined && row.argument === 'required') {
          if (next === undefined)
            throw new UsageError(
              'command' in row ? `unknown option \`${text}'` : `option \`${text}' requires an argument`,
            );
          value = next;
          at++;
        } else if (value === undefined && mayFollow && last && next !== undefined && !/^[-!]/.test(next)) {
          value = next;
          at++;
        }
        if ('command' in row) {
          this.#setCommand(row.command, value);
        } else {
          const given = { row, value, at: value === attached ? -1 : at };
          this.options.push(given);
          if (row.namesLabels === true) this.#namingLabels.push(given);
          this.#set(row, value);
        }
      }
    }
    for (const { row, value } of this.#namingLabels) row.apply(this.settings, value);
    if (ofFile) this.#assume();
    this.#check();
  }

  /**
   * The kernel says neither the timeout nor the TCP state of an offloaded flow, so -o save writes none. conntrack(8)
   * then refuses the whole file. Such a flow is established; packets that it still has renew its timeout.
   */
  #assume(): void {
    const { command, table } = this.settings;
    if ((command !== 'add' && command !== 'create') || table !== 'conntrack' || this.#given.has(TIMEOUT)) return;
    const isTcp = this.#protocol?.number === PROTOCOL_OPTIONS.tcp.number;
    this.settings.assumed = true;
    this.#set(TIMEOUT, `${isTcp ? ASSUMED_TIMEOUTS.tcp : ASSUMED_TIMEOUTS.other}`);
    if (isTcp && !this.#given.has(STATE)) this.#set(STATE, 'ESTABLISHED');
  }

  #setCommand(command: CommandRow, value: string | undefined): void {
    if (this.#command !== undefined) throw new UsageError('Invalid commands combination');
    const settings = this.settings;
    this.#command = command;
    settings.command = command.command;
    if (command.argument === 'file') settings.file = value;
    else if (command.argument === 'shell') settings.shell = shellOf(value!);
    else if (value !== undefined) settings.table = tableOf(value);
    if (settings.table === 'expect' && (command.command === 'add' || command.command === 'update'))
      throw new UsageError(`Can't do --${command.long} on expectations`);
    if ((settings.table === 'dying' || settings.table === 'unconfirmed') && command.command !== 'list')
      throw new UsageError("Can't do that command with tables `dying' and `unconfirmed'");
  }

  #set(row: Option, value: string | undefined): void {
    this.#given.add(row);
    if (row === PROTOCOL) {
      this.#protocol = protocolOf(value!);
      this.#known = knownWith(this.#protocol);
    }
    if (row.namesLabels !== true) row.apply(this.settings, value);
  }

  #check(): void {
    const settings = this.settings;
    const [stray] = this.words;
    if (this.#command === undefined && stray !== undefined)
      throw new UsageError(`unknown command \`${stray}': commands begin with a dash, such as -L or --dump`);
    if (stray !== undefined && (settings.filter !== undefined || CHANGING.has(settings.command!)))
      throw new UsageError(
        `unknown word \`${stray}'${settings.filter === undefined ? '' : ': a filter is one argument, in quotes'}`,
      );
    const { nat, masks, output } = settings;
    if (nat.any !== undefined && (nat.src !== undefined || nat.dst !== undefined))
      throw new UsageError("cannot specify `--src-nat' or `--dst-nat' with `--any-nat'");
    if (settings.command === 'update' && settings.flow.slots[TIMEOUT_SLOT] === 0)
      throw new UsageError('a timeout of 0 would delete what matches: that is --delete');
    // A prefix length implies the mask.
    if (masks.src !== undefined) this.#given.add(MASK_SRC);
    if (masks.dst !== undefined) this.#given.add(MASK_DST);

    if (this.#command !== undefined || this.#given.size > 0) {
      this.#checkOptions(OPTIONS, ADDRESSES);
      if (this.#protocol !== undefined) this.#checkOptions(this.#protocol.options, this.#protocol.alternatives);
    }
    if (settings.severalPorts !== undefined && !this.#is(SELECTING_SEVERAL))
      throw new UsageError(
        `\`${settings.severalPorts}' takes one port with this command, which is about one flow: ranges and lists are for -L, -D, -U and -E`,
      );
    for (const [row, end] of [
      [MASK_SRC, 'src'],
      [MASK_DST, 'dst'],
    ] as const) {
      if (settings.table === 'conntrack' && this.#given.has(row) && !this.#isGiven(OPTIONS, end))
        throw new UsageError(`Can't use ${nameOf(row)} without --${end}`);
    }
    if (settings.zero && settings.table === 'conntrack' && FILTERING.some((row) => this.#given.has(row)))
      throw new UsageError("Can't use -z with filtering parameters");
    if (settings.filter !== undefined && (settings.command === 'delete' || settings.command === 'update')) {
      if (settings.filter.empty) throw new UsageError('--filter excludes nothing: leave it out if you mean every flow');
      refuseWidening(settings.filter);
    }
    if (output.has('save') && output.size > 1)
      throw new UsageError('cannot combine save output with any other output type, use -o save only', 1);
    const { command } = settings;
    const several = settings.netns.length > 1;
    if (several && !this.#is(IN_SEVERAL))
      throw new UsageError("this command takes one `--netns': -L, -C, -S and -E take several");
    if (several && output.has('save'))
      throw new UsageError("`-o save' takes one `--netns': no line could say which it is of");
    if ((command === 'count' || command === 'stats') && [...output].some((name) => !name.endsWith('json')))
      throw new UsageError(
        `Illegal option \`--output' with this command`,
        2,
        '-C and -S take -o json and -o ndjson only',
      );
    if (output.has('json') && output.has('ndjson'))
      throw new UsageError("cannot combine the outputs `json' and `ndjson'");
    if (settings.labelsAdd !== undefined && settings.labelsDelete !== undefined)
      throw new UsageError('cannot use --label-add and --label-del at the same time', 1);
  }

  #checkOptions(rows: readonly Option[], alternatives: Alternatives | undefined): void {
    for (const row of rows) {
      if (this.#given.has(row)) {
        if (!this.#is(row.with)) throw new UsageError(`Illegal option \`${nameOf(row)}' with this command`);
      } else if (this.#is(row.needed)) {
        throw new UsageError(`You need to supply the \`${nameOf(row)}' option for this command`);
      }
    }
    if (alternatives === undefined || !this.#is(alternatives.needed)) return;
    const { pairs, second } = alternatives;
    if (pairs.some((pair) => pair.every((name) => this.#isGiven(rows, name)))) return;
    const partial = pairs.findIndex((pair) => pair.some((name) => this.#isGiven(rows, name)));
    const [one, other] = pairs[Math.max(0, partial)];
    throw new UsageError(
      partial === 1 && second !== undefined ? second : `you have to specify \`--${one}' and \`--${other}'`,
    );
  }

  #isGiven(rows: readonly Option[], name: string): boolean {
    return rows.some((row) => row.long[0] === name && this.#given.has(row));
  }

  /** Whether the command, on its table, is among these. */
  #is(commands: Commands | undefined): boolean {
    const { table } = this.settings;
    const letters = table === 'expect' ? commands?.expect : commands?.conntrack;
    const letter: Letter | undefined = this.#command?.letter;
    return letter !== undefined && letters?.includes(letter) === true;
  }
}

/** @throws UsageError */
function shellOf(name: string): Shell {
  const shell = SHELLS.find((each) => each === name);
  if (shell === undefined) throw new UsageError(`unknown shell \`${name}'`);
  return shell;
}

/** Any beginning of a name, the first that fits. @throws UsageError */
function tableOf(name: string): TableName {
  const table = TABLES.find((each) => each.startsWith(name));
  if (table === undefined) throw new UsageError(`unknown type \`${name}'`);
  return table;
}
