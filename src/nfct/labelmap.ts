/** Names of connection labels, from a file. */

import { CONNLABEL_CONF, LabelMap } from '../format/labelmap.ts';
import { checkInteger, describe } from '../netlink/check.ts';
import { files } from '../netlink/platform.ts';

/** struct nfct_labelmap: opaque, for the nfct_labelmap_ functions. */
export type nfct_labelmap = LabelMap;

const BIT_MAX = 0xffffffff;

/** Where nfct_labelmap_new(null) looks: /etc/xtables/connlabel.conf. */
export function nfct_labels_get_path(): string {
  return CONNLABEL_CONF;
}

/**
 * Reads a file of bits and names (connlabel.conf), by default that of nfct_labels_get_path(). Null when it cannot be
 * read or names no label, as in C; nfct_snprintf_labels() takes null too. Bits up to 1023 count, as in C; the kernel
 * has 128.
 * @throws TypeError when `mapfile` is neither a path nor null nor undefined
 */
export function nfct_labelmap_new(mapfile?: string | null): nfct_labelmap | null {
  const path = mapfile ?? CONNLABEL_CONF;
  if (typeof path !== 'string')
    throw new TypeError(`mapfile must be the path of a file or null, not ${describe(mapfile)}`);
  let text: string;
  try {
    text = files().readFileSync(path, 'latin1');
  } catch {
    return null;
  }
  const map = LabelMap.parse(text);
  return map.empty ? null : map;
}

/** Does nothing: kept for programs that move from C line by line. */
export function nfct_labelmap_destroy(_map: nfct_labelmap | null): void {}

/** The name of a bit; '' when it has none but a higher bit has one, and undefined above all of them (C: NULL). */
export function nfct_labelmap_get_name(m: nfct_labelmap, bit: number): string | undefined {
  checkLabelmap(m);
  checkInteger(bit, BIT_MAX, 'bit');
  return m.name(bit) ?? (bit < m.maxBit ? '' : undefined);
}

/** The bit of a name; -1 when there is no such name. */
export function nfct_labelmap_get_bit(m: nfct_labelmap, name: string): number {
  checkLabelmap(m);
  if (typeof name !== 'string') throw new TypeError(`name must be a string, not ${describe(name)}`);
  return m.bit(name) ?? -1;
}

function checkLabelmap(m: unknown): asserts m is nfct_labelmap {
  if (!(m instanceof LabelMap)) throw new TypeError(`m must be the result of nfct_labelmap_new(), not ${describe(m)}`);
}
