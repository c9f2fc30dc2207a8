/** -C of flows. */
import type { Context } from './context.ts';

export async function countFlows({ ct, output }: Context): Promise<number> {
  const { entries } = await ct.stats();
  output.add(`${entries}\n`);
  await output.flush();
  return 0;
}
