/** Names of connection labels: connlabel.conf, which iptables and conntrack(8) share. */
import { LABEL_BITS } from '../ctnetlink/labels.ts';

/** Where iptables and conntrack(8) look for it. */
export const CONNLABEL_CONF = '/etc/xtables/connlabel.conf';

/** Names of label bits, both ways. */
export class LabelMap {
  readonly #names: (string | undefined)[] = [];
  readonly #bits = new Map<string, number>();

  constructor(entries: Iterable<readonly [bit: number, name: string]>) {
    for (const [bit, name] of entries) {
      this.#names[bit] = name;
      this.#bits.set(name, bit);
    }
  }

  /** Reads the text of a connlabel.conf: a bit number and a name a line, # starts a comment line. */
  static parse(text: string): LabelMap {
    const entries: [number, string][] = [];
    for (const line of text.split('\n')) {
      const match = /^\s*(0x[0-9a-f]+|\d+)[ \f\r\t\v]+(.*?)[ \f\r\t\v]*$/i.exec(line);
      if (match === null) continue;
      const bit = Number(match[1]);
      if (bit < LABEL_BITS && match[2] !== '') entries.push([bit, match[2]]);
    }
    return new LabelMap(entries);
  }

  name(bit: number): string | undefined {
    return this.#names[bit];
  }

  bit(name: string): number | undefined {
    return this.#bits.get(name);
  }
}
