/**
 * Messages that say nothing unexpected, and are applied to the table without being decoded. What each does is the same
 * as in Contents, which gets all others.
 */
import type { EventType } from '../ctnetlink/event.ts';
import type { ChangeCause } from './change.ts';
import { type DumpedShape, dumpedShapes } from './dumped-shape.ts';
import { type EventShape, eventShapes } from './event-shape.ts';
import type { Life } from './life.ts';
import { BORN_BY, DUMPED, HAS_UNKNOWN, HEARD, PARTIAL, SEEN, TOMBSTONE, TOUCHED } from './store/entries.ts';
import type { Store } from './store/store.ts';
import { ORIGINAL, REPLIED } from './store/tuple-places.ts';

export class AsIs {
  readonly #life: Life;
  readonly #store: Store;
  readonly #dumpedShapes: ReturnType<typeof dumpedShapes>;
  readonly #eventShapes: ReturnType<typeof eventShapes>;

  constructor(life: Life) {
    this.#life = life;
    this.#store = life.store;
    this.#dumpedShapes = dumpedShapes(life.store.layouts);
    this.#eventShapes = eventShapes(life.store.layouts);
  }

  /**
   * The same as `event` of a flow that is new, of a change that has room in the record, or of the end of the flow that
   * is known. @returns false for any other, which is to be decoded
   */
  event(type: EventType, view: DataView, start: number, end: number, family: number): boolean {
    const shape = this.#eventShapes.of(view, start, end, family);
    if (shape === undefined || shape === null) return false;
    const store = this.#store;
    const entry = store.findKey(shape.orig.read(view, start, store.key), ORIGINAL);
    if (type === 'new') {
      if (entry >= 0 || !this.#life.hasRoom) return false;
      this.#copy(shape, view, start, shape.bornBy ? HEARD | BORN_BY : HEARD, this.#life.moments.last, 'event');
      return true;
    }
    if (entry < 0) return type === 'destroy' && !this.#life.moments.dumping;
    return type === 'update' ? this.#update(entry, shape, view, start) : this.#end(entry, shape, view, start);
  }

  /**
   * The same as `snapshot` of a flow that is new, or of one that is as it was in all but what only dumps keep.
   * @returns false for any other, which is to be decoded
   */
  snapshot(view: DataView, start: number, end: number, family: number, since: number, cause: ChangeCause): boolean {
    const shape = this.#dumpedShapes.of(view, start, end, family);
    if (shape === undefined || shape === null) return false;
    const store = this.#store;
    const entry = store.findKey(shape.orig.read(view, start, store.key), ORIGINAL);
    if (entry >= 0) return this.#refresh(entry, shape, view, start, since);
    if (since !== this.#life.moments.dumpSince) return true;
    if (!this.#life.hasRoom) return false;
    this.#copy(shape, view, start, DUMPED, since, cause);
    return true;
  }

  #copy(
    shape: DumpedShape | EventShape,
    view: DataView,
    start: number,
    flags: number,
    seen: number,
    cause: ChangeCause,
  ): void {
    const store = this.#store;
    const entry = store.create(shape.layout);
    // Its key is that of the original tuple, which was looked for.
    store.join(entry, ORIGINAL, store.key);
    shape.write(view, start, store.chunkOf(entry), store.startOf(entry));
    store.join(entry, REPLIED, shape.reply.read(view, start, store.key));
    this.#life.begin(entry, flags, seen, shape.timeoutIn(view, start), cause);
  }

  #update(entry: number, shape: EventShape, view: DataView, start: number): boolean {
    const life = this.#life;
    const store = this.#store;
    if (store.entries.has(entry, TOMBSTONE)) return false;
    const layout = store.layoutOf(entry);
    const chunk = store.chunkOf(entry);
    const at = store.startOf(entry);
    if (!shape.isOf(view, start, layout, chunk, at, false)) return false;
    const old = life.before(entry);
    if (!shape.update(view, start, layout, chunk, at)) return false;
    life.hear(entry);
    life.settle(entry, shape.timeoutIn(view, start));
    life.update(entry, 'event', old);
    return true;
  }

  /** Whoever wants changes wants the last words of the flow, which are decoded. */
  #end(entry: number, shape: EventShape, view: DataView, start: number): boolean {
    const store = this.#store;
    const { entries } = store;
    if (entries.has(entry, TOMBSTONE)) return true;
    const knowsStart = !entries.has(entry, BORN_BY);
    const at = store.startOf(entry);
    if (!shape.isOf(view, start, store.layoutOf(entry), store.chunkOf(entry), at, knowsStart)) return false;
    if (this.#life.wanted) return false;
    this.#life.end(entry, 'event');
    return true;
  }

  /** It has not been heard of since, is known, and has not become another. */
  #refresh(entry: number, shape: DumpedShape, view: DataView, start: number, since: number): boolean {
    const store = this.#store;
    const { entries } = store;
    if (entries.has(entry, TOMBSTONE | PARTIAL | BORN_BY | HAS_UNKNOWN)) return false;
    const touched = entries.get(entry, TOUCHED);
    const seen = entries.get(entry, SEEN);
    if (touched >= since || entries.layoutOf(entry) !== shape.layout.number) return false;
    // Without its start, events that were lost may have been those of another.
    if (!shape.hasStart && Math.max(touched, seen) < this.#life.moments.lostAt) return false;
    if (!shape.refresh(view, start, store.chunkOf(entry), store.startOf(entry))) return false;
    this.#life.see(entry, since);
    this.#life.settle(entry, shape.timeoutIn(view, start));
    return true;
  }
}
