/**
 * What a table does with the messages of one shape (see Shape) without decoding them: it copies a flow that is new, and
 * compares one that it has.
 */
import { OP_U8_PAIR } from '../ctnetlink/attributes/kinds.ts';
import { type Shape, Shapes } from '../ctnetlink/codec/shape.ts';
import { flowCodec } from '../ctnetlink/flow.ts';
import { MASTER, ORIG, REPLY, START, TIMEOUT } from '../ctnetlink/slots.ts';
import { hasTuple } from '../ctnetlink/tuple.ts';
import { BY_EVENTS, OF_MESSAGE } from './merge.ts';
import type { Layout, Layouts } from './store/layout.ts';
import { canMove, Moves } from './store/moves.ts';
import type { Chunk } from './store/records.ts';
import { isWhole, NOWHERE, TupleOffsets } from './tuple-offsets.ts';

export class DumpedShape {
  readonly layout: Layout;
  readonly orig: TupleOffsets;
  readonly reply: TupleOffsets;
  readonly hasStart: boolean;
  readonly #timeout: number;
  readonly #family: number;
  /** Places of it. */
  readonly #families: readonly number[];
  /** What names the flow, and what events keep true. */
  readonly #fixed: Moves;
  /** What only dumps keep. */
  readonly #other: Moves;

  constructor(shape: Shape, layout: Layout, offsetOf: readonly (number | undefined)[]) {
    const { values } = shape;
    const fixed = new Set([...BY_EVENTS, START]);
    this.layout = layout;
    this.orig = new TupleOffsets(shape, offsetOf, ORIG);
    this.reply = new TupleOffsets(shape, offsetOf, REPLY);
    this.hasStart = offsetOf[START] !== undefined;
    this.#timeout = offsetOf[TIMEOUT] ?? NOWHERE;
    this.#family = shape.family;
    this.#families = [ORIG, REPLY].map(({ family }) => layout.placeOf[family]);
    this.#fixed = new Moves(
      values.filter(({ slot }) => fixed.has(slot)),
      layout,
    );
    this.#other = new Moves(
      values.filter(({ slot }) => !fixed.has(slot)),
      layout,
    );
  }

  /** Seconds; undefined: the message has none. */
  timeoutIn(view: DataView, start: number): number | undefined {
    return this.#timeout < 0 ? undefined : view.getInt32(start + this.#timeout);
  }

  /** Writes a record. @param start of the first attribute; @param to of the record, in words */
  write(view: DataView, start: number, chunk: Chunk, to: number): void {
    this.#fixed.copy(view, start, chunk, to);
    this.#other.copy(view, start, chunk, to);
    for (let i = 0; i < this.#families.length; i++) chunk.bytes[4 * to + this.#families[i]] = this.#family;
  }

  /** Brings a record of this layout up to date if it differs only in what dumps keep. Otherwise nothing changes. */
  refresh(view: DataView, start: number, chunk: Chunk, to: number): boolean {
    if (!this.#fixed.same(view, start, chunk, to)) return false;
    this.#other.copy(view, start, chunk, to);
    return true;
  }
}

/** The shapes of a table's dumps; null for one whose messages are to be decoded. */
export function dumpedShapes(layouts: Layouts): Shapes<DumpedShape | null> {
  return new Shapes(flowCodec.tables, (shape) => {
    const slots = flowCodec.emptySlots.slice();
    const offsetOf: (number | undefined)[] = [];
    for (const { slot, op, offset } of shape.values) {
      offsetOf[slot] = offset;
      slots[slot] = 0;
      if (op === OP_U8_PAIR) slots[slot + 1] = 0;
    }
    if (!shape.plain || !shape.values.every(canMove)) return null;
    if (OF_MESSAGE.some((slot) => slots[slot] !== undefined) || hasTuple(slots, MASTER)) return null;
    for (const tuple of [ORIG, REPLY]) {
      if (!isWhole(slots, tuple, shape.family)) return null;
      slots[tuple.family] = shape.family;
    }
    return new DumpedShape(shape, layouts.for(slots), offsetOf);
  });
}
