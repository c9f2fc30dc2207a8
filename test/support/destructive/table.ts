/**
 * The table that the matrix of destructive calls works on, and the filters that they are asked for. Which of the flows
 * a filter is about is decided by the plain language (support/filters/plain.ts), not by the package.
 */
import type { FlowInit, TupleInit } from '../../../src/ctnetlink/attributes/flow-properties.ts';
import type { ExpectationTupleFilter } from '../../../src/ctnetlink/filter/expectation.ts';
import type { Filter, Masked } from '../../../src/ctnetlink/filter/filter.ts';
import { Flow } from '../../../src/ctnetlink/flow.ts';
import type { Family } from '../../../src/ctnetlink/names.ts';
import type { StatusText } from '../../../src/ctnetlink/status.ts';
import * as nf from '../../../src/uapi/nf_conntrack_common.ts';
import type { Entry } from '../filters/plain.ts';

export { type Entry, selects } from '../filters/plain.ts';

/** A filter with one value for each property, as C and its command line have them. */
export interface SimpleFilter {
  family?: Family;
  mark?: number | Masked;
  status?:
    | number
    | readonly StatusText[]
    | { value: number | readonly StatusText[]; mask: number | readonly StatusText[] };
  zone?: number;
  orig?: ExpectationTupleFilter;
  reply?: ExpectationTupleFilter;
}

export function entryOf(flow: Flow): Entry {
  return flow.toJSON() as unknown as Entry;
}

/** What distinguishes a flow from all others in the table: tuples and zones. */
export function keyOf({ orig, reply, zone }: Entry): string {
  const text = (tuple: Entry['orig']): string =>
    ['src', 'dst', 'proto', 'sport', 'dport', 'icmpType', 'icmpCode', 'icmpId', 'zone']
      .map((name) => tuple[name] ?? '-')
      .join(' ');
  return `${zone ?? 0} | ${text(orig)} | ${text(reply)}`;
}

export function packetsOf({ countersOrig }: Entry): number {
  return Number(countersOrig?.packets ?? 0);
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
export const SIMPLE_FILTERS: readonly SimpleFilter[] = [
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

/** Lists, `not`, `all`, several filters, and the properties that no kernel knows. */
const OTHER_FILTERS: readonly (Filter | readonly Filter[])[] = [
  { mark: [1, 3] },
  { mark: { from: 2, to: 7 } },
  { mark: { not: 7 } },
  { mark: { not: { value: 1, mask: 1 } } },
  {
    mark: [
      { value: 0x80000000, mask: 0x80000000 },
      { from: 3, to: 4 },
    ],
  },
  { status: { not: ['ASSURED'] } },
  { status: [['FIXED_TIMEOUT'], ['ASSURED']] },
  { zone: [5, 7] },
  { zone: { not: 0 } },
  { family: { not: 'ipv4' } },
  { family: ['ipv6'] },
  { orig: { proto: ['sctp', 'gre'] } },
  { orig: { proto: { not: ['udp', 'tcp', 89, 90, 91] } } },
  { orig: { dport: { not: [53, { from: 54, to: 6000 }] } } },
  { orig: { src: ['10.0.0.2', 'fd00::2', '172.16.0.0/12'] } },
  { orig: { src: { not: ['10.0.0.0/8', '::/0'] } } },
  { orig: { zone: [5, 7] } },
  { reply: { dst: { not: '10.0.0.1' } } },
  { host: '192.0.2.0/24' },
  { host: ['10.0.0.3', 'fd00:0:0:1::1'] },
  { host: { not: ['10.0.0.1', 'fd00::1'] } },
  { host: '0.0.0.0/0' },
  { port: 2001 },
  { port: [5354, { from: 5300, to: 5301 }] },
  { port: { not: [53, 80] } },
  { tcp: { state: 'ESTABLISHED' } },
  { tcp: { state: { not: 'ESTABLISHED' } }, orig: { proto: 'tcp' } },
  { expected: true },
  { expected: false, mark: 7 },
  { nat: 'src' },
  { nat: 'none', zone: 7 },
  { labels: 1 },
  { helper: 'ftp' },
  { timeout: { from: 0, to: 5 } },
  { timeout: { from: 6, to: 0xffffffff }, mark: 3 },
  { counters: { packets: { from: 1_000_000, to: Number.MAX_SAFE_INTEGER } } },
  { mark: 7, counters: { orig: { packets: { from: 0, to: 1_000_000 } } } },
  { not: { orig: { proto: ['udp', 'tcp', 'icmp'] } } },
  { not: [{ family: 'ipv6' }, { mark: { not: 7 } }] },
  { family: 'ipv4', not: { orig: { src: '10.0.0.0/8' } } },
  { family: 'ipv4', mark: 7, not: {} },
  { mark: 7, not: { mark: 7 } },
  { all: [{ host: '10.0.0.1' }, { host: '192.0.2.1' }] },
  { all: [{ mark: 7 }, { status: ['ASSURED'] }, { status: ['SEEN_REPLY'] }] },
  { all: [{ family: 'ipv4', orig: { proto: 'udp' } }, { orig: { proto: 'tcp' } }] },
  [{ mark: 3 }, { zone: 5 }],
  [{ family: 'ipv4', mark: 7 }],
  [{ orig: { proto: 'udp' }, mark: 1 }, { family: 'ipv6', not: { zone: 0 } }, { orig: { proto: 90 } }],
  [{ all: [[{ mark: 1 }, { mark: 3 }], { family: 'ipv4' }] }, { nat: 'any' }],
];

export const FILTERS: readonly (Filter | readonly Filter[])[] = [...SIMPLE_FILTERS, ...OTHER_FILTERS];

/** Each sends other parts of a filter to the kernel. */
export const RELEASES: readonly string[] = ['4.19.0', '5.4.0', '5.10.0', '5.15.0', '6.0.0', '6.6.0', '6.18.0'];
