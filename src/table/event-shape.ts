/**
 * What a table does with the events of one shape (see Shape) without decoding them: it copies the flow of a NEW, puts
 * what an UPDATE carries over the flow that it has, and compares a DESTROY with it.
 */
import { OP_U8_PAIR } from '../ctnetlink/attributes/kinds.ts';
import { type Shape, Shapes, type ShapeValue } from '../ctnetlink/codec/shape.ts';
import { flowCodec } from '../ctnetlink/flow.ts';
import { EVENT_TIME, ID, START } from '../ctnetlink/slots.ts';
import { CopiedShape, layoutFor, type Offsets, offsetsIn } from './copied-shape.ts';
import { CHANGING, NONE_IF_ABSENT, OF_MESSAGE, ZERO_IF_ABSENT } from './merge.ts';
import type { Layout, Layouts } from './store/layout.ts';
import { Moves } from './store/moves.ts';
import type { Chunk } from './store/records.ts';
import { NOWHERE } from './tuple-offsets.ts';

/** What is copied into records of a layout. */
class Writing {
  readonly #moves: Moves;
  /** Places of words that are 0 where the message has none. */
  readonly #zeros: Int32Array;

  constructor(values: readonly ShapeValue[], zeros: readonly number[], layout: Layout) {
    this.#moves = new Moves(values, layout);
    this.#zeros = Int32Array.from(zeros, (slot) => layout.placeOf[slot]);
  }

  copy(view: DataView, start: number, chunk: Chunk, to: number): void {
    this.#moves.copy(view, start, chunk, to);
    for (let i = 0; i < this.#zeros.length; i++) chunk.words[to + this.#zeros[i]] = 0;
  }
}

export class EventShape extends CopiedShape {
  /** The time of the event is in the place of the start, which the message has not. */
  readonly bornBy: boolean;
  readonly #id: number;
  readonly #start: number;
  readonly #whole: Writing;
  readonly #changing: readonly ShapeValue[];
  /** Slots that are 0 because the message has them not. */
  readonly #zeros: readonly number[];
  /** By the number of the layout; null: what changes has no place there. */
  readonly #changes: (Writing | null | undefined)[] = [];

  constructor(shape: Shape, layout: Layout, offsetOf: Offsets) {
    super(shape, layout, offsetOf);
    const { values } = shape;
    this.bornBy = offsetOf[EVENT_TIME] !== undefined && offsetOf[START] === undefined;
    this.#id = offsetOf[ID] ?? NOWHERE;
    this.#start = offsetOf[START] ?? NOWHERE;
    this.#zeros = ZERO_IF_ABSENT.filter((slot) => offsetOf[slot] === undefined);
    const whole = values.filter(({ slot }) => !OF_MESSAGE.includes(slot));
    const born = values.filter(({ slot }) => this.bornBy && slot === EVENT_TIME);
    this.#whole = new Writing([...whole, ...born.map((value) => ({ ...value, slot: START }))], this.#zeros, layout);
    this.#changing = values.filter(({ slot }) => CHANGING.includes(slot));
  }

  /** Writes the record of the flow of a NEW. @param start of the first attribute; @param to of the record, in words */
  write(view: DataView, start: number, chunk: Chunk, to: number): void {
    this.#whole.copy(view, start, chunk, to);
    this.writeFamilies(chunk, to);
  }

  /** Whether a record has the same id, and the same start if it `knowsStart` and both have one. */
  isOf(view: DataView, start: number, layout: Layout, chunk: Chunk, at: number, knowsStart: boolean): boolean {
    const { words } = chunk;
    const id = layout.placeOf[ID];
    if (id < 0 || this.#id < 0 || words[at + id] !== view.getInt32(start + this.#id)) return false;
    const known = layout.placeOf[START];
    if (!knowsStart || known < 0 || this.#start < 0) return true;
    const own = start + this.#start;
    return words[at + known] === view.getInt32(own) && words[at + known + 1] === view.getInt32(own + 4);
  }

  /** Puts what an UPDATE carries over a record; false where its layout has no place for it. */
  update(view: DataView, start: number, layout: Layout, chunk: Chunk, to: number): boolean {
    let changes = this.#changes[layout.number];
    if (changes === undefined) changes = this.#learn(layout);
    if (changes === null) return false;
    changes.copy(view, start, chunk, to);
    return true;
  }

  #learn(layout: Layout): Writing | null {
    const { placeOf } = layout;
    const changing = this.#changing;
    const fits = changing.every(({ slot, op }) => placeOf[slot] >= 0 && (op !== OP_U8_PAIR || placeOf[slot + 1] >= 0));
    const keeps = !NONE_IF_ABSENT.some((slot) => placeOf[slot] >= 0);
    const zeros = this.#zeros.every((slot) => placeOf[slot] >= 0);
    const learned = fits && keeps && zeros ? new Writing(changing, this.#zeros, layout) : null;
    while (this.#changes.length <= layout.number) this.#changes.push(undefined);
    this.#changes[layout.number] = learned;
    return learned;
  }
}

/** The shapes of events; null for one whose messages are to be decoded. */
export function eventShapes(layouts: Layouts): Shapes<EventShape | null> {
  return new Shapes(flowCodec.tables, (shape) => {
    const offsetOf = offsetsIn(shape);
    if (offsetOf === undefined) return null;
    const has = (slot: number): boolean =>
      (offsetOf[slot] !== undefined && !OF_MESSAGE.includes(slot)) ||
      ZERO_IF_ABSENT.includes(slot) ||
      (slot === START && offsetOf[EVENT_TIME] !== undefined);
    return new EventShape(shape, layoutFor(layouts, has), offsetOf);
  });
}
