import { checkOptions, checkSignal } from '../netlink/check.ts';

export interface CallOptions {
  /** Rejects with its reason; the kernel may have done what was asked all the same. */
  signal?: AbortSignal;
}

export function checkCall(options: CallOptions): CallOptions {
  checkOptions(options);
  checkSignal(options.signal);
  return options;
}
