/** -G of expectations. */
import { formatExpectation } from '../../format/expectation.ts';
import { KernelError } from '../../netlink/errors.ts';
import { ENOENT } from '../../uapi/errno.ts';
import type { Context } from '../commands/context.ts';
import { named } from './change.ts';

/** conntrack(8) says nothing behind the one. */
export async function getExpectation({ ct, settings, output }: Context): Promise<number> {
  const expectation = await ct.expectations.get(named(settings));
  if (expectation === undefined) throw new KernelError(ENOENT, { operation: 'expectations.get', sequence: 0 });
  output.add(`${formatExpectation(expectation)}\n`);
  await output.flush();
  return 0;
}
