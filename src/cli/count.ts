/** -C: how many flows there are. */
import type { Conntrack } from '../conntrack/conntrack.ts';
import type { Output } from './output.ts';

export async function count(ct: Conntrack, output: Output): Promise<void> {
  const { entries } = await ct.stats();
  output.add(`${entries}\n`);
  await output.flush();
}
