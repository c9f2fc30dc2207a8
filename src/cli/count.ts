/** -C of flows. */
import type { Context } from './context.ts';
import { countOfProc, orFromProc } from './proc.ts';

export async function countFlows(context: Context): Promise<number> {
  const { ct, output } = context;
  const ask = async (): Promise<void> => output.add(`${(await ct.stats()).entries}\n`);
  await orFromProc(context, ask, countOfProc);
  return 0;
}
