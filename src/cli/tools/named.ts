import { NetlinkError } from '../../netlink/errors.ts';

/** Runs what reads a file, and adds its path to the errors of the decoder, which know only the place of the byte. */
export function named<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    throw new NetlinkError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}
