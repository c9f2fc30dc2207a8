/** Where the messages of one shape (see Shape) have the tuple of a direction. */
import type { Shape } from '../ctnetlink/codec/shape.ts';
import { partsOf } from '../ctnetlink/protocols.ts';
import { type TupleSlots, ZONE } from '../ctnetlink/slots.ts';
import { AF_INET, AF_INET6 } from '../uapi/socket.ts';
import type { TupleKey } from './store/tuple-key.ts';

/** No offset. */
export const NOWHERE = -1;

export class TupleOffsets {
  readonly #ipv6: boolean;
  readonly #src: number;
  readonly #dst: number;
  readonly #proto: number;
  readonly #zone: number;
  /** Of the parts that the protocol has. */
  readonly #parts: readonly (readonly [offset: number, isByte: boolean])[];

  /** @param offsetOf by slot; undefined: it is not there */
  constructor(shape: Shape, offsetOf: readonly (number | undefined)[], tuple: TupleSlots) {
    this.#ipv6 = shape.family === AF_INET6;
    this.#src = offsetOf[this.#ipv6 ? tuple.src6 : tuple.src4]!;
    this.#dst = offsetOf[this.#ipv6 ? tuple.dst6 : tuple.dst4]!;
    this.#proto = shape.protocolAt(offsetOf[tuple.proto]!);
    this.#zone = offsetOf[ZONE] ?? offsetOf[tuple.zone] ?? NOWHERE;
    this.#parts = partsOf(this.#proto).map((part) => [
      offsetOf[tuple[part]] ?? NOWHERE,
      part === 'icmpType' || part === 'icmpCode',
    ]);
  }

  read(view: DataView, start: number, key: TupleKey): TupleKey {
    const parts = this.#parts;
    key.begin(this.#proto, this.#zone < 0 ? 0 : view.getUint16(start + this.#zone));
    if (this.#ipv6) key.setIpv6From(view, start + this.#src, start + this.#dst);
    else key.setIpv4(view.getInt32(start + this.#src), view.getInt32(start + this.#dst));
    for (let i = 0; i < parts.length; i++) {
      const [offset, isByte] = parts[i];
      if (offset >= 0) key.setPart(i, isByte ? view.getUint8(start + offset) : view.getUint16(start + offset));
    }
    return key.end();
  }
}

/** The tuple has addresses of this family, a protocol, and at most one zone. */
export function isWhole(offsetOf: readonly (number | undefined)[], tuple: TupleSlots, family: number): boolean {
  const { src4, dst4, src6, dst6, proto, zone } = tuple;
  const there = (slot: number): boolean => offsetOf[slot] !== undefined;
  const four = [src4, dst4];
  const six = [src6, dst6];
  const [wanted, others] = family === AF_INET ? [four, six] : [six, four];
  if (family !== AF_INET && family !== AF_INET6) return false;
  return wanted.every(there) && !others.some(there) && there(proto) && !(there(zone) && there(ZONE));
}
