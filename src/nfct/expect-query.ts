/** Asking the kernel for expectations. */
import type { Expectation } from '../ctnetlink/expectation.ts';
import { buildExpectationMessage, type ExpectationQuery } from '../ctnetlink/request/expectation.ts';
import { EXPECTED } from '../ctnetlink/slots.ts';
import { hasTuple } from '../ctnetlink/tuple.ts';
import { checkInteger, describe } from '../netlink/check.ts';
import {
  NFCT_Q_CREATE,
  NFCT_Q_CREATE_UPDATE,
  NFCT_Q_DESTROY,
  NFCT_Q_DUMP,
  NFCT_Q_FLUSH,
  NFCT_Q_GET,
} from '../uapi/libnetfilter_conntrack.ts';
import { checkExpect } from './expect.ts';
import { expectWireForm } from './expect-wire.ts';
import { handleOf, type NfctHandle } from './nfct-handle.ts';
import type { Query } from './request.ts';

/**
 * Sends a request about expectations and gives what is answered to the callback of nfexp_callback_register, as
 * nfct_query does for flows:
 *
 * - NFCT_Q_CREATE (EEXIST), NFCT_Q_CREATE_UPDATE, NFCT_Q_DESTROY and NFCT_Q_GET (ENOENT): an object of nfexp_new().
 *   CREATE needs ATTR_EXP_MASTER, a flow that has a helper, ATTR_EXP_EXPECTED and ATTR_EXP_MASK; DESTROY and GET need
 *   ATTR_EXP_EXPECTED. (In C a DESTROY without it goes out, which the kernel takes for a flush.)
 * - NFCT_Q_DUMP: a family, AF_INET, AF_INET6 or AF_UNSPEC for both
 * - NFCT_Q_FLUSH: a family, which **the kernel ignores**: no expectation is left
 *
 * @throws KernelError with the errno where C returns -1
 * @throws TypeError, RangeError naming the argument, before anything is sent, also for other queries (C: EOPNOTSUPP)
 * @throws DumpInterruptedError, OverrunError, TransportError, ClosedError; what the callback throws
 */
export async function nfexp_query(h: NfctHandle, qt: number, data: Expectation | number): Promise<number> {
  return await handleOf(h).query(() => buildExpectQuery(qt, data));
}

/**
 * Sends a request as nfexp_query does and resolves to its length in bytes; nfexp_catch takes the answers.
 *
 * @throws TypeError, RangeError as nfexp_query; TransportError, ClosedError
 */
export async function nfexp_send(h: NfctHandle, qt: number, data: Expectation | number): Promise<number> {
  return await handleOf(h).send(() => buildExpectQuery(qt, data));
}

/** Like nfct_catch, as in C: both give flows and expectations to the callback of each. */
export async function nfexp_catch(h: NfctHandle): Promise<number> {
  return await handleOf(h).catch();
}

const QUERIES: Readonly<Record<number, ExpectationQuery>> = {
  [NFCT_Q_CREATE]: 'expectations.create',
  [NFCT_Q_CREATE_UPDATE]: 'expectations.createOrUpdate',
  [NFCT_Q_DESTROY]: 'expectations.delete',
  [NFCT_Q_GET]: 'expectations.get',
  [NFCT_Q_FLUSH]: 'expectations.flush',
  [NFCT_Q_DUMP]: 'expectations.dump',
};

/** @throws TypeError, RangeError naming the argument */
export function buildExpectQuery(qt: number, data: unknown): Query {
  const operation = QUERIES[qt];
  if (operation === undefined)
    throw new RangeError(
      `qt must be NFCT_Q_CREATE, CREATE_UPDATE, DESTROY, GET, FLUSH or DUMP for expectations, not ${describe(qt)}`,
    );
  if (operation === 'expectations.flush' || operation === 'expectations.dump') {
    const family = checkInteger(data, 0xff, 'data (an address family)');
    return { request: buildExpectationMessage(operation, family) };
  }
  checkExpect(data, 'data');
  if (!hasTuple(data.slots, EXPECTED)) throw new TypeError('data: ATTR_EXP_EXPECTED is not set');
  const { family, attributes } = expectWireForm(data, 'data');
  return { request: buildExpectationMessage(operation, family, attributes) };
}
