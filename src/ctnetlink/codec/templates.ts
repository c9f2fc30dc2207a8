/**
 * Requests that follow each other often have one shape: the same slots are set, so that their bytes differ in the
 * values only. The codec keeps what it wrote for a shape as a template, and writes the next request of that shape as a
 * copy with its own values. Measured for a UDP flow: a third of the time of the general writer.
 */
import type { Writer } from '../../netlink/writer.ts';
import type { IPPROTO_ICMPV6 } from '../../uapi/in.ts';
import type { SlotHolder, SlotValue } from '../attributes/kinds.ts';
import type { Tables } from './tables.ts';
import { type PLACE, places, writeAttributes, writeValue } from './write.ts';

interface Template {
  readonly hash: number;
  readonly shape: Int32Array;
  /** What else must be the same, in the order of Tables.varying: a string itself, and of bytes their length. */
  readonly fixed: readonly (string | number | undefined)[];
  readonly bytes: Uint8Array;
  readonly places: Int32Array;
  /** Whether it was used since its place was last wanted for another. */
  used: boolean;
}

/** Few programs have more shapes at a time. A template takes two kilobytes at most. */
const TEMPLATES = 32;
/** Bytes. What is longer gets no template. */
const LARGEST = 1024;
/** After so many requests in a row without a template, nearly all shapes are new. */
const PATIENCE = 32;
/** How many hashes of shapes without a template are remembered. */
const MISSED = 64;

/** Writes slots as attributes. */
export class TemplateWriter {
  readonly tables: Tables;
  readonly #templates: Template[] = [];
  /** The one that fitted last. */
  #last = 0;
  /** The one that the next template may replace. */
  #oldest = 0;
  /** Requests in a row that no template fitted. */
  #misses = 0;
  readonly #missed = new Int32Array(MISSED);
  /** The shape measured last: a bit for each slot that is set, and in the last word one for each tuple of ICMPv6. */
  readonly #shape: Int32Array;

  constructor(tables: Tables) {
    this.tables = tables;
    this.#shape = new Int32Array(((tables.rows.length + 31) >> 5) + 1);
  }

  /** How many templates there are now. */
  get templateCount(): number {
    return this.#templates.length;
  }

  /** Writes everything that is set, in the write order of the subsystem. Empty nests are left out. */
  write(writer: Writer, source: SlotHolder): void {
    const { slots } = source;
    const start = writer.length;
    if (source.unknown !== undefined || this.#isHopeless()) {
      writeAttributes(this.tables, writer, source);
      return;
    }
    const hash = this.#measure(slots);
    const template = this.#find(hash, slots);
    if (template !== undefined) {
      this.#misses = 0;
      const { bytes } = template;
      writer.reserve(bytes.length);
      writer.bytes.set(bytes, start);
      const { places } = template;
      for (let i = 0; i < places.length; i += 2 satisfies typeof PLACE) {
        const place = places[i];
        writeValue(writer, place & 15, start + places[i + 1], slots[place >> 4]);
      }
      return;
    }
    const count = writeAttributes(this.tables, writer, source);
    this.#keep(hash, slots, writer, start, count);
    this.#misses++;
  }

  /** Measuring costs a tenth of writing: where nearly all shapes are new, only one request in eight is measured. */
  #isHopeless(): boolean {
    return this.#misses >= PATIENCE && (++this.#misses & 7) !== 0;
  }

  /** Measures the shape and returns a hash of it, and of what Template.fixed has. */
  #measure(slots: readonly SlotValue[]): number {
    const shape = this.#shape;
    const { protocols, varying } = this.tables;
    let hash = 0;
    let word = 0;
    for (let base = 0; word < shape.length - 1; base += 32, word++) {
      const end = Math.min(base + 32, slots.length);
      let bits = 0;
      // No branch, which a processor could not predict where shapes differ: 55 ns instead of 260.
      for (let slot = base; slot < end; slot++) bits = (bits << 1) | Number(slots[slot] !== undefined);
      // Slots beyond the end of a short array are not set either.
      bits <<= base + 32 - end;
      shape[word] = bits;
      hash = Math.imul(hash ^ bits, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    let icmpv6 = 0;
    for (let i = 0; i < protocols.length; i++)
      if (slots[protocols[i]] === (58 satisfies typeof IPPROTO_ICMPV6)) icmpv6 |= 1 << i;
    shape[word] = icmpv6;
    hash = Math.imul(hash ^ icmpv6, 0x9e3779b1);
    for (let i = 0; i < varying.length; i++) {
      const value = slots[varying[i]] as string | Uint8Array | undefined;
      if (value === undefined) continue;
      hash = Math.imul(hash ^ value.length, 0x9e3779b1);
      if (typeof value === 'string')
        for (let at = 0; at < value.length; at++) hash = Math.imul(hash ^ value.charCodeAt(at), 0x01000193);
    }
    return hash ^ (hash >>> 15);
  }

  #find(hash: number, slots: readonly SlotValue[]): Template | undefined {
    const templates = this.#templates;
    const { length } = templates;
    for (let i = 0, at = this.#last; i < length; i++) {
      const template = templates[at];
      if (template.hash === hash && this.#fits(template, slots)) {
        template.used = true;
        this.#last = at;
        return template;
      }
      if (++at === length) at = 0;
    }
    return undefined;
  }

  #fits({ shape, fixed }: Template, slots: readonly SlotValue[]): boolean {
    for (let word = 0; word < shape.length; word++) if (shape[word] !== this.#shape[word]) return false;
    const { varying } = this.tables;
    for (let i = 0; i < fixed.length; i++) if (fixed[i] !== fixedOf(slots[varying[i]])) return false;
    return true;
  }

  /** Makes a template of what was just written, if the shape has come before: one that comes once needs none. */
  #keep(hash: number, slots: readonly SlotValue[], writer: Writer, start: number, count: number): void {
    const at = hash & (MISSED - 1);
    if (this.#missed[at] !== hash) {
      this.#missed[at] = hash;
      return;
    }
    if (writer.length - start > LARGEST) return;
    const templates = this.#templates;
    const place = templates.length < TEMPLATES ? templates.length : this.#oldest;
    if (place < templates.length) {
      this.#oldest = (place + 1) % TEMPLATES;
      // A template in use stays. Otherwise, more shapes than there are places would replace each other all the time.
      if (templates[place].used) {
        templates[place].used = false;
        return;
      }
    }
    const { varying } = this.tables;
    templates[place] = {
      hash,
      shape: this.#shape.slice(),
      fixed: varying.some((slot) => slots[slot] !== undefined) ? varying.map((slot) => fixedOf(slots[slot])) : [],
      bytes: writer.bytes.slice(start, writer.length),
      places: places.slice(0, count),
      used: false,
    };
  }
}

function fixedOf(value: SlotValue): string | number | undefined {
  return value instanceof Uint8Array ? value.length : (value as string | undefined);
}
