/** What the table knows of each flow beside its attributes: a row of integers, by the number of the entry. */

export const HASH = 0;
/** The next entry of the same place of the index, plus 1; 0 at the end. */
export const NEXT_ORIG = 1;
export const NEXT_REPLY = 2;
/** Of the record. */
export const PLACE = 3;
/** The number of the layout in the upper half, flags in the lower. */
export const STATE = 4;
/** See Flows. */
export const GENERATION = 5;
/** The snapshot before which an event of the flow was seen last: see Epochs. */
export const TOUCHED = 6;
/** The snapshot that had it last, or the moment of the event that brought it. */
export const SEEN = 7;
/** Seconds of the table's clock; NEVER: no timeout is known. */
export const DEADLINE = 8;
/** The neighbours that are due at about the same time, plus 1. */
export const EARLIER = 9;
export const LATER = 10;
/** Of the reply tuple; HASH is that of the original one. */
export const REPLY_HASH = 11;

/** Integers of an entry, and entries of a chunk. */
export const WIDTH = 12;
const ENTRY_BITS = 13;
export const ENTRIES: number = 1 << ENTRY_BITS;

/** In STATE. Unused: nothing is in this entry. */
export const IN_USE = 1;
/** An event said that it ended while a dump is on its way, which may have an earlier state of it. */
export const TOMBSTONE = 2;
/** An event of this generation has been seen: it will not end silently. */
export const HEARD = 4;
/** Only what an UPDATE carries is known. */
export const PARTIAL = 8;
/** Events were lost, and nothing shows whether this is still the same flow. */
export const INEXACT = 16;
/** `timestamp.start` is not known; its slot has the time of the first event. */
export const BORN_BY = 32;
/** It has attributes that this package does not know. */
export const HAS_UNKNOWN = 64;
/** It is past its deadline, and waits to be confirmed. */
export const OVERDUE = 128;
/** The dump that is on its way brought it into the table. */
export const DUMPED = 256;
/** It waits to be asked for. */
export const ASKED = 512;
/** An answer to a question brought it into the table, and events that are older may still be unread. */
export const ANSWERED = 1024;
/** What a flow leaves behind when another takes its entry. */
export const OF_FLOW = 0xffff & ~1;
const FLAGS = 0xffff;

export class Entries {
  readonly chunks: Int32Array[] = [];
  /** The last one that was given back, plus 1; its NEXT_ORIG has the one before it. */
  #free = 0;
  /** Entries that were ever in use. */
  used = 0;

  get(entry: number, field: number): number {
    return this.chunks[entry >>> ENTRY_BITS][(entry & (ENTRIES - 1)) * WIDTH + field];
  }

  set(entry: number, field: number, value: number): void {
    this.chunks[entry >>> ENTRY_BITS][(entry & (ENTRIES - 1)) * WIDTH + field] = value;
  }

  /** Whether any of these flags is set. */
  has(entry: number, flags: number): boolean {
    return (this.get(entry, STATE) & flags) !== 0;
  }

  flag(entry: number, flags: number): void {
    this.set(entry, STATE, this.get(entry, STATE) | flags);
  }

  unflag(entry: number, flags: number): void {
    this.set(entry, STATE, this.get(entry, STATE) & ~flags);
  }

  layoutOf(entry: number): number {
    return this.get(entry, STATE) >>> 16;
  }

  setLayout(entry: number, layout: number): void {
    this.set(entry, STATE, (this.get(entry, STATE) & FLAGS) | (layout << 16));
  }

  /** An entry with zeros. */
  allocate(): number {
    if (this.#free === 0) {
      const entry = this.used++;
      if (entry >>> ENTRY_BITS === this.chunks.length) this.chunks.push(new Int32Array(ENTRIES * WIDTH));
      this.set(entry, STATE, IN_USE);
      return entry;
    }
    const entry = this.#free - 1;
    this.#free = this.get(entry, NEXT_ORIG);
    const at = (entry & (ENTRIES - 1)) * WIDTH;
    const chunk = this.chunks[entry >>> ENTRY_BITS];
    // Quicker than fill.
    for (let i = 0; i < WIDTH; i++) chunk[at + i] = 0;
    chunk[at + STATE] = IN_USE;
    return entry;
  }

  release(entry: number): void {
    this.set(entry, STATE, 0);
    this.set(entry, NEXT_ORIG, this.#free);
    this.#free = entry + 1;
  }
}
