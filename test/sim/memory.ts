/**
 * The address space of a simulated process. An address is given once and never again, so that every use of memory that
 * was freed is seen: the kernel's when it happens, that of JavaScript by the poison it wrote over.
 */
const PAGE = 4096;
/** What freed memory holds. */
const POISON = 0xa5;
/** Of larger memory only what the kernel wrote is poisoned: a receive-ahead buffer of 64 MiB is hardly touched. */
const LARGE = 1 << 16;
const POISONED = new Uint8Array(LARGE).fill(POISON);
const FIRST = 0x7f00_0000_0000;

/**
 * Large buffers of earlier seeds, zeroed, by size: to allocate them anew costs more than all the rest of a short run.
 */
const spare = new Map<number, ArrayBuffer[]>();
const MOST_SPARE = 64;
/** Of buffers larger than this, two are kept. */
const HUGE = 1 << 22;

interface Region {
  readonly base: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  freed: boolean;
  /** The highest byte that the kernel wrote, and one. */
  written: number;
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
    const bytes = new Uint8Array(spare.get(size)?.pop() ?? new ArrayBuffer(size));
    this.#register(bytes);
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
      region.bytes.fill(POISON, 0, region.bytes.length > LARGE ? region.written : undefined);
    }
  }

  addressOf(memory: Uint8Array): bigint {
    return BigInt(this.#of(memory).base + memory.byteOffset);
  }

  /** Memory that is passed to a system call. */
  passed(memory: Uint8Array, what: string): void {
    if (this.#of(memory).freed) this.#report(`${what} is given memory that was freed`);
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
    region.written = Math.max(region.written, at + size);
    return { view: region.view, at };
  }

  /** Looks whether JavaScript wrote to memory after it was freed. */
  check(): void {
    for (const region of this.#regions) {
      if (!region.freed) continue;
      const { bytes } = region;
      const end = bytes.length > LARGE ? region.written : bytes.length;
      for (let at = 0; at < end; at += LARGE) {
        const part = bytes.subarray(at, Math.min(end, at + LARGE));
        if (Buffer.compare(part, POISONED.subarray(0, part.length)) === 0) continue;
        const first = part.findIndex((byte) => byte !== POISON);
        this.#report(`byte ${at + first} of ${bytes.length} was written after the memory was freed`);
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

  dispose(): void {
    for (const { bytes, freed, written } of this.#regions) {
      // What was never freed, somebody may still hold.
      if (!freed || bytes.length <= LARGE) continue;
      const spares = spare.get(bytes.length) ?? [];
      spare.set(bytes.length, spares);
      if (spares.length >= (bytes.length > HUGE ? 2 : MOST_SPARE)) continue;
      bytes.fill(0, 0, Math.max(written, LARGE));
      spares.push(bytes.buffer);
    }
    this.#regions.length = 0;
    this.#last = undefined;
  }

  #of(memory: Uint8Array): Region {
    return this.#byBuffer.get(memory.buffer) ?? this.#register(memory as Uint8Array<ArrayBuffer>);
  }

  #register(memory: Uint8Array<ArrayBuffer>): Region {
    const bytes = new Uint8Array(memory.buffer);
    const base = this.#next;
    // A page that is nobody's behind each, so that what passes the end is seen. The alignment is malloc's.
    this.#next = Math.ceil((base + bytes.length) / 16) * 16 + PAGE;
    const region = { base, bytes, view: new DataView(bytes.buffer), freed: false, written: 0 };
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
