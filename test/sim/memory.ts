/**
 * The address space of a simulated process. An address is given once and never again, so that every use of memory that
 * was freed is seen: the kernel's when it happens, that of JavaScript by the poison it wrote over.
 */
const PAGE = 4096;
/** What freed memory holds. */
const POISON = 0xa5;
/**
 * Of larger memory only the pieces that the kernel wrote are poisoned, and the beginning, which has headers, vectors
 * and addresses: most of a receive buffer is never touched.
 */
const LARGE = 1 << 14;
const PIECE = 512;
const BEGINNING = 8192;
const POISONED = new Uint8Array(LARGE).fill(POISON);
const FIRST = 0x7f00_0000_0000;

/** Memory of earlier seeds, zeroed, by size: to allocate it again costs more than the rest of a short run. */
const spare = new Map<number, Uint8Array<ArrayBuffer>[]>();
const MOST_SPARE = 64;
/** Of memory larger than this the program itself writes the beginning at most. */
const ZEROED = 1 << 18;

interface Region {
  readonly base: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  freed: boolean;
  readonly allocated: boolean;
  /** Numbers of the pieces that the kernel wrote, where the memory is large. */
  readonly pieces: Set<number> | undefined;
}

/** A place in memory, as the kernel uses it. */
export interface Place {
  readonly view: DataView<ArrayBuffer>;
  readonly at: number;
}

/** EFAULT: the address is not that of memory of the process. */
export class BadAddress extends Error {}

export class AddressSpace {
  readonly #report: (violation: string) => void;
  /** By address, ascending. */
  readonly #regions: Region[] = [];
  readonly #byBuffer = new WeakMap<ArrayBufferLike, Region>();
  #next = FIRST;
  #last: Region | undefined;

  /** @param offset of the first address in its page */
  constructor(report: (violation: string) => void, offset = 0) {
    this.#report = report;
    this.#next = FIRST + offset;
  }

  allocate(size: number): Uint8Array<ArrayBuffer> {
    const bytes = spare.get(size)?.pop() ?? new Uint8Array(new ArrayBuffer(size));
    this.#register(bytes, true);
    return bytes;
  }

  free(memory: Uint8Array): void {
    const region = this.#byBuffer.get(memory.buffer);
    if (region === undefined) {
      this.#report('memory is freed that was not allocated');
    } else if (region.freed) {
      this.#report(`memory of ${memory.length} bytes is freed twice`);
    } else {
      region.freed = true;
      fill(region, POISON);
    }
  }

  addressOf(memory: Uint8Array): bigint {
    return BigInt(this.#of(memory).base + memory.byteOffset);
  }

  /** Memory that is passed to a system call. */
  passed(memory: Uint8Array, what: string): DataView {
    const { view, freed } = this.#of(memory);
    if (freed) this.#report(`${what} is given memory that was freed`);
    return memory.byteOffset === 0 ? view : new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  }

  /** Where the kernel reads `size` bytes. @throws BadAddress */
  reads(address: number, size: number, what: string): Place {
    const region = this.#find(address, size, what);
    return { view: region.view, at: address - region.base };
  }

  /** Where the kernel writes `size` bytes. @throws BadAddress */
  writes(address: number, size: number, what: string): Place {
    const region = this.#find(address, size, what);
    const at = address - region.base;
    if (region.pieces !== undefined)
      for (let piece = Math.floor(at / PIECE); piece * PIECE < at + size; piece++) region.pieces.add(piece);
    return { view: region.view, at };
  }

  /** Looks whether JavaScript wrote to memory after it was freed. */
  check(): void {
    for (const region of this.#regions) {
      if (!region.freed) continue;
      const { bytes, pieces } = region;
      const parts = pieces === undefined ? [bytes] : [bytes.subarray(0, BEGINNING)];
      for (const piece of pieces ?? []) parts.push(bytes.subarray(piece * PIECE, (piece + 1) * PIECE));
      for (const part of parts) {
        if (Buffer.compare(part, POISONED.subarray(0, part.length)) === 0) continue;
        const first = part.findIndex((byte) => byte !== POISON);
        this.#report(`byte ${part.byteOffset + first} of ${bytes.length} was written after the memory was freed`);
        break;
      }
    }
  }

  /** How much is not freed: regions and bytes. */
  get live(): { regions: number; bytes: number } {
    let regions = 0;
    let bytes = 0;
    for (const region of this.#regions) {
      if (region.freed) continue;
      regions++;
      bytes += region.bytes.length;
    }
    return { regions, bytes };
  }

  /** Nobody uses this space any more. @param everything also what was never freed can be used again */
  dispose(everything: boolean): void {
    for (const region of this.#regions) {
      const { bytes, freed, allocated } = region;
      if (!allocated || !(freed || everything)) continue;
      const spares = spare.get(bytes.length) ?? [];
      spare.set(bytes.length, spares);
      if (spares.length >= MOST_SPARE) continue;
      if (bytes.length > ZEROED) fill(region, 0);
      else bytes.fill(0);
      const { buffer } = bytes;
      // Somebody still holds what was never freed: from now on, in vain.
      spares.push(freed ? bytes : new Uint8Array(structuredClone(buffer, { transfer: [buffer] })));
    }
    this.#regions.length = 0;
    this.#last = undefined;
  }

  #of(memory: Uint8Array): Region {
    return this.#byBuffer.get(memory.buffer) ?? this.#register(memory as Uint8Array<ArrayBuffer>, false);
  }

  #register(memory: Uint8Array<ArrayBuffer>, allocated: boolean): Region {
    const bytes = allocated ? memory : new Uint8Array(memory.buffer);
    const base = this.#next;
    // A page that is nobody's behind each, so that what passes the end is seen. The alignment is malloc's.
    this.#next = Math.ceil((base + bytes.length) / 16) * 16 + PAGE;
    const pieces = bytes.length > LARGE ? new Set<number>() : undefined;
    const region = { base, bytes, view: new DataView(bytes.buffer), freed: false, allocated, pieces };
    this.#regions.push(region);
    this.#byBuffer.set(bytes.buffer, region);
    return region;
  }

  #find(address: number, size: number, what: string): Region {
    const last = this.#last;
    if (last !== undefined && !last.freed && address >= last.base && address + size <= last.base + last.bytes.length)
      return last;
    const regions = this.#regions;
    let low = 0;
    let high = regions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (regions[middle].base <= address) low = middle + 1;
      else high = middle;
    }
    const region = regions[low - 1];
    if (region === undefined || address + size > region.base + region.bytes.length) {
      this.#report(`${what}: ${size} bytes at 0x${address.toString(16)} are nobody's`);
      throw new BadAddress();
    }
    if (region.freed) {
      this.#report(`${what}: memory of ${region.bytes.length} bytes that was freed`);
      throw new BadAddress();
    }
    this.#last = region;
    return region;
  }
}

/** Fills what may have been written of it. */
function fill({ bytes, pieces }: Region, byte: number): void {
  bytes.fill(byte, 0, pieces === undefined ? undefined : BEGINNING);
  for (const piece of pieces ?? []) bytes.fill(byte, piece * PIECE, (piece + 1) * PIECE);
}
