/** Broken datagrams out of whole ones: what a bad kernel, a bad capture or an attacker could send. */
import { HOST_LITTLE_ENDIAN, viewOf } from '../../../src/netlink/byteorder.ts';
import type { Random } from '../random.ts';

/** Room on both sides of the datagram, for what reads out of range to find. */
const MARGIN = 64;
const CAPACITY = 1 << 17;

/** One buffer that every mutated datagram is made in, so that a million of them cost no allocation of theirs. */
export class Canvas {
  readonly #buffer = new Uint8Array(CAPACITY + 2 * MARGIN);
  readonly #view = viewOf(this.#buffer);
  #length = 0;
  #canary = 0xc5;

  /** The datagram as a transport gives it: in the middle of a larger buffer. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(MARGIN, MARGIN + this.#length);
  }

  get view(): DataView {
    return new DataView(this.#buffer.buffer, MARGIN, this.#length);
  }

  /** Takes a datagram as it is. */
  load(source: Uint8Array, length = source.length): void {
    this.#buffer.set(length === source.length ? source : source.subarray(0, length), MARGIN);
    this.#length = length;
    this.#guard();
  }

  /** Fills what surrounds the datagram with another byte: a result that changes has read it. */
  surroundWith(canary: number): void {
    this.#canary = canary;
    this.#guard();
  }

  /** True when nothing was written around the datagram. */
  get intact(): boolean {
    const end = MARGIN + this.#length;
    for (let i = 1; i <= MARGIN; i++) {
      if (this.#buffer[MARGIN - i] !== this.#canary || this.#buffer[end + i - 1] !== this.#canary) return false;
    }
    return true;
  }

  #guard(): void {
    this.#buffer.fill(this.#canary, 0, MARGIN);
    this.#buffer.fill(this.#canary, MARGIN + this.#length, 2 * MARGIN + this.#length);
  }

  /** Breaks the datagram that is loaded in one to four ways; `others` are what it is spliced with. */
  mutate(random: Random, others: readonly Uint8Array[]): void {
    for (let times = random.between(1, 4); times > 0; times--) this.#mutateOnce(random, others);
    this.#guard();
  }

  #mutateOnce(random: Random, others: readonly Uint8Array[]): void {
    const length = this.#length;
    if (length === 0) return;
    const buffer = this.#buffer;
    const at = MARGIN + random.below(length);
    const aligned = MARGIN + (random.below(length) & ~3);
    switch (random.below(10)) {
      case 0:
        buffer[at] ^= 1 << random.below(8);
        break;
      case 1:
        buffer[at] = random.pick([0, 1, 3, 4, 0x7f, 0x80, 0xff, random.below(256)]);
        break;
      case 2:
        // nla_len, if one is here; every attribute starts at a multiple of 4.
        this.#view.setUint16(aligned, interestingLength(random, length), HOST_LITTLE_ENDIAN);
        break;
      case 3:
        this.#view.setUint16(
          aligned + 2,
          random.oneIn(2) ? random.below(40) : random.below(0x10000),
          HOST_LITTLE_ENDIAN,
        );
        break;
      case 4:
        // nlmsg_len, mostly of the first message.
        this.#view.setUint32(random.oneIn(3) ? aligned : MARGIN, interestingLength(random, length), HOST_LITTLE_ENDIAN);
        break;
      case 5:
        this.#length = random.below(length + 1);
        break;
      case 6: {
        // A piece of another datagram, over or into this one.
        const other = random.pick(others);
        const from = random.below(other.length) & ~3;
        const piece = other.subarray(from, from + random.between(1, 64));
        if (random.oneIn(2)) this.#insert(aligned, piece);
        else buffer.set(piece.subarray(0, MARGIN + length - aligned), aligned);
        break;
      }
      case 7: {
        const piece = buffer.slice(aligned, Math.min(aligned + random.between(1, 64), MARGIN + length));
        this.#insert(MARGIN + (random.below(length) & ~3), piece);
        break;
      }
      case 8: {
        const count = Math.min(random.between(1, 32), MARGIN + length - aligned);
        buffer.copyWithin(aligned, aligned + count, MARGIN + length);
        this.#length -= count;
        break;
      }
      default:
        buffer.fill(random.pick([0, 0xff]), aligned, Math.min(aligned + random.between(1, 16), MARGIN + length));
    }
  }

  #insert(at: number, piece: Uint8Array): void {
    if (this.#length + piece.length > CAPACITY) return;
    this.#buffer.copyWithin(at + piece.length, at, MARGIN + this.#length);
    this.#buffer.set(piece, at);
    this.#length += piece.length;
  }
}

function interestingLength(random: Random, length: number): number {
  return random.pick([0, 1, 3, 4, 5, 7, 8, 15, 16, 17, 20, length - 1, length, length + 1, 0xffff, random.below(300)]);
}
