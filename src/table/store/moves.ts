/** Copies values from a message into a record, as they are: see Shape. */
import { OP_BE16, OP_BE32, OP_BE64, OP_IPV6, OP_U8, OP_U8_PAIR } from '../../ctnetlink/attributes/kinds.ts';
import type { ShapeValue } from '../../ctnetlink/codec/shape.ts';
import { HOST_LITTLE_ENDIAN } from '../../netlink/byteorder.ts';
import type { Layout } from './layout.ts';
import type { Chunk } from './records.ts';

const MOVED: ReadonlySet<number> = new Set([OP_BE16, OP_BE32, OP_BE64, OP_IPV6, OP_U8, OP_U8_PAIR]);

/** Whether a value can be copied: the others are shared by flows, or hardly ever there. */
export function canMove({ op }: ShapeValue): boolean {
  return MOVED.has(op);
}

/** Values of the messages of one shape. By size, the offset in the message and the place in the record, in turn. */
export class Moves {
  readonly #words: Int32Array;
  /** Words of addresses, which have no byte order. */
  readonly #plainWords: Int32Array;
  readonly #halves: Int32Array;
  readonly #bytes: Int32Array;

  constructor(values: readonly ShapeValue[], { placeOf }: Layout) {
    const words: number[] = [];
    const plainWords: number[] = [];
    const halves: number[] = [];
    const bytes: number[] = [];
    for (const { op, slot, offset } of values) {
      const place = placeOf[slot];
      if (op === OP_BE32) words.push(offset, place);
      else if (op === OP_BE64) words.push(offset, place, offset + 4, place + 1);
      else if (op === OP_IPV6) for (let i = 0; i < 4; i++) plainWords.push(offset + 4 * i, place + i);
      else if (op === OP_BE16) halves.push(offset, place);
      else bytes.push(offset, place);
      if (op === OP_U8_PAIR) bytes.push(offset + 1, placeOf[slot + 1]);
    }
    this.#words = Int32Array.from(words);
    this.#plainWords = Int32Array.from(plainWords);
    this.#halves = Int32Array.from(halves);
    this.#bytes = Int32Array.from(bytes);
  }

  /** @param from the first attribute of the message; @param to the record, in words */
  copy(view: DataView, from: number, chunk: Chunk, to: number): void {
    const { words, halves, bytes } = chunk;
    let moves = this.#words;
    for (let i = 0; i < moves.length; i += 2) words[to + moves[i + 1]] = view.getInt32(from + moves[i]);
    moves = this.#plainWords;
    for (let i = 0; i < moves.length; i += 2)
      words[to + moves[i + 1]] = view.getInt32(from + moves[i], HOST_LITTLE_ENDIAN);
    moves = this.#halves;
    for (let i = 0; i < moves.length; i += 2) halves[2 * to + moves[i + 1]] = view.getUint16(from + moves[i]);
    moves = this.#bytes;
    for (let i = 0; i < moves.length; i += 2) bytes[4 * to + moves[i + 1]] = view.getUint8(from + moves[i]);
  }

  /** Whether the record has these values already. */
  same(view: DataView, from: number, chunk: Chunk, to: number): boolean {
    const { words, halves, bytes } = chunk;
    let moves = this.#words;
    for (let i = 0; i < moves.length; i += 2)
      if (words[to + moves[i + 1]] !== view.getInt32(from + moves[i])) return false;
    moves = this.#plainWords;
    for (let i = 0; i < moves.length; i += 2)
      if (words[to + moves[i + 1]] !== view.getInt32(from + moves[i], HOST_LITTLE_ENDIAN)) return false;
    moves = this.#halves;
    for (let i = 0; i < moves.length; i += 2)
      if (halves[2 * to + moves[i + 1]] !== view.getUint16(from + moves[i])) return false;
    moves = this.#bytes;
    for (let i = 0; i < moves.length; i += 2)
      if (bytes[4 * to + moves[i + 1]] !== view.getUint8(from + moves[i])) return false;
    return true;
  }
}
