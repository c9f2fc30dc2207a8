/**
 * The address space of a simulated process. An address is given once and never again, so that every use of memory that
 * was freed is seen: the kernel's when it happens, that of JavaScript by the poison it wrote over.
 */
const PAGE = 4096;
/** What freed memory holds. */
const POISON = 0xa5;
/** Of larger memory only the pages that the kernel wrote are poisoned: most of a receive buffer is never touched. */
const LARGE = 1 << 14;
const POISONED = new Uint8Array(LARGE).fill(POISON);
const FIRST = 0x7f00_0000_0000;

/** Buffers of earlier seeds, zeroed, by size: to allocate them again costs more than the rest of a short run. */
const spare = new Map<number, ArrayBuffer[]>();
const MOST_SPARE = 64;
/** Of buffers larger than this the program itself writes the first pages at most: headers, vectors, addresses. */
const ZEROED = 1 << 18;
const OWN_PAGES = 2;

interface Region {
  readonly base: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  freed: boolean;
  readonly allocated: boolean;
  /** Numbers of the pages that the kernel wrote, where the memory is large. */
  readonly pages: Set<number> | undefined;
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
    if (region.pages !== undefined)
      for (let page = Math.floor(at / PAGE); page * PAGE < at + size; page++) region.pages.add(page);
    return { view: region.view, at };
  }

  /** Looks whether JavaScript wrote to memory after it was freed. */
  check(): void {
    for (const region of this.#regions) {
      if (!region.freed) continue;
      const { bytes, pages } = region;
      for (const at of pages === undefined ? [0] : [...pages].map((page) => page * PAGE)) {
        const part = bytes.subarray(at, pages === undefined ? undefined : at + PAGE);
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

  /** Nobody uses this space any more. @param everything also what was never freed can be used again */
  dispose(everything: boolean): void {
    for (const region of this.#regions) {
      const { bytes, freed, pages, allocated } = region;
      if (!allocated || !(freed || everything)) continue;
      const spares = spare.get(bytes.length) ?? [];
      spare.set(bytes.length, spares);
      if (spares.length >= MOST_SPARE) continue;
      for (let page = 0; pages !== undefined && page < OWN_PAGES; page++) pages.add(page);
      if (bytes.length > ZEROED) fill(region, 0);
      else bytes.fill(0);
      const { buffer } = bytes;
      // Somebody still holds what was never freed: from now on, in vain.
      spares.push(freed ? buffer : structuredClone(buffer, { transfer: [buffer] }));
    }
    this.#regions.length = 0;
    this.#last = undefined;
  }

  #of(memory: Uint8Array): Region {
    return this.#byBuffer.get(memory.buffer) ?? this.#register(memory as Uint8Array<ArrayBuffer>, false);
  }

  #register(memory: Uint8Array<ArrayBuffer>, allocated: boolean): Region {
    const bytes = new Uint8Array(memory.buffer);
    const base = this.#next;
    // A page that is nobody's behind each, so that what passes the end is seen. The alignment is malloc's.
    this.#next = Math.ceil((base + bytes.length) / 16) * 16 + PAGE;
    const pages = bytes.length > LARGE ? new Set<number>() : undefined;
    const region = { base, bytes, view: new DataView(bytes.buffer), freed: false, allocated, pages };
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

/** Fills what was written of it. */
function fill({ bytes, pages }: Region, byte: number): void {
  if (pages === undefined) bytes.fill(byte);
  else for (const page of pages) bytes.fill(byte, page * PAGE, (page + 1) * PAGE);
}
