/** Opening a handle, and asking the kernel through it. */

import type { Flow } from '../ctnetlink/flow.ts';
import { checkInteger, describe } from '../netlink/check.ts';
import { UnsupportedError } from '../netlink/errors.ts';
import type { Transport } from '../netlink/transport.ts';
import { checkOpenOptions, forOne, type OpenOptions, openTransport } from '../transport/open.ts';
import { CONNTRACK, EXPECT } from '../uapi/libnetfilter_conntrack.ts';
import type { nfct_filter_dump } from './filter-dump.ts';
import { Handle } from './handle.ts';
import { handleOf, NfctHandle } from './nfct-handle.ts';
import { buildQuery } from './request.ts';

/** All NF_NETLINK_CONNTRACK_*. */
const GROUPS = 0x3f;

/**
 * Opens a handle for CONNTRACK or EXPECT (0: both), with its socket in these multicast groups: NF_NETLINK_CONNTRACK_*
 * ORed together, or NFCT_ALL_CT_GROUPS; 0 for none. With groups it keeps the process alive until nfct_close.
 *
 * @throws TypeError, RangeError naming the argument
 * @throws UnsupportedError when no transport runs here, or none that takes events
 * @throws TransportError EPERM without CAP_NET_ADMIN, which groups need as much as requests
 */
export async function nfct_open(
  subsys_id: number,
  subscriptions: number,
  options: OpenOptions = {},
): Promise<NfctHandle> {
  checkSubsystem(subsys_id);
  checkInteger(subscriptions, GROUPS, 'subscriptions');
  const open = checkOpenOptions(options);
  if (open.allNamespaces === true)
    throw new UnsupportedError(
      'a callback has no place for the network namespace of an event: leave allNamespaces out',
    );
  const transport = await openTransport({ ...forOne(open), events: subscriptions !== 0 });
  return nfct_open_nfnl(transport, subsys_id, subscriptions);
}

/**
 * Opens a handle like nfct_open, over an open transport (openTransport()) that nothing else reads. From now on the
 * handle owns it, and nfct_close closes it.
 *
 * @throws TypeError, RangeError naming the argument
 * @throws TransportError, UnsupportedError when it cannot join the groups; it is closed then
 */
export function nfct_open_nfnl(transport: Transport, subsys_id: number, subscriptions: number): NfctHandle {
  checkSubsystem(subsys_id);
  checkInteger(subscriptions, GROUPS, 'subscriptions');
  if (typeof (transport as Partial<Transport> | null | undefined)?.receive !== 'function')
    throw new TypeError(`transport must be an open transport, not ${describe(transport)}`);
  const handle = new Handle(transport, subscriptions !== 0);
  try {
    for (let group = 1; subscriptions >> (group - 1) !== 0; group++) {
      if ((subscriptions & (1 << (group - 1))) !== 0) transport.joinGroup(group);
    }
  } catch (error) {
    handle.close();
    throw error;
  }
  return new NfctHandle(handle);
}

function checkSubsystem(subsys_id: number): void {
  if (subsys_id !== CONNTRACK && subsys_id !== EXPECT && subsys_id !== 0)
    throw new RangeError(`subsys_id must be CONNTRACK (1), EXPECT (2) or 0 for both, not ${describe(subsys_id)}`);
}

/** Closes the socket. Pending calls reject with ClosedError. Returns 0. Idempotent. */
export function nfct_close(h: NfctHandle): number {
  handleOf(h).close();
  return 0;
}

/**
 * Sends a request and passes the answers to the callback, until the kernel has sent them all or the callback returns
 * NFCT_CB_STOP. The requests, with their data:
 *
 * - NFCT_Q_CREATE (EEXIST when there is such a flow), NFCT_Q_CREATE_UPDATE, NFCT_Q_UPDATE, NFCT_Q_DESTROY and
 *   NFCT_Q_GET (ENOENT when there is none): an object of nfct_new(), whose ATTR_L3PROTO and ATTR_L4PROTO must be set.
 *   CREATE needs both tuples (nfct_setobjopt) and ATTR_TIMEOUT. Every attribute that is set is sent, also with GET and
 *   DESTROY, except the id.
 * - NFCT_Q_DUMP, NFCT_Q_DUMP_RESET (which sets the counters to 0): a family, AF_INET, AF_INET6 or AF_UNSPEC for both
 * - NFCT_Q_FLUSH: a family, which **the kernel ignores**: the table is empty afterwards
 * - NFCT_Q_DUMP_FILTER, NFCT_Q_DUMP_FILTER_RESET: a filter of nfct_filter_dump_create()
 * - NFCT_Q_FLUSH_FILTER: such a filter, or a family, which the kernel does apply here
 *
 * Resolves to 0, also after NFCT_CB_STOP, and to -1 after NFCT_CB_FAILURE. After both the rest of the answer is
 * dropped, so that the next query gets an answer of its own; in C it gets that rest. Other messages that arrive
 * meanwhile go to the callback too, as in C, but do not end the query.
 *
 * @throws KernelError with the errno where C returns -1
 * @throws TypeError, RangeError naming the argument, before anything is sent
 * @throws UnsupportedError when the kernel would flush, or reset, more than the filter says
 * @throws DumpInterruptedError, OverrunError, TransportError, ClosedError; what the callback throws
 */
export async function nfct_query(
  h: NfctHandle,
  query: number,
  data: Flow | number | nfct_filter_dump,
): Promise<number> {
  return await handleOf(h).query((release) => buildQuery(query, data, release));
}

/**
 * Sends a request like nfct_query, and resolves to its length in bytes. nfct_catch takes the answers, in the order in
 * which they arrive.
 *
 * @throws TypeError, RangeError, UnsupportedError as nfct_query; TransportError, ClosedError
 */
export async function nfct_send(h: NfctHandle, query: number, data: Flow | number | nfct_filter_dump): Promise<number> {
  return await handleOf(h).send((release) => buildQuery(query, data, release));
}

/**
 * Passes events, and the answers to requests of nfct_send, to the callback. Resolves to 0 at the end of an answer or
 * after NFCT_CB_STOP, and to -1 after NFCT_CB_FAILURE; the next call continues with the next datagram, as in C. While
 * the callback returns NFCT_CB_CONTINUE for events, the call stays pending, until nfct_close. Between calls the socket
 * is not read: the kernel's buffer is the only queue.
 *
 * @throws KernelError if the kernel refused a request, with the errno where C returns -1
 * @throws OverrunError when events were lost (C: ENOBUFS); the next call continues
 * @throws ClosedError, DumpInterruptedError; what the callback throws
 */
export async function nfct_catch(h: NfctHandle): Promise<number> {
  return await handleOf(h).catch();
}
