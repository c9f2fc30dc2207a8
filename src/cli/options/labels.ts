/** Names of labels on the command line: connlabel.conf. */

import { LABEL_BITS } from '../../ctnetlink/labels.ts';
import { CONNLABEL_CONF, LabelMap } from '../../format/labelmap.ts';
import { files } from '../../netlink/platform.ts';
import { complainPlainly } from '../output.ts';
import { UsageError } from './settings.ts';

let path = CONNLABEL_CONF;
let map: LabelMap | undefined;

/** --labelmap: names are looked up in this file, also those of the lines of -R. */
export function useLabelMap(file: string = CONNLABEL_CONF): void {
  if (file === path) return;
  path = file;
  map = undefined;
}

/** The file that names are looked up in. */
export function labelMapPath(): string {
  return path;
}

/** The names of that file, read once; undefined, with the reason on standard error, where there are none. */
export function labelMap(): LabelMap | undefined {
  if (map !== undefined) return map.empty ? undefined : map;
  try {
    map = LabelMap.parse(files().readFileSync(path, 'utf8'));
  } catch (error) {
    map = new LabelMap([]);
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'No such file or directory' : (error as Error).message;
    complainPlainly(`nfct_labelmap_new: ${reason}`);
  }
  return map.empty ? undefined : map;
}

/** The bits of a comma-separated list of names. @throws UsageError */
export function readBits(text: string): number[] {
  const names = labelMap();
  return text.split(',').map((name) => {
    const bit = names?.bit(name);
    if (bit === undefined) throw new UsageError(`unknown label '${name}'`);
    return bit;
  });
}

/**
 * The same, of labels that are to be set or taken away: a name may be of a bit that the kernel has not. @throws
 * UsageError of status 1, as conntrack(8)
 */
export function readSettableBits(text: string): number[] {
  const bits = readBits(text);
  const index = bits.findIndex((bit) => bit >= LABEL_BITS);
  if (index < 0) return bits;
  const last = LABEL_BITS - 1;
  throw new UsageError(
    `label '${text.split(',')[index]}' is bit ${bits[index]} in ${path}: the kernel has bits 0 to ${last} only`,
    1,
  );
}
