/** What messages of dumps and of events have in common that a table copies without decoding them: see Shape. */
import { OP_U8_PAIR, type SlotValue } from '../ctnetlink/attributes/kinds.ts';
import type { Shape } from '../ctnetlink/codec/shape.ts';
import { flowCodec } from '../ctnetlink/flow.ts';
import { MASTER, ORIG, REPLY, TIMEOUT } from '../ctnetlink/slots.ts';
import { hasTuple } from '../ctnetlink/tuple.ts';
import type { Layout, Layouts } from './store/layout.ts';
import { canMove } from './store/moves.ts';
import type { Chunk } from './store/records.ts';
import { isWhole, NOWHERE, TupleOffsets } from './tuple-offsets.ts';

/** By slot, the offset in the message; undefined: it is not there. */
export type Offsets = readonly (number | undefined)[];

/** Of a flow that is made of a message. */
export class CopiedShape {
  readonly layout: Layout;
  readonly orig: TupleOffsets;
  readonly reply: TupleOffsets;
  readonly #timeout: number;
  readonly #family: number;
  /** Places of it. */
  readonly #families: readonly number[];

  constructor(shape: Shape, layout: Layout, offsetOf: Offsets) {
    this.layout = layout;
    this.orig = new TupleOffsets(shape, offsetOf, ORIG);
    this.reply = new TupleOffsets(shape, offsetOf, REPLY);
    this.#timeout = offsetOf[TIMEOUT] ?? NOWHERE;
    this.#family = shape.family;
    this.#families = [ORIG, REPLY].map(({ family }) => layout.placeOf[family]);
  }

  /** Seconds; undefined: the message has none. */
  timeoutIn(view: DataView, start: number): number | undefined {
    return this.#timeout < 0 ? undefined : view.getInt32(start + this.#timeout);
  }

  /** Writes what is in no attribute. @param to of the record, in words */
  protected writeFamilies(chunk: Chunk, to: number): void {
    for (let i = 0; i < this.#families.length; i++) chunk.bytes[4 * to + this.#families[i]] = this.#family;
  }
}

/** The offsets of a shape whose values can be copied; undefined: its messages are to be decoded. */
export function offsetsIn(shape: Shape): Offsets | undefined {
  if (!shape.plain || !shape.values.every(canMove)) return undefined;
  const offsetOf: (number | undefined)[] = [];
  for (const { slot, op, offset } of shape.values) {
    offsetOf[slot] = offset;
    if (op === OP_U8_PAIR) offsetOf[slot + 1] = offset + 1;
  }
  if (hasTuple(offsetOf, MASTER)) return undefined;
  return [ORIG, REPLY].every((tuple) => isWhole(offsetOf, tuple, shape.family)) ? offsetOf : undefined;
}

/** The layout of a flow that has values for these slots, and tuples of a family. */
export function layoutFor(layouts: Layouts, has: (slot: number) => boolean): Layout {
  const slots: SlotValue[] = flowCodec.emptySlots.map((_, slot) => (has(slot) ? 0 : undefined));
  for (const { family } of [ORIG, REPLY]) slots[family] = 0;
  return layouts.for(slots);
}
