/** The callbacks of a handle for objects of one kind. */

import { checkInteger, describe } from '../netlink/check.ts';
import type { nlmsghdr } from '../netlink/nlmsg.ts';
import { checkVerdict } from './verdict.ts';

/** Gets an object and answers with a verdict, NFCT_CB_*. The object is the callback's to keep. */
export type Callback<T> = (type: number, object: T, data: unknown) => number;
/** The same with the netlink header, which is a copy. */
export type Callback2<T> = (nlh: nlmsghdr, type: number, object: T, data: unknown) => number;

/**
 * As in C a callback may be set again, and the two kinds are not to be mixed: when both are set, that without the
 * header is called, with the types and the data of the registration made last.
 */
export class Registrations<T> {
  #callback: Callback<T> | undefined;
  #callback2: Callback2<T> | undefined;
  /** Of the registration made last, whichever of the two it was; undefined: nothing is delivered. */
  #latest: { types: number; data: unknown } | undefined;

  /** @throws TypeError, RangeError naming the argument */
  register(types: number, cb: Callback<T>, data: unknown): void {
    check(types, cb);
    this.#callback = cb;
    this.#latest = { types, data };
  }

  /** @throws TypeError, RangeError naming the argument */
  register2(types: number, cb: Callback2<T>, data: unknown): void {
    check(types, cb);
    this.#callback2 = cb;
    this.#latest = { types, data };
  }

  unregister(): void {
    this.#callback = undefined;
    this.#latest = undefined;
  }

  unregister2(): void {
    this.#callback2 = undefined;
    this.#latest = undefined;
  }

  /** Whether somebody is registered for this type. */
  wants(type: number): boolean {
    return this.#latest !== undefined && (this.#latest.types & type) !== 0;
  }

  /** The verdict. Only for a type that is wanted. @throws TypeError when it is none; what the callback throws */
  call(header: nlmsghdr, type: number, object: T): number {
    const { data } = this.#latest!;
    return checkVerdict(
      this.#callback !== undefined
        ? this.#callback(type, object, data)
        : this.#callback2!({ ...header }, type, object, data),
    );
  }
}

function check(types: number, cb: unknown): void {
  checkInteger(types, 0xffffffff, 'type');
  if (typeof cb !== 'function') throw new TypeError(`cb must be a function, not ${describe(cb)}`);
}
