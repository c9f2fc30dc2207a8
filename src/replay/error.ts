import { RequestError } from '../netlink/errors.ts';

/** The program asked what the capture has no (further) answer to, or not the whole answer. Only that request fails. */
export class ReplayError extends RequestError {
  /** 'ReplayError', of every copy of this package. */
  override name = 'ReplayError';

  constructor(message: string, sequence: number) {
    super('replay', message, sequence);
  }
}
