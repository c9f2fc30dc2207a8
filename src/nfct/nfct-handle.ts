import { describe } from '../netlink/check.ts';
import type { Handle } from './handle.ts';

/** What is behind a handle. Programs pass anything here, so it is checked. @throws TypeError naming the argument */
export let handleOf: (h: unknown) => Handle;

/** struct nfct_handle, which nfct_open() returns: opaque, for the functions of this API. */
export class NfctHandle {
  static {
    handleOf = (h) => {
      if (!(h instanceof NfctHandle)) throw new TypeError(`h must be the result of nfct_open(), not ${describe(h)}`);
      return h.#handle;
    };
  }

  readonly #handle: Handle;

  /** @internal */
  constructor(handle: Handle) {
    this.#handle = handle;
  }
}
