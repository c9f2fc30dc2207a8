/** Names of labels on the command line: connlabel.conf. */
import { readFileSync } from 'node:fs';
import { CONNLABEL_CONF, LabelMap } from '../format/labelmap.ts';
import { complainPlainly } from './output.ts';
import { UsageError } from './settings.ts';

let map: LabelMap | undefined;

/** The names of this machine, read once; undefined, with the reason on standard error, where there are none. */
export function labelMap(): LabelMap | undefined {
  if (map !== undefined) return map.empty ? undefined : map;
  try {
    map = LabelMap.parse(readFileSync(CONNLABEL_CONF, 'utf8'));
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
