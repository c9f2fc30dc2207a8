/** Registering what gets the flows and the expectations. */
import type { Expectation } from '../ctnetlink/expectation.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import type { nlmsghdr } from '../netlink/nlmsg.ts';
import { handleOf, type NfctHandle } from './nfct-handle.ts';

/**
 * Takes a flow, with NFCT_T_* and the data of its registration, and returns NFCT_CB_*. The callback may keep the flow.
 */
export type ConntrackCallback = (type: number, ct: Flow, data: unknown) => number;
/** Takes a flow as ConntrackCallback does, with a copy of its netlink header. */
export type ConntrackCallback2 = (nlh: nlmsghdr, type: number, ct: Flow, data: unknown) => number;
/** Takes an expectation: see ConntrackCallback. */
export type ExpectCallback = (type: number, exp: Expectation, data: unknown) => number;
/** Takes an expectation as ExpectCallback does, with a copy of its netlink header. */
export type ExpectCallback2 = (nlh: nlmsghdr, type: number, exp: Expectation, data: unknown) => number;

/**
 * Sets the callback for messages of these types, NFCT_T_* ORed together: entries of a dump and replies to a GET are
 * NFCT_T_UPDATE. Returns 0.
 *
 * As in C you may set the callback again. Do not mix the two kinds: if both are set, the callback of this function is
 * called, with the types and the data of the later registration. If a callback returns anything but NFCT_CB_*, the
 * query or the catch rejects with a TypeError (C continues).
 *
 * @throws TypeError, RangeError naming the argument
 */
export function nfct_callback_register(h: NfctHandle, type: number, cb: ConntrackCallback, data?: unknown): number {
  handleOf(h).conntrack.register(type, cb, data);
  return 0;
}

/** Removes the callback for flows. None is called after this, not even that of nfct_callback_register2. */
export function nfct_callback_unregister(h: NfctHandle): void {
  handleOf(h).conntrack.unregister();
}

/**
 * Like nfct_callback_register, with a callback that also gets a copy of the netlink header.
 * @throws TypeError, RangeError naming the argument
 */
export function nfct_callback_register2(h: NfctHandle, type: number, cb: ConntrackCallback2, data?: unknown): number {
  handleOf(h).conntrack.register2(type, cb, data);
  return 0;
}

/** Removes the callback for flows. None is called after this, not even that of nfct_callback_register. */
export function nfct_callback_unregister2(h: NfctHandle): void {
  handleOf(h).conntrack.unregister2();
}

/**
 * Like nfct_callback_register, for expectations. Their events are NFCT_T_NEW and NFCT_T_DESTROY; entries of a dump and
 * replies to a GET are NFCT_T_UPDATE.
 * @throws TypeError, RangeError naming the argument
 */
export function nfexp_callback_register(h: NfctHandle, type: number, cb: ExpectCallback, data?: unknown): number {
  handleOf(h).expect.register(type, cb, data);
  return 0;
}

/** Removes the callback for expectations. None is called after this, not even that of nfexp_callback_register2. */
export function nfexp_callback_unregister(h: NfctHandle): void {
  handleOf(h).expect.unregister();
}

/**
 * Like nfexp_callback_register, with a callback that also gets a copy of the netlink header.
 * @throws TypeError, RangeError naming the argument
 */
export function nfexp_callback_register2(h: NfctHandle, type: number, cb: ExpectCallback2, data?: unknown): number {
  handleOf(h).expect.register2(type, cb, data);
  return 0;
}

/** Removes the callback for expectations. None is called after this, not even that of nfexp_callback_register. */
export function nfexp_callback_unregister2(h: NfctHandle): void {
  handleOf(h).expect.unregister2();
}
