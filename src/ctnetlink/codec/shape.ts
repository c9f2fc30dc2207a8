/**
 * Shapes of messages. Most messages of a dump have the same attributes in the same order, so that their values are at
 * the same offsets: what only copies them needs to look at no header but to compare it.
 */
import { HOST_LITTLE_ENDIAN } from '../../netlink/byteorder.ts';
import { align4 } from '../../netlink/nlmsg.ts';
import { NLA_HDRLEN, NLA_TYPE_MASK } from '../../uapi/netlink.ts';
import { OP_NEST, OP_SKIP, OP_UNKNOWN } from '../attributes/kinds.ts';
import {
  EXACT,
  LENGTH_MASK,
  LENGTH_SHIFT,
  LEVEL_SIZE,
  OP_MASK,
  OPERAND_MASK,
  OPERAND_SHIFT,
  type Tables,
} from './tables.ts';

/** A value of a message. */
export interface ShapeValue {
  /** OP_*. */
  readonly op: number;
  readonly slot: number;
  /** Of the payload, from the first attribute. */
  readonly offset: number;
}

export class Shape {
  /** Of the nfgenmsg. */
  readonly family: number;
  /** Bytes of all attributes. */
  readonly length: number;
  readonly values: readonly ShapeValue[];
  /** It has nothing but attributes that are known, each once and of the right length. */
  readonly plain: boolean;
  /** Where the headers are, and what they are. */
  readonly #offsets: Int32Array;
  readonly #words: Int32Array;
  /** Of each protocol, where it is and which: what else a tuple has depends on it. */
  readonly #protocols: readonly (readonly [offset: number, protocol: number])[];

  constructor(tables: Tables, view: DataView, start: number, end: number, family: number) {
    this.family = family;
    this.length = end - start;
    const offsets: number[] = [];
    const protocols: [number, number][] = [];
    const values: ShapeValue[] = [];
    let plain = true;
    const walk = (from: number, to: number, base: number): void => {
      for (let offset = from; offset < to; ) {
        const length = to - offset < NLA_HDRLEN ? 0 : view.getUint16(offset, HOST_LITTLE_ENDIAN);
        if (length < NLA_HDRLEN || length > to - offset) {
          plain = false;
          return;
        }
        offsets.push(offset);
        const type = view.getUint16(offset + 2, HOST_LITTLE_ENDIAN) & NLA_TYPE_MASK;
        const entry = type < LEVEL_SIZE ? tables.entries[base + type] : OP_UNKNOWN;
        const op = entry & OP_MASK;
        const operand = (entry & OPERAND_MASK) >> OPERAND_SHIFT;
        const extra = length - NLA_HDRLEN - ((entry >> LENGTH_SHIFT) & LENGTH_MASK);
        if (op === OP_UNKNOWN || extra < 0 || (extra > 0 && (entry & EXACT) !== 0)) plain = false;
        else if (op === OP_NEST) walk(offset + NLA_HDRLEN, offset + length, operand);
        else if (op !== OP_SKIP) {
          const at = offset + NLA_HDRLEN - start;
          if (tables.protocols.includes(operand)) protocols.push([at, view.getUint8(start + at)]);
          values.push({ op, slot: operand, offset: at });
        }
        offset += align4(length);
      }
    };
    walk(start, end, 0);
    this.plain = plain && new Set(values.map(({ slot }) => slot)).size === values.length;
    this.values = values;
    this.#offsets = Int32Array.from(offsets, (offset) => offset - start);
    this.#protocols = protocols;
    this.#words = Int32Array.from(offsets, (offset) => view.getInt32(offset, HOST_LITTLE_ENDIAN));
  }

  /** The protocol at the offset of a value of one. */
  protocolAt(offset: number): number {
    return this.#protocols.find(([at]) => at === offset)![1];
  }

  /** Whether a message with attributes of this length, from `start` on, has this shape. */
  fits(view: DataView, start: number, family: number): boolean {
    if (family !== this.family) return false;
    const offsets = this.#offsets;
    const words = this.#words;
    for (let i = 0; i < offsets.length; i++)
      if (view.getInt32(start + offsets[i], HOST_LITTLE_ENDIAN) !== words[i]) return false;
    const protocols = this.#protocols;
    for (let i = 0; i < protocols.length; i++)
      if (view.getUint8(start + protocols[i][0]) !== protocols[i][1]) return false;
    return true;
  }
}

/** More shapes than these are a sign of messages that hardly repeat. */
const MOST = 64;

/** The shapes that have been met, each with what `make` made of it. */
export class Shapes<T> {
  readonly #tables: Tables;
  readonly #make: (shape: Shape) => T;
  /** By length. */
  readonly #known: ({ shape: Shape; made: T }[] | undefined)[] = [];
  #count = 0;

  constructor(tables: Tables, make: (shape: Shape) => T) {
    this.#tables = tables;
    this.#make = make;
  }

  /** What was made of the shape of a message; undefined: there are too many shapes. */
  of(view: DataView, start: number, end: number, family: number): T | undefined {
    const length = (end - start) >>> 2;
    const known = this.#known[length];
    if (known !== undefined)
      for (let i = 0; i < known.length; i++)
        if (known[i].shape.length === end - start && known[i].shape.fits(view, start, family)) return known[i].made;
    if (this.#count === MOST) return undefined;
    return this.#learn(view, start, end, family);
  }

  #learn(view: DataView, start: number, end: number, family: number): T {
    this.#count++;
    const shape = new Shape(this.#tables, view, start, end, family);
    const made = this.#make(shape);
    const at = shape.length >>> 2;
    while (this.#known.length <= at) this.#known.push(undefined);
    this.#known[at] = [...(this.#known[at] ?? []), { shape, made }];
    return made;
  }
}
