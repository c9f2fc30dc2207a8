/**
 * The command lines that are compared: made from the tables of commands and options, so that an option without a case
 * is none that passes.
 */
import { COMMANDS } from '../../../src/cli/options/commands.ts';
import type { Alternatives, Commands, Letter, Option } from '../../../src/cli/options/option.ts';
import { ADDRESSES, OPTIONS } from '../../../src/cli/options/options.ts';
import { PROTOCOL_OPTIONS, type ProtocolOptions } from '../../../src/cli/options/protocols.ts';
import type { TableName } from '../../../src/cli/options/settings.ts';
import { PROTOCOLS } from '../../../src/ctnetlink/names.ts';
import { MIXED } from '../differential/state.ts';
import { words } from '../differential/topic.ts';
import type { Case } from './case.ts';

/**
 * What each option is given, the first in lines that are about others; none: it is given without. Beside them, each of
 * its `values`.
 */
const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  src: ['10.0.0.1', '10.0.0.0/24', 'fd00::1', 'fd00::/64'],
  dst: ['10.0.1.1', '10.0.1.0/24', 'fd00:1::1', 'fd00:1::/64'],
  'reply-src': ['10.0.1.1', '192.0.2.2', 'fd00:1::1'],
  'reply-dst': ['10.0.0.1', '192.0.2.1', 'fd00::1'],
  protonum: ['udp', 'esp', '2', '89', 'vrrp'],
  timeout: ['100', '0', '4294967295'],
  status: ['ASSURED,SEEN_REPLY,FIXED_TIMEOUT'],
  zero: [],
  'event-mask': ['NEW,DESTROY'],
  'tuple-src': ['10.0.0.1', 'fd00::1'],
  'tuple-dst': ['10.0.1.1', 'fd00:1::1'],
  'mask-src': ['255.255.255.0', 'ffff::'],
  'mask-dst': ['255.255.0.0', 'ffff:ffff::'],
  mark: ['5', '0', '0xffffffff', '0x12/0xff', '0/0xff'],
  id: ['{ID}'],
  family: [],
  'src-nat': ['192.0.2.1', '192.0.2.1:2000', 'fd00:2::1', '[fd00:2::1]:2000'],
  'dst-nat': ['192.0.2.2', '192.0.2.2:8080', 'fd00:2::2', '[fd00:2::2]:8080'],
  'any-nat': ['192.0.2.2', '192.0.2.2:8080', 'fd00:2::2'],
  output: ['id,extended'],
  secmark: ['7'],
  'buffer-size': ['65536'],
  zone: ['3', '0', '65535'],
  label: ['one', 'one,two'],
  'label-add': ['one', 'zero,last'],
  'label-del': ['one', 'one,two'],
  labelmap: ['/dev/null'],
  'orig-zone': ['4', '0'],
  'reply-zone': ['5', '0'],
  'nat-range': ['192.0.2.1'],
  state: [],
  role: [],
  'icmp-type': ['8', '0', '13', '17'],
  'icmp-code': ['0', '1'],
  'icmp-id': ['77', '0'],
  'icmpv6-type': ['128', '129'],
  'icmpv6-code': ['0', '1'],
  'icmpv6-id': ['77', '0'],
  'orig-vtag': ['1', '4294967280'],
  'reply-vtag': ['2', '0'],
};

/** Of ports and keys, by their places: `sport`, `reply-key-dst`. */
const PORT = /^(?:s|d)port$|^(?:reply|mask|tuple)-port-(?:src|dst)$/;
const KEY = /^(?:src|dst)key$|^(?:reply|mask|tuple)-key-(?:src|dst)$/;

/** Commands that change the table: before each program it is made again. */
const CHANGING = 'DIAUFR';

/** What is not run, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  '-o json': 'ours alone has it',
  '-o ndjson': 'ours alone has it',
  '-M ': 'conntrack(8) 1.4.7 does not have it',
  '--state HEARTBEAT_SENT': 'conntrack(8) 1.4.7 crashes (SIGSEGV)',
  '--state HEARTBEAT_ACKED': 'conntrack(8) 1.4.7 crashes (SIGSEGV)',
};

/** Options that conntrack(8) 1.4.7 does not have, or not with that command. */
export const NOT_THEIRS: readonly string[] = ['-M', '-C -o', '-S -o'];

/** The values an option is tried with. @throws Error for one that nobody has thought of */
function samplesOf({ long, values = [], argument }: Option): (string | undefined)[] {
  const [name] = long;
  const own = PORT.test(name)
    ? [/src|sport/.test(name) ? '1000' : '80', '0', '65535']
    : KEY.test(name)
      ? ['16', '0x20']
      : SAMPLES[name];
  if (own === undefined) throw new Error(`--${name} has no case: give it values in SAMPLES of ${import.meta.url}`);
  const all: (string | undefined)[] = [...own, ...values];
  return argument === 'required' ? all : [undefined, ...(argument === 'optional' ? all : [])];
}

type Given = ReadonlyMap<Option, string | undefined>;

interface Line {
  letter: Letter;
  table: TableName;
  protocol: string | undefined;
  given: Given;
}

function isOf(commands: Commands | undefined, { letter, table }: Pick<Line, 'letter' | 'table'>): boolean {
  return (table === 'expect' ? commands?.expect : commands?.conntrack)?.includes(letter) === true;
}

const isIpv6 = (value: string | undefined): boolean => value !== undefined && /[\da-f]*:[\da-f]*:/.test(value);

/** A value that goes with those of this family. */
function sampleFor(row: Option, ipv6: boolean): string | undefined {
  const samples = samplesOf(row);
  const fits = samples.find((value) => value !== undefined && isIpv6(value) === ipv6);
  return fits ?? samples[0];
}

function protocolRow(name: string): ProtocolOptions {
  return PROTOCOL_OPTIONS[name] ?? { number: 0, options: [] };
}

function pairOf({ pairs, needed }: Alternatives, rows: readonly Option[], line: Pick<Line, 'letter' | 'table'>) {
  return isOf(needed, line) ? pairs[0].map((name) => rows.find(({ long }) => long.includes(name))!) : [];
}

/** What a command cannot do without, for this protocol: undefined where it does not take -p. */
function base(
  letter: Letter,
  table: TableName,
  protocol: string | undefined,
  ipv6: boolean,
): Map<Option, string | undefined> {
  const line = { letter, table };
  const given = new Map<Option, string | undefined>();
  const add = (row: Option): void => void given.set(row, sampleFor(row, ipv6));
  for (const row of OPTIONS) if (isOf(row.needed, line)) add(row);
  for (const row of pairOf(ADDRESSES, OPTIONS, line)) add(row);
  if (protocol === undefined) return given;
  for (const row of OPTIONS) if (row.short === 'p') given.set(row, protocol);
  const { options, alternatives } = protocolRow(protocol);
  for (const row of options) if (isOf(row.needed, line)) add(row);
  if (alternatives !== undefined) for (const row of pairOf(alternatives, options, line)) add(row);
  return given;
}

/** -U without an address or -f is refused by the kernel. */
function withFamily(letter: Letter, given: Map<Option, string | undefined>, ipv6: boolean): void {
  if (letter !== 'U' || [...given.keys()].some(({ short }) => /^[sdrqf]$/.test(short ?? ''))) return;
  given.set(OPTIONS.find(({ short }) => short === 'f')!, ipv6 ? 'ipv6' : 'ipv4');
}

function argvOf({ letter, table, given }: Line): string[] {
  const argv = table === 'conntrack' ? [`-${letter}`] : [`-${letter}`, table];
  for (const [{ short, long }, value] of given) {
    const name = short === undefined ? `--${long[0]}` : `-${short}`;
    argv.push(name, ...(value === undefined ? [] : [value]));
  }
  return argv;
}

/** Each option of each command with each of its values, for each protocol where it is the protocol's. */
function* singles(): Generator<Line> {
  for (const { letter } of COMMANDS) {
    if (letter === undefined || 'hVR'.includes(letter)) continue;
    for (const table of ['conntrack', 'expect', 'dying', 'unconfirmed'] as const) {
      if (table === 'expect' ? 'AU'.includes(letter) : table !== 'conntrack' && letter !== 'L') continue;
      const line = { letter, table };
      const takesProtocol = OPTIONS.some((row) => row.short === 'p' && isOf(row.with, line));
      const bare = base(letter, table, 'GIA'.includes(letter) && takesProtocol ? 'udp' : undefined, false);
      withFamily(letter, bare, false);
      yield { ...line, protocol: undefined, given: bare };
      for (const row of OPTIONS) {
        if (row.ours === true || !isOf(row.with, line)) continue;
        for (const value of samplesOf(row)) {
          const ipv6 = isIpv6(value) || value === 'ipv6';
          const given = base(letter, table, 'GIA'.includes(letter) && takesProtocol ? 'udp' : undefined, ipv6);
          given.set(row, value);
          // --mask-src goes with --src only.
          const masked = /^mask-(src|dst)$/.exec(row.long[0]);
          const of = OPTIONS.find(({ long }) => long[0] === masked?.[1]);
          if (of !== undefined && table === 'conntrack') given.set(of, sampleFor(of, ipv6));
          withFamily(letter, given, ipv6);
          yield { ...line, protocol: undefined, given };
        }
      }
      if (!takesProtocol) continue;
      for (const protocol of Object.keys(PROTOCOLS)) {
        const ipv6 = protocol === 'icmpv6';
        const plain = base(letter, table, protocol, ipv6);
        withFamily(letter, plain, ipv6);
        yield { ...line, protocol, given: plain };
        for (const row of protocolRow(protocol).options) {
          if (!isOf(row.with, line)) continue;
          for (const value of samplesOf(row)) {
            const given = base(letter, table, protocol, ipv6);
            given.set(row, value);
            withFamily(letter, given, ipv6);
            yield { ...line, protocol, given };
          }
        }
      }
    }
  }
}

/** Two options beside each other: what one says must not change what is sent of the other. */
function* pairs(): Generator<Line> {
  const letter = 'I';
  const table = 'conntrack';
  const rows = OPTIONS.filter(
    (row) => row.ours !== true && row.long[0] !== 'nat-range' && isOf(row.with, { letter, table }),
  );
  for (const protocol of ['tcp', 'icmp', '89'] as const) {
    for (const [at, one] of rows.entries()) {
      for (const other of rows.slice(at + 1)) {
        if ([one, other].some(({ short }) => short === 'p')) continue;
        const given = base(letter, table, protocol, false);
        given.set(one, sampleFor(one, false));
        given.set(other, sampleFor(other, false));
        yield { letter, table, protocol, given };
      }
    }
  }
}

/**
 * What -U changes: conntrack(8) does not find a flow of another zone, and ends with one whose timeout is fixed,
 * wherever that is in the order of the hash.
 */
const CHANGEABLE = MIXED.filter((line) => !/ -w |zone|FIXED_TIMEOUT/.test(line));

/** The addresses that -I takes; one pair must be whole. */
const DIRECTIONS = ['sd', 'sdr', 'sdq', 'sdrq', 'rq', 'srq', 'drq'];

/** What goes with -p in lines about the reply: as -o save writes it, for a reply that is no plain inverse. */
const WHOLE: Readonly<Record<string, string>> = {
  tcp: '--sport 1 --dport 2 --reply-port-src 3 --reply-port-dst 4 --state ESTABLISHED',
  udp: '--sport 1 --dport 2 --reply-port-src 3 --reply-port-dst 4',
  udplite: '--sport 1 --dport 2 --reply-port-src 3 --reply-port-dst 4',
  sctp: '--sport 1 --dport 2 --reply-port-src 3 --reply-port-dst 4 --state ESTABLISHED --orig-vtag 5 --reply-vtag 6',
  dccp: '--sport 1 --dport 2 --reply-port-src 3 --reply-port-dst 4 --state OPEN --role client',
  icmp: '--icmp-type 8 --icmp-code 0 --icmp-id 9',
  icmpv6: '--icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 9',
  gre: '--srckey 1 --dstkey 2 --reply-key-src 3 --reply-key-dst 4',
  esp: '',
  2: '',
  89: '',
};

/** Every protocol with every set of addresses, in both families, with NAT and without. */
function* replies(): Generator<string> {
  for (const [protocol, options] of Object.entries(WHOLE)) {
    for (const ipv6 of protocol === 'icmp' ? [false] : protocol === 'icmpv6' ? [true] : [false, true]) {
      const address = (four: string, six: string): string => (ipv6 ? six : four);
      const values: Readonly<Record<string, string>> = {
        s: address('10.0.0.1', 'fd00::1'),
        d: address('10.0.1.1', 'fd00:1::1'),
        r: address('10.0.1.9', 'fd00:1::9'),
        q: address('10.0.0.9', 'fd00::9'),
      };
      const nat = `-n ${address('192.0.2.1', 'fd00:2::1')}`;
      for (const set of DIRECTIONS) {
        const addresses = [...set].map((letter) => `-${letter} ${values[letter]}`).join(' ');
        for (const more of ['', ` ${nat} -g ${address('192.0.2.2', 'fd00:2::2')}`])
          yield `-t 60 ${addresses}${more} -p ${protocol} ${options}`.trimEnd();
      }
    }
  }
}

/** What the commands with -I and -A cannot do anything about. */
const NONE: readonly string[] = [];

function caseOf(line: Line): Case {
  const { letter, table } = line;
  const creates = (letter === 'I' || letter === 'A') && table === 'conntrack';
  const state = creates ? NONE : letter === 'U' ? CHANGEABLE : MIXED;
  return { argv: argvOf(line), state, changes: CHANGING.includes(letter) };
}

/** Each command line once. */
export function allCases(): Case[] {
  const cases = new Map<string, Case>();
  for (const line of [...singles(), ...pairs()]) {
    const made = caseOf(line);
    const text = made.argv.join(' ');
    if (!Object.keys(LEFT_OUT).some((part) => text.includes(part))) cases.set(text, made);
  }
  cases.set('-R {FILE}', {
    argv: ['-R', '{FILE}'],
    state: NONE,
    changes: true,
    file: MIXED.filter((line) => !line.includes('--label')),
  });
  const described = [...replies()];
  for (const each of described) cases.set(`-I ${each}`, { argv: words(`-I ${each}`), state: NONE, changes: true });
  for (const each of described.filter((line) => / -s .* -r .* -q (?!.* -n )/.test(line)))
    cases.set(`-R -A ${each}`, { argv: ['-R', '{FILE}'], state: NONE, changes: true, file: [`-A ${each}`] });
  for (const each of FURTHER) cases.set(each, { argv: words(each), state: CHANGEABLE, changes: true });
  return [...cases.values()];
}

/** What the tables do not lead to. */
const FURTHER: readonly string[] = [
  '-D',
  // conntrack(8) takes a status behind a mark for the mark.
  '-U -f ipv4 -p tcp -u FIXED_TIMEOUT -m 0x77 -t 500',
];
