/** Registering what gets the flows. */
import { checkInteger, describe } from '../netlink/check.ts';
import { type ConntrackCallback, type ConntrackCallback2, checkHandle, type NfctHandle } from './handle.ts';

/**
 * Sets the callback for messages of these types, NFCT_T_* ORed together: entries of a dump and replies to a GET are
 * NFCT_T_UPDATE. Returns 0.
 *
 * As in C the callback may be set again, and the two kinds are not to be mixed: when both are set, the one of this
 * function is called, with the types and the data of the registration made last. A callback that returns none of the
 * NFCT_CB_* (C: goes on) ends the query or the catch with a TypeError.
 *
 * @throws TypeError, RangeError naming the argument
 */
export function nfct_callback_register(h: NfctHandle, type: number, cb: ConntrackCallback, data?: unknown): number {
  h.callback = checkCallback(h, type, cb);
  h.registration = { types: type, data };
  return 0;
}

/** Nothing is delivered any more, also not to a callback of nfct_callback_register2. */
export function nfct_callback_unregister(h: NfctHandle): void {
  checkHandle(h);
  h.callback = undefined;
  h.registration = undefined;
}

/**
 * The same with a callback that also gets a copy of the netlink header.
 * @throws TypeError, RangeError naming the argument
 */
export function nfct_callback_register2(h: NfctHandle, type: number, cb: ConntrackCallback2, data?: unknown): number {
  h.callback2 = checkCallback(h, type, cb);
  h.registration = { types: type, data };
  return 0;
}

/** Nothing is delivered any more, also not to a callback of nfct_callback_register. */
export function nfct_callback_unregister2(h: NfctHandle): void {
  checkHandle(h);
  h.callback2 = undefined;
  h.registration = undefined;
}

function checkCallback<T>(h: NfctHandle, type: number, cb: T): T {
  checkHandle(h);
  checkInteger(type, 0xffffffff, 'type');
  if (typeof cb !== 'function') throw new TypeError(`cb must be a function, not ${describe(cb)}`);
  return cb;
}
