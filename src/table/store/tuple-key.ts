/** What the kernel knows a flow by: the tuple of a direction and its zone, as integers that are hashed and compared. */
import type { SlotValue } from '../../ctnetlink/attributes/kinds.ts';
import { type TupleSlots, ZONE } from '../../ctnetlink/slots.ts';
import { HOST_LITTLE_ENDIAN } from '../../netlink/byteorder.ts';
import type { Chunk } from './records.ts';
import {
  DST4,
  DST6,
  ICMP,
  KIND_OF_PROTOCOL,
  PORTS,
  type Side,
  SRC4,
  SRC6,
  TUPLES,
  type TuplePlaces,
} from './tuple-places.ts';

/** Words of the source, of the destination, and what the protocol has beside. */
const SOURCE = 0;
const DESTINATION = 4;
const PARTS = 8;
const WORDS = 11;
const NO_PROTOCOL = -1;

/** A zone of both directions, or of this one; 0 is none. */
function zoneIn(slots: readonly SlotValue[], tuple: TupleSlots): number {
  return (slots[ZONE] || slots[tuple.zone] || 0) as number;
}

/** One that is filled again and again. */
export class TupleKey {
  hash = 0;
  #addresses = 0;
  #proto = NO_PROTOCOL;
  /** Of the protocol. */
  #kind = 0;
  #zone = 0;
  readonly #words = new Int32Array(WORDS);
  readonly #bytes = new Uint8Array(this.#words.buffer);
  /** Differs from table to table: whoever sends packets must not choose which flows share a chain. */
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Takes the tuple of these slots. */
  read(slots: readonly SlotValue[], side: Side): this {
    const tuple = TUPLES[side];
    const proto = slots[tuple.proto] as number | undefined;
    this.begin(proto ?? NO_PROTOCOL, zoneIn(slots, tuple));
    const src4 = slots[tuple.src4];
    const dst4 = slots[tuple.dst4];
    if (src4 !== undefined) this.#setIpv4(SOURCE, SRC4, src4 as number);
    if (dst4 !== undefined) this.#setIpv4(DESTINATION, DST4, dst4 as number);
    if ((this.#addresses & (SRC4 | DST4)) === 0) {
      this.#setIpv6(SOURCE, SRC6, slots[tuple.src6]);
      this.#setIpv6(DESTINATION, DST6, slots[tuple.dst6]);
    }
    if (this.#kind === PORTS) {
      this.setPart(0, (slots[tuple.sport] ?? 0) as number);
      this.setPart(1, (slots[tuple.dport] ?? 0) as number);
    } else if (this.#kind === ICMP) {
      this.setPart(0, (slots[tuple.icmpType] ?? 0) as number);
      this.setPart(1, (slots[tuple.icmpCode] ?? 0) as number);
      this.setPart(2, (slots[tuple.icmpId] ?? 0) as number);
    }
    return this.end();
  }

  /** Another tuple: without addresses, and with parts that are 0. */
  begin(proto: number, zone: number): void {
    this.#proto = proto;
    this.#kind = proto < 0 ? 0 : KIND_OF_PROTOCOL[proto];
    this.#zone = zone;
    this.#addresses = 0;
    // Quicker than fill.
    for (let i = 0; i < WORDS; i++) this.#words[i] = 0;
  }

  setIpv4(src: number, dst: number): void {
    this.#setIpv4(SOURCE, SRC4, src);
    this.#setIpv4(DESTINATION, DST4, dst);
  }

  /** Addresses as four words each, whose bytes are those of the address. */
  setIpv6(src: Int32Array, dst: Int32Array): void {
    this.#addresses = SRC6 | DST6;
    for (let i = 0; i < 4; i++) {
      this.#words[SOURCE + i] = src[i];
      this.#words[DESTINATION + i] = dst[i];
    }
  }

  /** The addresses that a message has at these offsets. */
  setIpv6From(view: DataView, src: number, dst: number): void {
    this.#addresses = SRC6 | DST6;
    for (let i = 0; i < 4; i++) {
      this.#words[SOURCE + i] = view.getInt32(src + 4 * i, HOST_LITTLE_ENDIAN);
      this.#words[DESTINATION + i] = view.getInt32(dst + 4 * i, HOST_LITTLE_ENDIAN);
    }
  }

  /** @param index in partsOf the protocol */
  setPart(index: number, value: number): void {
    this.#words[PARTS + index] = value;
  }

  /** Makes the hash: 32 bits. */
  end(): this {
    const words = this.#words;
    let hash = mix(mix(this.#seed ^ this.#zone, this.#proto), words[SOURCE]);
    hash = mix(hash, words[DESTINATION]);
    if ((this.#addresses & (SRC6 | DST6)) !== 0) {
      for (let i = 1; i < 4; i++) hash = mix(mix(hash, words[SOURCE + i]), words[DESTINATION + i]);
    }
    hash = mix(mix(hash, words[PARTS] ^ (words[PARTS + 2] << 16)), words[PARTS + 1]);
    hash ^= hash >>> 16;
    hash = Math.imul(hash, 0x85ebca6b);
    this.hash = hash ^ (hash >>> 13);
    return this;
  }

  /** Whether the kernel takes this tuple and that of a record for one. @param start of the record, in words */
  isAt(places: TuplePlaces, chunk: Chunk, start: number): boolean {
    const own = this.#words;
    const { words, halves, bytes } = chunk;
    const { addresses, src, dst, proto, zone, ownZone } = places;
    if (addresses !== this.#addresses) return false;
    if ((proto < 0 ? NO_PROTOCOL : bytes[4 * start + proto]) !== this.#proto) return false;
    if (src >= 0 && words[start + src] !== own[SOURCE]) return false;
    if (dst >= 0 && words[start + dst] !== own[DESTINATION]) return false;
    if ((addresses & SRC6) !== 0 && !sameTail(words, start + src, own, SOURCE)) return false;
    if ((addresses & DST6) !== 0 && !sameTail(words, start + dst, own, DESTINATION)) return false;
    let zoneThere = zone < 0 ? 0 : halves[2 * start + zone];
    if (zoneThere === 0 && ownZone >= 0) zoneThere = halves[2 * start + ownZone];
    if (zoneThere !== this.#zone) return false;
    if (this.#kind === PORTS)
      return (
        own[PARTS] === at(halves, 2 * start, places.sport) && own[PARTS + 1] === at(halves, 2 * start, places.dport)
      );
    if (this.#kind === ICMP)
      return (
        own[PARTS] === at(bytes, 4 * start, places.icmpType) &&
        own[PARTS + 1] === at(bytes, 4 * start, places.icmpCode) &&
        own[PARTS + 2] === at(halves, 2 * start, places.icmpId)
      );
    return true;
  }

  /** Whether the kernel takes both for one. */
  equals(other: TupleKey): boolean {
    if (this.#addresses !== other.#addresses || this.#proto !== other.#proto || this.#zone !== other.#zone)
      return false;
    for (let i = 0; i < WORDS; i++) if (this.#words[i] !== other.#words[i]) return false;
    return true;
  }

  #setIpv4(at: number, flag: number, address: number): void {
    this.#addresses |= flag;
    this.#words[at] = address;
  }

  #setIpv6(at: number, flag: number, address: SlotValue): void {
    if (address === undefined) return;
    this.#addresses |= flag;
    for (let i = 0; i < 16; i++) this.#bytes[4 * at + i] = (address as Uint8Array)[i];
  }
}

/** A part of a tuple; 0 if it is not there. */
function at(values: Uint8Array | Uint16Array, start: number, place: number): number {
  return place < 0 ? 0 : values[start + place];
}

/** The rest of an IPv6 address. */
function sameTail(a: Int32Array, atA: number, b: Int32Array, atB: number): boolean {
  return a[atA + 1] === b[atB + 1] && a[atA + 2] === b[atB + 2] && a[atA + 3] === b[atB + 3];
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

const one = new TupleKey(0);
const other = new TupleKey(0);

/** Whether two flows have the same tuple in this direction. */
export function sameTuple(a: readonly SlotValue[], b: readonly SlotValue[], side: Side): boolean {
  return one.read(a, side).equals(other.read(b, side));
}
