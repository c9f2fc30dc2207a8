/** -F. */

import { complain } from '../output.ts';
import type { Context } from './context.ts';

export async function flushFlows({ ct, settings }: Context): Promise<number> {
  const { family } = settings;
  if (family === undefined) await ct.flushAll();
  else await ct.flush({ family });
  complain('connection tracking table has been emptied.');
  return 0;
}

export async function flushExpectations({ ct }: Context): Promise<number> {
  await ct.expectations.flushAll();
  complain('expectation table has been emptied.');
  return 0;
}
