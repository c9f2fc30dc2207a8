import { KernelError } from '../../src/netlink/errors.ts';

/** What a call is refused with, or 'OK'. */
export async function code(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'OK';
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return error.code;
  }
}
