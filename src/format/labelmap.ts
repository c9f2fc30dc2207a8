/** Names of connection labels: connlabel.conf, which iptables and conntrack(8) share. */

/** Where iptables and conntrack(8) look for it. */
export const CONNLABEL_CONF = '/etc/xtables/connlabel.conf';

/** Bits that nfct_labelmap_new takes; the kernel has 128 (XT_CONNLABEL_MAXBIT). */
const MAX_BITS = 1024;

/** A bit as strtoul(3) reads it, as far as it goes, octal and hexadecimal too; then its name. */
const LINE = new RegExp(
  '^[ \\t\\v\\f\\r]*\\+?(?:0x([0-9a-f]+)(?![0-9a-f])|(0(?!x[0-9a-f])[0-7]*)(?![0-7])|([1-9]\\d*)(?!\\d))' +
    '[ \\t\\v\\f\\r]*([a-z0-9 -]*[a-z0-9-])[ \\t\\v\\f\\r]*$',
  'i',
);

/** Names of label bits, both ways. */
export class LabelMap {
  readonly #names: (string | undefined)[] = [];
  readonly #bits = new Map<string, number>();

  /** Of two names for a bit, or two bits of one name, the first counts. */
  constructor(entries: Iterable<readonly [bit: number, name: string]>) {
    for (const [bit, name] of entries) {
      if (this.#names[bit] !== undefined || this.#bits.has(name)) continue;
      this.#names[bit] = name;
      this.#bits.set(name, bit);
    }
  }

  /**
   * Reads the text of a connlabel.conf: a bit and its name a line, the name of letters, digits, spaces and hyphens.
   * Lines that are anything else are skipped, as nfct_labelmap_new does.
   */
  static parse(text: string): LabelMap {
    const entries: [number, string][] = [];
    for (const line of text.split('\n')) {
      const match = LINE.exec(line);
      if (match === null) continue;
      const [, hexadecimal, octal, decimal, name] = match;
      const bit =
        hexadecimal !== undefined
          ? Number.parseInt(hexadecimal, 16)
          : octal !== undefined
            ? Number.parseInt(octal, 8)
            : Number(decimal);
      if (bit < MAX_BITS) entries.push([bit, name]);
    }
    return new LabelMap(entries);
  }

  /** No line of the file had a name. */
  get empty(): boolean {
    return this.#bits.size === 0;
  }

  /** The highest bit that has a name; -1 when there is none. */
  get maxBit(): number {
    return this.#names.length - 1;
  }

  /** The name of a bit; undefined if it has none. */
  name(bit: number): string | undefined {
    return this.#names[bit];
  }

  /** The bit of a name; undefined if there is none. */
  bit(name: string): number | undefined {
    return this.#bits.get(name);
  }
}
