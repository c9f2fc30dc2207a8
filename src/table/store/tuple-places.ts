/** Where a record has the tuple of each direction. */
import { partsOf } from '../../ctnetlink/protocols.ts';
import { ORIG, REPLY, type TupleSlots, ZONE } from '../../ctnetlink/slots.ts';

/** The direction of a tuple: an index of Layout.tuples. */
export const ORIGINAL = 0;
export const REPLIED = 1;
export type Side = typeof ORIGINAL | typeof REPLIED;
export const TUPLES: readonly [TupleSlots, TupleSlots] = [ORIG, REPLY];

/** Which addresses a tuple has. */
export const SRC4 = 1;
export const DST4 = 2;
export const SRC6 = 4;
export const DST6 = 8;

/** What a tuple has beside, by its protocol: ports, or what ICMP has; 0 for nothing. */
export const PORTS = 1;
export const ICMP = 2;
export const KIND_OF_PROTOCOL: Uint8Array = Uint8Array.from({ length: 256 }, (_, protocol) => {
  const parts = partsOf(protocol);
  if (parts.includes('sport')) return PORTS;
  return parts.includes('icmpId') ? ICMP : 0;
});

/** Where the parts of a tuple lie in a record: places of the layout, -1 for what is not there. */
export class TuplePlaces {
  readonly addresses: number;
  readonly src: number;
  readonly dst: number;
  readonly proto: number;
  readonly zone: number;
  readonly ownZone: number;
  readonly sport: number;
  readonly dport: number;
  readonly icmpType: number;
  readonly icmpCode: number;
  readonly icmpId: number;

  constructor(placeOf: Int32Array, tuple: TupleSlots) {
    const { src4, dst4, src6, dst6, proto, zone, sport, dport, icmpType, icmpCode, icmpId } = tuple;
    const has = (slot: number, flag: number): number => (placeOf[slot] >= 0 ? flag : 0);
    this.addresses = has(src4, SRC4) | has(dst4, DST4) | has(src6, SRC6) | has(dst6, DST6);
    this.src = Math.max(placeOf[src4], placeOf[src6]);
    this.dst = Math.max(placeOf[dst4], placeOf[dst6]);
    this.proto = placeOf[proto];
    this.zone = placeOf[ZONE];
    this.ownZone = placeOf[zone];
    this.sport = placeOf[sport];
    this.dport = placeOf[dport];
    this.icmpType = placeOf[icmpType];
    this.icmpCode = placeOf[icmpCode];
    this.icmpId = placeOf[icmpId];
  }
}
