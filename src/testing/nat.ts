/**
 * The translation that a request to create a flow asks for: nf_nat_setup_info of nf_nat_core.c. What comes of it is in
 * the reply tuple and the status. Of several addresses and ports that would do, the kernel takes one by a hash or at
 * random; here the tuple decides where the search for a free one begins.
 */
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { PORT_PROTOCOLS } from '../ctnetlink/protocols.ts';
import { ORIG, REPLY, STATUS, slotOfProperty } from '../ctnetlink/slots.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../uapi/in.ts';
import * as ips from '../uapi/nf_conntrack_common.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';
import { AF_INET } from '../uapi/socket.ts';
import type { ModelRequest } from './request.ts';

/** Where a request says what an end is translated to, and where the reply tuple has that end. */
interface End {
  readonly type: number;
  readonly addresses: { readonly ipv4: readonly number[]; readonly ipv6: readonly number[] };
  readonly ports: readonly number[];
  readonly reply: { readonly ipv4: number; readonly ipv6: number; readonly port: number };
  /** Only the port of the source may change when nobody asked for it. */
  readonly source: boolean;
  readonly translated: number;
  readonly done: number;
}

function slotsOf(group: 'snat' | 'dnat'): Pick<End, 'addresses' | 'ports'> {
  const pair = (name: string, kind?: string): number[] =>
    ['min', 'max'].map((which) => slotOfProperty(`${group}.${which}${name}`, kind));
  return { addresses: { ipv4: pair('Address', 'ipv4'), ipv6: pair('Address', 'ipv6') }, ports: pair('Port') };
}

const SOURCE: End = {
  type: cta.CTA_NAT_SRC,
  ...slotsOf('snat'),
  reply: { ipv4: REPLY.dst4, ipv6: REPLY.dst6, port: REPLY.dport },
  source: true,
  translated: ips.IPS_SRC_NAT,
  done: ips.IPS_SRC_NAT_DONE,
};

const DESTINATION: End = {
  type: cta.CTA_NAT_DST,
  ...slotsOf('dnat'),
  reply: { ipv4: REPLY.src4, ipv6: REPLY.src6, port: REPLY.sport },
  source: false,
  translated: ips.IPS_DST_NAT,
  done: ips.IPS_DST_NAT_DONE,
};

/** Addresses and ports as numbers, so that ranges of both families are compared alike. */
type Range = readonly [min: bigint, max: bigint];

function addressNumber(value: SlotValue): bigint {
  if (!(value instanceof Uint8Array)) return BigInt((value as number) >>> 0);
  return value.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function addressValue(number: bigint, ipv4: boolean): SlotValue {
  if (ipv4) return Number(number) | 0;
  return Uint8Array.from({ length: 16 }, (_, index) => Number((number >> BigInt(8 * (15 - index))) & 0xffn));
}

/** The ports of a source that may be taken when nobody asked for one: they keep their class. */
function sourcePorts(port: number): readonly [number, number] {
  if (port < 512) return [1, 511];
  return port < 1024 ? [600, 1023] : [1024, 0xffff];
}

/** @param taken whether an answer to a flow with these slots would be one to another */
export function setUpNat(
  slots: SlotValue[],
  request: ModelRequest,
  taken: (slots: readonly SlotValue[]) => boolean,
): number {
  if (!request.has(cta.CTA_NAT_SRC) && !request.has(cta.CTA_NAT_DST)) return 0;
  for (const end of [DESTINATION, SOURCE]) {
    const errno = request.errnoOf(end.type);
    if (errno !== 0) return errno;
    translate(slots, request, end, taken);
  }
  return 0;
}

function translate(
  slots: SlotValue[],
  request: ModelRequest,
  end: End,
  taken: (slots: readonly SlotValue[]) => boolean,
): void {
  const ipv4 = slots[ORIG.family] === AF_INET;
  const family = ipv4 ? 'ipv4' : 'ipv6';
  const at = end.reply[family];
  const protocol = slots[ORIG.proto] as number;
  const isIcmp = protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
  const portAt = PORT_PROTOCOLS.includes(protocol) ? end.reply.port : isIcmp ? REPLY.icmpId : undefined;
  const before = [slots[at], portAt === undefined ? undefined : slots[portAt]];
  const current = addressNumber(slots[at]);
  // Without a word about this end it keeps its address.
  const addresses = request.has(end.type)
    ? rangeOf(request.slots, end.addresses[family])
    : ([current, current] as const);
  const ports = request.has(end.type) ? portsOf(request.slots, end.ports) : undefined;
  const port = portAt === undefined ? undefined : (slots[portAt] as number);
  const portFits = ports === undefined || port === undefined || (port >= ports[0] && port <= ports[1]);
  const fits = addresses === undefined || (current >= addresses[0] && current <= addresses[1]);
  if (!end.source || !fits || !portFits || taken(slots)) {
    if (addresses !== undefined) slots[at] = addressValue(addressIn(addresses, slots), ipv4);
    const free = portFits && (ports === undefined ? !taken(slots) : ports[0] === ports[1] || !taken(slots));
    if (!free && portAt !== undefined && (ports !== undefined || end.source || isIcmp)) {
      const [first, last] = ports ?? (isIcmp ? [0, 0xffff] : sourcePorts(port!));
      const size = last - first + 1;
      // The source begins anywhere, the same for the same flow.
      const start = end.source ? Number(mixed(slots) % BigInt(size)) : 0;
      slots[portAt] = first + start;
      for (let tried = 1; tried < size && taken(slots); tried++) slots[portAt] = first + ((start + tried) % size);
    }
  }
  const after = [addressNumber(slots[at]), portAt === undefined ? undefined : slots[portAt]];
  const differs = after[0] !== addressNumber(before[0]) || after[1] !== before[1];
  slots[STATUS] = ((slots[STATUS] as number | undefined) ?? 0) | end.done | (differs ? end.translated : 0);
}

function rangeOf(asked: readonly SlotValue[], [min, max]: readonly number[]): Range | undefined {
  if (asked[min] === undefined) return undefined;
  const first = addressNumber(asked[min]);
  return [first, asked[max] === undefined ? first : addressNumber(asked[max])];
}

function portsOf(asked: readonly SlotValue[], [min, max]: readonly number[]): readonly [number, number] | undefined {
  const [first, last] = [asked[min], asked[max]] as (number | undefined)[];
  if (first === undefined && last === undefined) return undefined;
  const ends = [first ?? 0, last ?? first!] as const;
  return ends[0] <= ends[1] ? ends : [ends[1], ends[0]];
}

/** One of a range, the same for the same two ends. */
function addressIn([min, max]: Range, slots: readonly SlotValue[]): bigint {
  return max <= min ? min : min + (mixed(slots) % (max - min + 1n));
}

/** A number that the original tuple decides. */
function mixed(slots: readonly SlotValue[]): bigint {
  const parts = [ORIG.src4, ORIG.src6, ORIG.dst4, ORIG.dst6, ORIG.sport].filter((slot) => slots[slot] !== undefined);
  return parts.reduce((total, slot) => total * 2_654_435_761n + addressNumber(slots[slot]), 0n);
}
