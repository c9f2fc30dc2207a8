/** -C of flows. */
import type { Context } from './context.ts';
import { countOfProc, orFromProc } from './proc.ts';

export async function countFlows({ ct, output }: Context): Promise<number> {
  const ask = async (): Promise<void> => output.add(`${(await ct.stats()).entries}\n`);
  await orFromProc(output, ask, countOfProc);
  return 0;
}
