/** The options that -p brings, as data: each protocol has its own, and which commands take or need them. */
import { DCCP_ROLES, DCCP_STATES, SCTP_STATES, TCP_STATES } from '../../ctnetlink/names.ts';
import { DCCP_ROLE, ORIG, REPLY, slotOfProperty } from '../../ctnetlink/slots.ts';
import { HOST_LITTLE_ENDIAN, swap32 } from '../../netlink/byteorder.ts';
import * as ipproto from '../../uapi/in.ts';
import { type Alternatives, type Commands, nameOf, type Option } from './option.ts';
import { UsageError } from './settings.ts';
import { portsOf, protocolByName, unsigned, wholeNumber } from './values.ts';

export interface ProtocolOptions {
  readonly number: number;
  readonly options: readonly Option[];
  readonly alternatives?: Alternatives;
}

/** Which object of the settings an option sets a part of. */
type Part = 'flow' | 'mask' | 'expected';

const SELECTING: Commands = { conntrack: 'LGDIAUE' };
const EXPECT_CREATE: Commands = { expect: 'I' };

/** An option that sets an integer in a slot of the flow, of the expected flow or of the mask. */
function integer(
  long: readonly string[],
  help: string,
  { part = 'flow', slot, bits, base = 10 }: { part?: Part; slot: number; bits: number; base?: 0 | 10 },
  taken: Pick<Option, 'with' | 'needed'>,
): Option {
  const placeholder = /port/.test(long[0]) ? 'PORT' : /key/.test(long[0]) ? 'KEY' : 'NUMBER';
  return {
    long,
    argument: 'required',
    placeholder,
    help,
    ...taken,
    apply: (settings, value) => {
      const { slots } = settings[part];
      slots[slot] = bits === 32 ? unsigned(value!, bits, base) | 0 : unsigned(value!, bits, base);
      if (part !== 'flow') slots[ORIG.proto] = settings.flow.slots[ORIG.proto];
    },
  };
}

/** An option that selects by one or several ports, or that sets one in a flow that is described. */
function portOption(
  long: readonly string[],
  help: string,
  slot: number,
  taken: Pick<Option, 'with' | 'needed'>,
): Option {
  return {
    long,
    argument: 'required',
    placeholder: 'PORTS',
    help: `${help}; selections also take ranges and lists: 53:54,80`,
    ...taken,
    apply: (settings, value) => {
      settings.setPorts(slot, portsOf(value!));
      if (/[:,]/.test(value!)) settings.severalPorts = nameOf({ long });
    },
  };
}

/** A port, or a GRE key, of either end in each of the places that it can be given for. */
function ends(noun: 'port' | 'key', first: readonly [string, string], base: 0 | 10): Option[] {
  const always = { with: { ...SELECTING, expect: 'GDI' }, needed: { expect: 'GDI' } };
  // Only GRE needs keys of the reply to create an expectation; the other protocols do not take them.
  const ofReply = noun === 'key' ? 'GDI' : 'GD';
  const reply = { with: { ...SELECTING, expect: ofReply }, needed: { expect: ofReply } };
  const created = { with: EXPECT_CREATE, needed: EXPECT_CREATE };
  const places = [
    { name: 'orig', of: 'in original direction', part: 'flow', tuple: ORIG, taken: always },
    { name: 'reply', of: 'in reply direction', part: 'flow', tuple: REPLY, taken: reply },
    { name: 'mask', of: 'mask of an expectation', part: 'mask', tuple: ORIG, taken: created },
    { name: 'tuple', of: 'that is expected', part: 'expected', tuple: ORIG, taken: created },
  ] as const;
  return places.flatMap(({ name, of, part, tuple, taken }) => {
    const end = (short: string, which: 'src' | 'dst', whole: string, slot: number): Option => {
      const long = `${name}-${noun}-${which}`;
      const names = name === 'orig' ? [short, long] : [long];
      const help = `${whole} ${noun} ${of}`;
      if (noun === 'port' && part === 'flow') return portOption(names, help, slot, taken);
      return integer(names, help, { part, slot, bits: 16, base }, taken);
    };
    return [end(first[0], 'src', 'source', tuple.sport), end(first[1], 'dst', 'destination', tuple.dport)];
  });
}

function state(
  property: string,
  names: Readonly<Record<string, number>>,
  complaint: string,
  needed: Commands = { conntrack: 'IA' },
): Option {
  const slot = slotOfProperty(property);
  return {
    long: ['state'],
    argument: 'required',
    placeholder: 'STATE',
    values: Object.keys(names),
    help: `one of ${Object.keys(names).join(', ')}`,
    with: SELECTING,
    needed,
    apply: ({ flow }, value) => {
      const number = Object.hasOwn(names, value!) ? names[value!] : undefined;
      if (number === undefined) throw new UsageError(`${complaint} \`${value}'`);
      flow.slots[slot] = number;
    },
  };
}

function icmp(prefix: 'icmp' | 'icmpv6'): Option[] {
  const needed = { conntrack: 'GIA' };
  return [
    integer([`${prefix}-type`], 'type', { slot: ORIG.icmpType, bits: 8 }, { with: SELECTING, needed }),
    integer([`${prefix}-code`], 'code', { slot: ORIG.icmpCode, bits: 8 }, { with: SELECTING, needed }),
    integer([`${prefix}-id`], 'echo identifier', { slot: ORIG.icmpId, bits: 16 }, { with: SELECTING }),
  ];
}

function vtag(direction: 'orig' | 'reply', slot: string): Option {
  const taken = { conntrack: 'GIAU', expect: 'I' };
  const help = `verification tag of the ${direction === 'orig' ? 'original' : 'reply'} direction`;
  const needed = { conntrack: 'IA', expect: 'I' };
  const at = slotOfProperty(slot);
  return {
    ...integer([`${direction}-vtag`], help, { slot: at, bits: 32 }, { with: taken, needed }),
    // conntrack(8) has its bytes on the wire as they lie in memory, although they are in network order there; so does
    // -o save.
    apply: ({ flow }, value) => {
      const tag = unsigned(value!, 32, 10);
      flow.slots[at] = (HOST_LITTLE_ENDIAN ? swap32(tag) : tag) | 0;
    },
  };
}

const role: Option = {
  long: ['role'],
  argument: 'required',
  placeholder: 'ROLE',
  values: Object.keys(DCCP_ROLES).map((name) => name.toLowerCase()),
  help: 'client or server: the role of the original direction',
  with: { conntrack: 'IA', expect: 'I' },
  needed: { conntrack: 'IA', expect: 'I' },
  apply: ({ flow }, value) => {
    const number = Object.entries(DCCP_ROLES).find(([name]) => name.toLowerCase() === value!.toLowerCase())?.[1];
    if (number === undefined) throw new UsageError(`Unknown DCCP role \`${value}'`);
    flow.slots[DCCP_ROLE] = number;
  },
};

/** The first, or else the second pair of ports must be given whole. */
function alternatives(noun: 'port' | 'key', first: readonly [string, string], second?: string): Alternatives {
  return {
    pairs: [first, [`reply-${noun}-src`, `reply-${noun}-dst`]],
    needed: { conntrack: 'GIA' },
    second: second ?? `you have to specify \`--reply-src-${noun}' and \`--reply-dst-${noun}'`,
  };
}

const PORTS = ['sport', 'dport'] as const;
const KEYS = ['srckey', 'dstkey'] as const;
const ports = ends('port', PORTS, 10);
const onePair = alternatives('port', PORTS);

/** The state names that conntrack(8) knows, with the old name of SYN_SENT2. */
const TCP = { ...TCP_STATES, LISTEN: TCP_STATES.SYN_SENT2 };

/** By name. */
export const PROTOCOL_OPTIONS: Readonly<Record<string, ProtocolOptions>> = {
  tcp: {
    number: ipproto.IPPROTO_TCP,
    options: [...ports, state('tcp.state', TCP, 'unknown TCP state')],
    alternatives: onePair,
  },
  udp: { number: ipproto.IPPROTO_UDP, options: ports, alternatives: onePair },
  udplite: { number: ipproto.IPPROTO_UDPLITE, options: ports, alternatives: onePair },
  sctp: {
    number: ipproto.IPPROTO_SCTP,
    options: [
      ...ports,
      state('sctp.state', SCTP_STATES, 'unknown SCTP state'),
      vtag('orig', 'sctp.vtagOrig'),
      vtag('reply', 'sctp.vtagReply'),
    ],
    alternatives: onePair,
  },
  dccp: {
    number: ipproto.IPPROTO_DCCP,
    options: [...ports, state('dccp.state', DCCP_STATES, 'Unknown DCCP state'), role],
    alternatives: alternatives('port', PORTS, "you have to specify `--reply-port-src' and `--report-port-dst'"),
  },
  icmp: { number: ipproto.IPPROTO_ICMP, options: icmp('icmp') },
  icmpv6: { number: ipproto.IPPROTO_ICMPV6, options: icmp('icmpv6') },
  gre: {
    number: ipproto.IPPROTO_GRE,
    options: ends('key', KEYS, 0),
    alternatives: alternatives('key', KEYS),
  },
};

const PROTOCOLS = Object.values(PROTOCOL_OPTIONS);

/** A protocol by name or number, and the options that it brings. @throws UsageError */
export function protocolOf(value: string): ProtocolOptions {
  const name = value.toLowerCase();
  if (Object.hasOwn(PROTOCOL_OPTIONS, name)) return PROTOCOL_OPTIONS[name];
  const given = numberOf(value);
  const number = given ?? protocolByName(value);
  if (number === undefined) throw new UsageError(`\`${value}' unsupported protocol`);
  // Other names for a protocol bring no options, as of conntrack(8).
  const known = given === undefined ? undefined : PROTOCOLS.find((protocol) => protocol.number === number);
  return known ?? { number, options: [] };
}

function numberOf(value: string): number | undefined {
  const number = wholeNumber(value);
  return number !== undefined && number <= 255 ? number : undefined;
}
