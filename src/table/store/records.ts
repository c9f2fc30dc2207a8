/** Records of one size, in chunks: allocated one by one, given back one by one, and a chunk when nothing is in it. */

/** Records of a chunk: a power of two. */
const CHUNK_BITS = 10;
const CHUNK = 1 << CHUNK_BITS;

export class Chunk {
  readonly words: Int32Array;
  /** The same memory. */
  readonly halves: Uint16Array;
  readonly bytes: Uint8Array;
  /** The last one that was given back, plus 1; its first word has the one before it. */
  free = 0;
  /** Records that were ever in use: those behind are free too. */
  used = 0;
  live = 0;

  constructor(words: number) {
    this.words = new Int32Array(words * CHUNK);
    this.halves = new Uint16Array(this.words.buffer);
    this.bytes = new Uint8Array(this.words.buffer);
  }
}

export class Records {
  readonly size: number;
  readonly #chunks: (Chunk | undefined)[] = [];
  /** Numbers of chunks that were given back. */
  readonly #gone: number[] = [];
  /** Numbers of chunks with room; some have been given back since. */
  readonly #open: number[] = [];

  /** @param size in 32-bit words */
  constructor(size: number) {
    this.size = size;
  }

  chunkOf(place: number): Chunk {
    return this.#chunks[place >>> CHUNK_BITS]!;
  }

  /** Where the record begins in the words of its chunk. */
  startOf(place: number): number {
    return (place & (CHUNK - 1)) * this.size;
  }

  /** The place of a record whose content is anything. */
  allocate(): number {
    const open = this.#open;
    let number = open.at(-1);
    let chunk = number === undefined ? undefined : this.#chunks[number];
    while (number !== undefined && (chunk === undefined || chunk.live === CHUNK)) {
      open.pop();
      number = open.at(-1);
      chunk = number === undefined ? undefined : this.#chunks[number];
    }
    if (number === undefined || chunk === undefined) {
      chunk = new Chunk(this.size);
      number = this.#gone.pop() ?? this.#chunks.length;
      this.#chunks[number] = chunk;
      open.push(number);
    }
    chunk.live++;
    let index: number;
    if (chunk.free > 0) {
      index = chunk.free - 1;
      chunk.free = chunk.words[index * this.size];
    } else {
      index = chunk.used++;
    }
    return number * CHUNK + index;
  }

  release(place: number): void {
    const number = place >>> CHUNK_BITS;
    const chunk = this.#chunks[number]!;
    const index = place & (CHUNK - 1);
    if (chunk.live-- === CHUNK) this.#open.push(number);
    chunk.words[index * this.size] = chunk.free;
    chunk.free = index + 1;
    // The one that is used next stays: a flow that comes and goes would otherwise make and drop a chunk each time.
    if (chunk.live > 0 || this.#open.at(-1) === number) return;
    this.#chunks[number] = undefined;
    this.#gone.push(number);
  }
}
