/**
 * The table that the matrix of destructive calls works on, and which of its flows a filter is about. What is here knows
 * nothing of the package's own filters: it reads flows as JSON, and node:net compares the prefixes of addresses.
 */
import { BlockList } from 'node:net';
import type { FlowInit, TupleInit } from '../../../src/ctnetlink/attributes/flow-properties.ts';
import type { Filter, Masked, TupleFilter } from '../../../src/ctnetlink/filter/filter.ts';
import type { Ranges } from '../../../src/ctnetlink/filter/ranges.ts';
import { Flow } from '../../../src/ctnetlink/flow.ts';
import * as nf from '../../../src/uapi/nf_conntrack_common.ts';

type Tuple = Record<string, string | number | undefined>;

/** A flow of the table, as JSON has it. */
export interface Entry {
  readonly orig: Tuple;
  readonly reply: Tuple;
  readonly zone?: number;
  readonly mark?: number;
  readonly status?: readonly string[];
  readonly countersOrig?: { packets?: number | bigint };
}

export function entryOf(flow: Flow): Entry {
  return flow.toJSON() as unknown as Entry;
}

/** What distinguishes a flow from all others in the table: tuples and zones. */
export function keyOf({ orig, reply, zone }: Entry): string {
  const text = (tuple: Tuple): string =>
    ['src', 'dst', 'proto', 'sport', 'dport', 'icmpType', 'icmpCode', 'icmpId', 'zone']
      .map((name) => tuple[name] ?? '-')
      .join(' ');
  return `${zone ?? 0} | ${text(orig)} | ${text(reply)}`;
}

export function packetsOf({ countersOrig }: Entry): number {
  return Number(countersOrig?.packets ?? 0);
}

const IPS: Readonly<Record<string, number>> = {
  SEEN_REPLY: nf.IPS_SEEN_REPLY,
  ASSURED: nf.IPS_ASSURED,
  CONFIRMED: nf.IPS_CONFIRMED,
  FIXED_TIMEOUT: nf.IPS_FIXED_TIMEOUT,
};

/** Whether the filter matches this flow: the one definition of filters for these tests. */
export function selects(filter: Filter, entry: Entry): boolean {
  const { family, mark, status, zone, orig, reply } = filter;
  const bits = (names: unknown): number =>
    typeof names === 'number' ? names : (names as readonly string[]).reduce((sum, name) => sum | IPS[name], 0);
  const under = (has: number, { value, mask }: Masked): boolean => (has & mask) >>> 0 === value >>> 0;
  if (family !== undefined && entry.orig.family !== family) return false;
  if (mark !== undefined && !under(entry.mark ?? 0, typeof mark === 'number' ? { value: mark, mask: -1 } : mark))
    return false;
  if (status !== undefined) {
    const masked = typeof status === 'object' && 'mask' in status ? status : { value: status, mask: status };
    // In the table every flow is confirmed; other bits come as the kernel sets them.
    if (!under(bits(entry.status ?? []), { value: bits(masked.value), mask: bits(masked.mask) })) return false;
  }
  if (zone !== undefined && (entry.zone ?? entry.orig.zone ?? entry.reply.zone ?? 0) !== zone) return false;
  return tupleMatches(orig, entry.orig, entry.zone) && tupleMatches(reply, entry.reply, entry.zone);
}

function tupleMatches(wanted: TupleFilter | undefined, has: Tuple, zone: number | undefined): boolean {
  for (const [name, value] of Object.entries(wanted ?? {})) {
    if (name === 'src' || name === 'dst') {
      if (!inPrefix(value as string, has[name] as string)) return false;
    } else if (name === 'zone') {
      if ((has.zone ?? zone ?? 0) !== value) return false;
    } else if (name === 'sport' || name === 'dport') {
      if (!inRanges(value as Ranges, has[name] as number | undefined)) return false;
    } else if (has[name] !== value) return false;
  }
  return true;
}

function inRanges(ranges: Ranges, port: number | undefined): boolean {
  const all = (typeof ranges === 'number' || 'from' in ranges ? [ranges] : ranges).map((each) =>
    typeof each === 'number' ? { from: each, to: each } : each,
  );
  return port !== undefined && all.some(({ from, to }) => port >= from && port <= to);
}

function inPrefix(prefix: string, address: string): boolean {
  const [network, length = network.includes(':') ? '128' : '32'] = prefix.split('/');
  const [wanted, has] = [network, address].map((each) => (each.includes(':') ? 'ipv6' : 'ipv4'));
  if (wanted !== has) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(length), wanted);
  return list.check(address, has);
}

/** What a flow may have beside its tuples. */
type More = Omit<FlowInit, 'orig' | 'reply'> & { origZone?: number; replyZone?: number; reply?: TupleInit };

function flow(tuple: TupleInit, { origZone, replyZone, reply, ...more }: More = {}): FlowInit {
  const { src, dst, sport, dport, icmpType, ...rest } = tuple;
  const answers: Readonly<Record<number, number>> = { 8: 0, 13: 14, 128: 129 };
  const inverted: TupleInit = { ...rest, src: dst, dst: src };
  if (sport !== undefined) Object.assign(inverted, { sport: dport, dport: sport });
  if (icmpType !== undefined) inverted.icmpType = answers[icmpType];
  return {
    timeout: 600,
    ...(tuple.proto === 'tcp' ? { tcp: { state: 'ESTABLISHED' } } : {}),
    ...more,
    orig: { ...tuple, ...(origZone === undefined ? {} : { zone: origZone }) },
    reply: { ...inverted, ...reply, ...(replyZone === undefined ? {} : { zone: replyZone }) },
  } as FlowInit;
}

const DNS = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'udp', sport: 1000, dport: 53 } as const;
const PING = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 7 } as const;
const SIX = { src: 'fd00::1', dst: 'fd00:1::1', proto: 'udp', sport: 1000, dport: 53 } as const;
const BARE = { proto: 89, src: '10.0.0.1', dst: '10.1.0.1' } as const;
const AWAY = { proto: 89, src: '10.0.0.3', dst: '10.1.0.3' } as const;
const BACK = { proto: 89, src: '10.1.0.1', dst: '10.0.0.1' } as const;
const SIX_BARE = { proto: 89, src: 'fd00::1', dst: 'fd00:1::1' } as const;
const SIX_BACK = { proto: 89, src: 'fd00:1::1', dst: 'fd00::1' } as const;

/** In the order in which they are created, which decides what hides what. */
export const TABLE: readonly FlowInit[] = [
  flow(DNS),
  flow({ ...DNS, dport: 5353 }, { mark: 7 }),
  flow({ ...DNS, dport: 5354 }, { mark: 3, status: ['SEEN_REPLY'] }),
  flow({ ...DNS, src: '10.0.0.2' }, { mark: 7, status: ['SEEN_REPLY', 'ASSURED'] }),
  flow({ ...DNS, src: '10.0.0.3' }, { mark: 1, status: ['FIXED_TIMEOUT'] }),
  flow({ ...DNS, src: '10.0.1.1' }, { mark: 0x80000000 }),
  flow({ ...DNS, src: '172.16.0.1' }, { mark: 0xffffffff }),
  // The same tuples in other zones.
  flow(DNS, { zone: 5 }),
  flow(DNS, { zone: 7, mark: 7 }),
  flow({ ...DNS, sport: 1001 }, { origZone: 5 }),
  flow({ ...DNS, sport: 1002 }, { replyZone: 5 }),
  flow({ ...DNS, proto: 'tcp' }, { mark: 7 }),
  flow({ ...DNS, proto: 'tcp', dport: 80 }, { status: ['SEEN_REPLY', 'ASSURED'] }),
  flow({ ...DNS, proto: 'tcp', dport: 80 }, { zone: 5, status: ['SEEN_REPLY', 'ASSURED'] }),
  flow({ ...DNS, proto: 'sctp' }),
  flow({ ...DNS, proto: 'gre', sport: 0x10, dport: 0x20 }, { mark: 1 }),
  // Source and destination translated.
  flow({ ...DNS, sport: 2000 }, { reply: { dst: '192.0.2.1', dport: 2001 }, mark: 3 }),
  flow({ ...DNS, sport: 2002 }, { reply: { src: '192.0.2.2', sport: 5300 } }),
  flow(PING),
  flow({ ...PING, icmpId: 8 }, { mark: 7 }),
  flow({ ...PING, icmpType: 13 }),
  flow(PING, { zone: 5 }),
  flow(SIX),
  flow({ ...SIX, src: 'fd00::2' }, { mark: 7 }),
  flow({ ...SIX, src: 'fd00:0:0:1::1' }, { mark: 3, status: ['SEEN_REPLY'] }),
  flow(SIX, { zone: 5, mark: 7 }),
  flow({ ...SIX, proto: 'tcp', dport: 80 }, { status: ['SEEN_REPLY', 'ASSURED'] }),
  flow({ src: 'fd00::1', dst: 'fd00:1::1', proto: 'icmpv6', icmpType: 128, icmpCode: 0, icmpId: 9 }),
  // What the kernel finds by the original tuple of one is another's reply: by its own reply tuple too, of the first of
  // each three.
  flow(BARE, { replyZone: 5 }),
  flow(AWAY, { origZone: 5, reply: { src: BARE.src, dst: BARE.dst } }),
  flow(BACK, { origZone: 5, reply: { src: '10.0.0.5', dst: '10.0.0.6' }, mark: 7 }),
  flow({ ...BARE, proto: 90 }),
  flow({ ...AWAY, proto: 90 }, { origZone: 5, reply: { src: BARE.src, dst: BARE.dst } }),
  flow({ ...BACK, proto: 90 }, { replyZone: 5, reply: { src: '10.0.0.5', dst: '10.0.0.6' }, mark: 7 }),
  flow({ ...BARE, proto: 91 }, { zone: 5, mark: 7 }),
  flow({ ...AWAY, proto: 91 }, { replyZone: 5, reply: { src: BARE.src, dst: BARE.dst } }),
  flow(SIX_BARE, { replyZone: 5, mark: 7 }),
  flow(SIX_BACK, { origZone: 5 }),
];

/** What names each of them. */
export const KEYS: readonly string[] = TABLE.map((each) => keyOf(entryOf(Flow.from(each))));

/** Every property alone, addresses with prefixes of several lengths, values under masks, and pairs. */
export const FILTERS: readonly Filter[] = [
  { family: 'ipv4' },
  { family: 'ipv6' },
  { mark: 0 },
  { mark: 7 },
  { mark: 0xffffffff },
  { mark: 99 },
  { mark: { value: 1, mask: 1 } },
  { mark: { value: 0, mask: 1 } },
  { mark: { value: 0x80000000, mask: 0xc0000000 } },
  { mark: { value: 7, mask: 3 } },
  { status: ['ASSURED'] },
  { status: ['SEEN_REPLY', 'ASSURED'] },
  { status: nf.IPS_FIXED_TIMEOUT },
  { status: { value: 0, mask: ['SEEN_REPLY'] } },
  { status: { value: ['SEEN_REPLY'], mask: ['SEEN_REPLY', 'ASSURED'] } },
  { zone: 0 },
  { zone: 5 },
  { zone: 7 },
  { zone: 9 },
  { orig: { src: '10.0.0.1' } },
  { orig: { src: '10.0.0.0/8' } },
  { orig: { src: '10.0.0.2/31' } },
  { orig: { src: '10.0.0.1/32' } },
  { orig: { dst: '10.1.0.0/16' } },
  { orig: { src: '0.0.0.0/0' } },
  { orig: { src: 'fd00::1' } },
  { orig: { src: 'fd00::/64' } },
  { orig: { src: 'fd00::2/127' } },
  { orig: { dst: 'fd00:1::1/128' } },
  { orig: { src: '::/0' } },
  { orig: { proto: 'udp' } },
  { orig: { proto: 89 } },
  { orig: { proto: 'gre' } },
  { orig: { proto: 'udp', dport: 5353 } },
  { orig: { proto: 'udp', sport: 1000 } },
  { orig: { dport: 53 } },
  { orig: { proto: 'sctp', sport: 1000 } },
  { orig: { proto: 'udp', dport: [53, 5354] } },
  { orig: { proto: 'udp', sport: { from: 1001, to: 2000 } } },
  {
    orig: {
      proto: 'tcp',
      sport: { from: 1, to: 65535 },
      dport: [
        { from: 70, to: 79 },
        { from: 80, to: 90 },
      ],
    },
  },
  { orig: { proto: 'udp', dport: { from: 54, to: 5352 } } },
  { orig: { dport: { from: 54, to: 5353 } } },
  // All that have ports.
  { orig: { dport: { from: 0, to: 65535 } } },
  { orig: { proto: 'udp' }, reply: { sport: { from: 5300, to: 5353 }, dport: [1000, 2002] } },
  { orig: { proto: 'icmp', icmpType: 8 } },
  { orig: { proto: 'icmp', icmpType: 13, icmpCode: 0 } },
  { orig: { proto: 'icmp', icmpId: 7 } },
  { orig: { proto: 'icmpv6', icmpId: 9 } },
  { orig: { zone: 5 } },
  { reply: { src: '10.1.0.1' } },
  { reply: { dst: '10.0.0.0/24' } },
  { reply: { dst: '192.0.2.1' } },
  { reply: { proto: 'udp', dport: 2001 } },
  { reply: { src: 'fd00:1::1' } },
  { reply: { zone: 5 } },
  { family: 'ipv4', mark: 7 },
  { family: 'ipv6', mark: 7, status: { value: 0, mask: ['ASSURED'] } },
  { family: 'ipv4', orig: { proto: 'udp', dport: 53 } },
  { family: 'ipv6', orig: { proto: 'udp' } },
  { family: 'ipv4', orig: { proto: 'udp', src: '10.0.0.1', dport: [53, 5353] } },
  { family: 'ipv6', orig: { proto: 'tcp', dport: [53, { from: 80, to: 81 }] } },
  { family: 'ipv6', mark: 7, orig: { proto: 'udp', sport: { from: 999, to: 1001 } } },
  { family: 'ipv4', zone: 0 },
  { zone: 5, mark: 7 },
  { zone: 5, orig: { proto: 'udp', src: '10.0.0.1' } },
  { status: ['SEEN_REPLY'], mark: { value: 3, mask: 3 } },
  { orig: { src: '10.0.0.1' }, reply: { dst: '192.0.2.1' } },
  { family: 'ipv4', orig: { src: '10.0.0.1', zone: 5 } },
];

/** Each sends other parts of a filter to the kernel. */
export const RELEASES: readonly string[] = ['4.19.0', '5.4.0', '5.10.0', '5.15.0', '6.0.0', '6.6.0', '6.18.0'];
