/** What NAT made of a flow: what differs between its two directions. */
import { IPS_DST_NAT, IPS_NAT_DONE_MASK, IPS_NAT_MASK, IPS_SRC_NAT } from '../uapi/nf_conntrack_common.ts';
import { AF_INET6 } from '../uapi/socket.ts';
import { KINDS, type SlotValue, sameValue } from './attributes/kinds.ts';
import { asksForNat, NAT_RANGES } from './nat-range.ts';
import { ORIG, REPLY, STATUS } from './slots.ts';

/** What one end of a flow was translated to. */
export interface TranslatedEnd {
  /**
   * The address that packets have behind the NAT, as text; it may be the one before, where only the port or the ICMP id
   * differs.
   */
  address: string;
  /** The port; of GRE the key. Undefined where the protocol has none. */
  port?: number;
  /** ICMP or ICMPv6 echo identifier, of the source only. Undefined with other protocols. */
  icmpId?: number;
}

/** Both ends of a flow behind NAT; one that is not translated is undefined. */
export interface Translation {
  /** Source NAT, masquerading included: what the other side takes for the source. */
  src?: TranslatedEnd;
  /** Destination NAT, redirection included: where the packets really go to. */
  dst?: TranslatedEnd;
}

/** Slots of the original direction and of the reply that hold the same where nothing is translated. */
type Pair = readonly [orig: number, reply: number];

export interface NatEnd {
  readonly status: number;
  readonly ipv4: Pair;
  readonly ipv6: Pair;
  readonly port: Pair;
}

export const NAT_ENDS: Readonly<Record<'src' | 'dst', NatEnd>> = {
  src: {
    status: IPS_SRC_NAT,
    ipv4: [ORIG.src4, REPLY.dst4],
    ipv6: [ORIG.src6, REPLY.dst6],
    port: [ORIG.sport, REPLY.dport],
  },
  dst: {
    status: IPS_DST_NAT,
    ipv4: [ORIG.dst4, REPLY.src4],
    ipv6: [ORIG.dst6, REPLY.src6],
    port: [ORIG.dport, REPLY.sport],
  },
};
const ICMP_ID: Pair = [ORIG.icmpId, REPLY.icmpId];

/** Undefined when neither end was translated. */
export function translationOf(slots: readonly SlotValue[]): Translation | undefined {
  const src = translated(slots, NAT_ENDS.src, ICMP_ID);
  const dst = translated(slots, NAT_ENDS.dst);
  if (src === undefined && dst === undefined) return undefined;
  const translation: Translation = {};
  if (src !== undefined) translation.src = src;
  if (dst !== undefined) translation.dst = dst;
  return translation;
}

function translated(slots: readonly SlotValue[], end: NatEnd, icmpId?: Pair): TranslatedEnd | undefined {
  const status = slots[STATUS] as number | undefined;
  // The directions of a flow that a program made may differ without NAT.
  if (status !== undefined && (status & end.status) === 0) return undefined;
  const six = slots[ORIG.family] === AF_INET6;
  const address = six ? end.ipv6 : end.ipv4;
  const [from, to] = address.map((slot) => slots[slot]);
  if (from === undefined || to === undefined) return undefined;
  if (sameValue(from, to) && !differs(slots, end.port) && !(icmpId !== undefined && differs(slots, icmpId)))
    return undefined;
  const found: TranslatedEnd = { address: six ? KINDS.ipv6.get(to as Uint8Array) : KINDS.ipv4.get(to as number) };
  const port = slots[end.port[1]];
  if (port !== undefined) found.port = port as number;
  const id = icmpId === undefined ? undefined : slots[icmpId[1]];
  if (id !== undefined) found.icmpId = id as number;
  return found;
}

/** Both directions have it, and not the same. */
function differs(slots: readonly SlotValue[], [orig, reply]: Pair): boolean {
  return slots[orig] !== undefined && slots[reply] !== undefined && slots[orig] !== slots[reply];
}

/**
 * Makes of a flow that the kernel translates one that asks the kernel to translate: to the address and port that it has
 * now, from a reply direction that is not translated yet. The kernel takes no status for it, and a reply that differs
 * is no NAT. What says it already stays.
 */
export function requestNat(slots: SlotValue[]): void {
  const status = (slots[STATUS] ?? 0) as number;
  if ((status & (IPS_SRC_NAT | IPS_DST_NAT)) === 0 || asksForNat(slots)) return;
  for (const name of ['src', 'dst'] as const) {
    const end = NAT_ENDS[name];
    const icmpId = name === 'src' ? ICMP_ID : undefined;
    if (translated(slots, end, icmpId) === undefined) continue;
    const range = NAT_RANGES[name];
    for (const [pair, to] of [
      [end.ipv4, range.ipv4],
      [end.ipv6, range.ipv6],
      [end.port, range.ports],
      [icmpId, range.ports],
    ] as const) {
      if (pair === undefined || slots[pair[1]] === undefined) continue;
      for (const slot of to) slots[slot] = slots[pair[1]];
      slots[pair[1]] = slots[pair[0]];
    }
  }
}

/**
 * The same for a flow that comes back. Where the kernel has been through NAT with it, and translated no source, it asks
 * for the source that it has: then no rule is asked again at the next packet, and a tuple that is taken is refused. If
 * nothing were asked for, the kernel could take another port.
 */
export function requestSameNat(slots: SlotValue[]): void {
  const status = (slots[STATUS] ?? 0) as number;
  if ((status & (IPS_NAT_MASK | IPS_NAT_DONE_MASK)) === 0) return;
  requestNat(slots);
  const { ipv4, ipv6, ports } = NAT_RANGES.src;
  if (slots[ipv4[0]] !== undefined || slots[ipv6[0]] !== undefined) return;
  const { ipv4: pair4, ipv6: pair6, port } = NAT_ENDS.src;
  slots[ipv4[0]] = slots[pair4[0]];
  slots[ipv6[0]] = slots[pair6[0]];
  slots[ports[0]] = slots[port[0]] ?? slots[ICMP_ID[0]];
}
