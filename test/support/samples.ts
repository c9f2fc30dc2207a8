/**
 * Values for every kind of attribute, and messages made of them: what the tests of the table, of the codec and of
 * parity share.
 */
import { formatIpv6 } from '../../src/ctnetlink/address.ts';
import { ATTRIBUTES, type AttributeRow, type WirePath } from '../../src/ctnetlink/attributes/flow.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import type { KindName } from '../../src/ctnetlink/attributes/kinds.ts';
import { readAttributes } from '../../src/ctnetlink/codec/read.ts';
import { Flow, flowCodec } from '../../src/ctnetlink/flow.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { Writer } from '../../src/netlink/writer.ts';
import { NLA_F_NESTED } from '../../src/uapi/netlink.ts';
import * as cta from '../../src/uapi/nfnetlink_conntrack.ts';
import { concat, nlattr } from './fake-transport.ts';
import type { Random } from './random.ts';

/**
 * A value as a property gives it, and its payload as the header and the kernel have it, written down independently of
 * src.
 */
export interface Sample {
  value: unknown;
  payload: Uint8Array;
}

function integer(size: number, value: bigint | number, littleEndian = false): Uint8Array {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, BigInt(value), littleEndian);
  return littleEndian ? bytes.slice(0, size) : bytes.slice(8 - size);
}

function numbers(size: number, ...values: number[]): Sample[] {
  return values.map((value) => ({ value, payload: integer(size, value) }));
}

function names(...pairs: [name: string | number, number: number][]): Sample[] {
  return pairs.map(([value, number]) => ({ value, payload: Uint8Array.of(number) }));
}

function labels(...bits: number[]): Sample {
  const words = new Uint32Array(4);
  for (const bit of bits) words[bit >> 5] |= 1 << (bit & 31);
  return { value: bits, payload: new Uint8Array(words.buffer) };
}

/** At least 0, the largest and something in between of every kind. */
export const SAMPLES: Readonly<Record<KindName, readonly Sample[]>> = {
  u8: numbers(1, 0, 1, 0x80, 0xff),
  be16: numbers(2, 0, 1, 0x1234, 0xffff),
  be32: numbers(4, 0, 1, 0x12345678, 0x80000000, 0xffffffff),
  u32: [0, 1, 0x12345678, 0xffffffff].map((value) => ({ value, payload: integer(4, value, HOST_LITTLE_ENDIAN) })),
  be64: [0n, 1n, 0xffffffffn, 0x123456789abcdefn, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 1n].map((value) => ({
    value,
    payload: integer(8, value),
  })),
  status: numbers(4, 0, 0xe, 0x80000000, 0xffffffff),
  ipv4: [
    { value: '0.0.0.0', payload: Uint8Array.of(0, 0, 0, 0) },
    { value: '10.1.2.3', payload: Uint8Array.of(10, 1, 2, 3) },
    { value: '255.255.255.255', payload: Uint8Array.of(255, 255, 255, 255) },
  ],
  ipv6: [
    { value: '::', payload: new Uint8Array(16) },
    { value: '2001:db8::ff', payload: Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff) },
    { value: '::ffff:1.2.3.4', payload: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4) },
  ],
  string: ['', 'ftp', 'naïve'].map((value) => ({ value, payload: Buffer.from(`${value}\0`) })),
  bytes: [[], [0], [1, 2, 3, 4, 5]].map((bytes) => ({
    value: Uint8Array.from(bytes),
    payload: Uint8Array.from(bytes),
  })),
  labels: [labels(), labels(0), labels(1, 31, 32, 100, 127)],
  family: names(['ipv4', 2], ['ipv6', 10]),
  proto: names([0, 0], ['tcp', 6], ['icmp', 1], [255, 255]),
  tcpState: names(['NONE', 0], ['ESTABLISHED', 3], [200, 200]),
  sctpState: names(['NONE', 0], ['HEARTBEAT_ACKED', 9], [200, 200]),
  dccpState: names(['NONE', 0], ['INVALID', 9], [200, 200]),
  dccpRole: names(['CLIENT', 0], ['SERVER', 1], [200, 200]),
  pair: numbers(1, 0, 0x23, 0xff),
};

/** { a: { b: value } } of 'a.b', and { a: value } of 'a'. */
export function initOf(property: string, value: unknown): FlowInit {
  const [group, name] = property.split('.');
  return (name === undefined ? { [group]: value } : { [group]: { [name]: value } }) as FlowInit;
}

/** Every slot: beyond the end of the array they are not set either. */
export function slotsOf(flow: Flow): unknown[] {
  return ATTRIBUTES.map((_, slot) => flow.slots[slot]);
}

/** The property, through the accessors. */
export function propertyOf(flow: object, property: string): unknown {
  const [group, name] = property.split('.');
  const value = (flow as unknown as Record<string, unknown>)[group];
  return name === undefined ? value : (value as Record<string, unknown> | undefined)?.[name];
}

export function encode(flow: Flow): Uint8Array {
  const writer = new Writer();
  // As an earlier request left it: what is not written shows.
  writer.bytes.fill(0xa5);
  flowCodec.write(writer, flow);
  return writer.finish().slice();
}

export function decode(attributes: Uint8Array): Flow {
  const flow = new Flow();
  readAttributes(flowCodec.tables, viewOf(attributes), 0, attributes.length, flow);
  return flow;
}

/** An attribute inside of its nests. */
export function nested(path: WirePath, payload: Uint8Array | number[], leafType?: number): Uint8Array {
  const leaf = path.at(-1)!;
  let bytes = nlattr(leafType ?? cta[leaf], payload);
  for (const nest of path.slice(0, -1).reverse()) bytes = nlattr(cta[nest] | NLA_F_NESTED, bytes);
  return bytes;
}

/** The same in nests that are given, the innermost last. */
export function inNests(nests: readonly string[], content: Uint8Array | number[]): Uint8Array {
  let bytes = concat(content);
  for (const nest of [...nests].reverse()) bytes = nlattr(cta[nest as keyof typeof cta] | NLA_F_NESTED, bytes);
  return bytes;
}

/** Every path of a nest that some row lies in, outer ones included. */
export const NESTS: readonly WirePath[] = [
  ...new Map(
    ATTRIBUTES.flatMap(({ path }) => path.slice(0, -1).map((_, index) => path.slice(0, index + 1))).map((path) => [
      path.join(),
      path,
    ]),
  ).values(),
];

/** A random value of a kind, as a property gives it. */
export function randomValue(kind: KindName, random: Random): unknown {
  if (random.oneIn(4)) return random.pick(SAMPLES[kind]).value;
  switch (kind) {
    case 'u8':
    case 'pair':
      return random.below(256);
    case 'be16':
      return random.below(0x10000);
    case 'be32':
    case 'u32':
    case 'status':
      return random.uint32();
    case 'be64':
      return (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
    case 'ipv4':
      return [...random.bytes(4)].join('.');
    case 'ipv6':
      return formatIpv6(random.bytes(16));
    case 'string':
      return random.pick([
        'ftp',
        'sip',
        'tftp-6969',
        'H.245',
        'system_u:object_r:x_t:s0',
        'x'.repeat(random.below(16)),
      ]);
    case 'bytes':
      return random.bytes(random.below(20));
    case 'labels':
      return [...new Array(128).keys()].filter(() => random.oneIn(8));
    default:
      return random.pick(SAMPLES[kind]).value;
  }
}

/** A flow with some of the rows set, whatever they mean together; the family of each tuple fits its addresses. */
export function randomFlow(random: Random, rows: readonly AttributeRow[] = ATTRIBUTES, oneIn = 3): Flow {
  return Flow.from(randomInit(random, rows, oneIn) as FlowInit);
}

/** The same as plain properties, of any table. */
export function randomInit(random: Random, rows: readonly AttributeRow[], oneIn: number): object {
  const init: Record<string, Record<string, unknown> | unknown> = {};
  const version = random.pick(['ipv4', 'ipv6'] as const);
  for (const row of rows) {
    if (!random.oneIn(oneIn) || row.kind === (version === 'ipv4' ? 'ipv6' : 'ipv4')) continue;
    const value = row.kind === 'family' ? version : randomValue(row.kind, random);
    const [group, name] = row.property.split('.');
    if (name === undefined) init[group] = value;
    else init[group] = { ...(init[group] as object | undefined), [name]: value };
  }
  return init;
}
