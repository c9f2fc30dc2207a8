/**
 * What a table does with the messages of dumps of one shape (see Shape) without decoding them: it copies a flow that is
 * new, and compares one that it has.
 */
import { type Shape, Shapes } from '../ctnetlink/codec/shape.ts';
import { flowCodec } from '../ctnetlink/flow.ts';
import { START } from '../ctnetlink/slots.ts';
import { CopiedShape, layoutFor, type Offsets, offsetsIn } from './copied-shape.ts';
import { BY_EVENTS, OF_MESSAGE } from './merge.ts';
import type { Layout, Layouts } from './store/layout.ts';
import { Moves } from './store/moves.ts';
import type { Chunk } from './store/records.ts';

export class DumpedShape extends CopiedShape {
  readonly hasStart: boolean;
  /** What names the flow, and what events keep true. */
  readonly #fixed: Moves;
  /** What only dumps keep. */
  readonly #other: Moves;

  constructor(shape: Shape, layout: Layout, offsetOf: Offsets) {
    super(shape, layout, offsetOf);
    const { values } = shape;
    const fixed = new Set([...BY_EVENTS, START]);
    this.hasStart = offsetOf[START] !== undefined;
    this.#fixed = new Moves(
      values.filter(({ slot }) => fixed.has(slot)),
      layout,
    );
    this.#other = new Moves(
      values.filter(({ slot }) => !fixed.has(slot)),
      layout,
    );
  }

  /** Writes a record. @param start of the first attribute; @param to of the record, in words */
  write(view: DataView, start: number, chunk: Chunk, to: number): void {
    this.#fixed.copy(view, start, chunk, to);
    this.#other.copy(view, start, chunk, to);
    this.writeFamilies(chunk, to);
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
    const offsetOf = offsetsIn(shape);
    if (offsetOf === undefined || OF_MESSAGE.some((slot) => offsetOf[slot] !== undefined)) return null;
    const layout = layoutFor(layouts, (slot) => offsetOf[slot] !== undefined);
    return new DumpedShape(shape, layout, offsetOf);
  });
}
