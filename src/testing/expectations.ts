/** What ctnetlink does with requests about expectations: the ctnetlink_exp functions of nf_conntrack_netlink.c. */
import { expectationCodec } from '../ctnetlink/expectation.ts';
import { flowCodec } from '../ctnetlink/flow.ts';
import {
  EXPECT_CLASS,
  EXPECT_FN,
  EXPECT_HELPER,
  EXPECT_ID,
  EXPECT_MASK,
  EXPECT_MASTER,
  EXPECT_NAT,
  EXPECT_NAT_DIRECTION,
  EXPECT_TIMEOUT,
  EXPECT_ZONE,
  EXPECTED,
  ORIG,
  ZONE,
} from '../ctnetlink/slots.ts';
import { copyTupleParts } from '../ctnetlink/tuple.ts';
import { nfnlType } from '../nfnetlink/nfgenmsg.ts';
import { EALREADY, EBUSY, EEXIST, EINVAL, ENOENT, EOPNOTSUPP } from '../uapi/errno.ts';
import { NFNL_SUBSYS_CTNETLINK, NFNL_SUBSYS_CTNETLINK_EXP } from '../uapi/nfnetlink.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';
import { AF_UNSPEC } from '../uapi/socket.ts';
import type { Entry } from './entry.ts';
import { ExpectedFlow, zoneOf } from './expected.ts';
import type { Answer } from './flows.ts';
import { EXPECT_FUNCTIONS, helperOf } from './helpers.ts';
import { dumpOf, dumpOnce, type ModelDump, messageBy, messageOf, REPLY_FLAGS } from './messages.ts';
import type { ModelRequest } from './request.ts';
import { KERNEL, type Table } from './table.ts';

const NEW = nfnlType(NFNL_SUBSYS_CTNETLINK_EXP, cta.IPCTNL_MSG_EXP_NEW);
/** The kernel names the wrong subsystem here. */
const STATS_CPU = nfnlType(NFNL_SUBSYS_CTNETLINK, cta.IPCTNL_MSG_EXP_GET_STATS_CPU);

export class ExpectationRequests {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  answer(request: ModelRequest): Answer {
    const { dumps } = request;
    switch (request.message) {
      case cta.IPCTNL_MSG_EXP_NEW:
        return { errno: this.#new(request) };
      case cta.IPCTNL_MSG_EXP_GET:
        return dumps ? this.#dump(request) : this.#get(request);
      case cta.IPCTNL_MSG_EXP_DELETE:
        return { errno: this.#delete(request) };
      case cta.IPCTNL_MSG_EXP_GET_STATS_CPU:
        return dumps ? { errno: 0, dump: this.#cpuStats(request) } : { errno: EOPNOTSUPP };
      default:
        return { errno: EINVAL };
    }
  }

  #new(request: ModelRequest): number {
    if ([cta.CTA_EXPECT_TUPLE, cta.CTA_EXPECT_MASK, cta.CTA_EXPECT_MASTER].some((type) => !request.has(type)))
      return EINVAL;
    const errno = tuple(request, cta.CTA_EXPECT_TUPLE, EXPECTED);
    if (errno !== 0) return errno;
    const found = this.#find(request, EXPECTED);
    if (found === undefined) return request.creates ? this.#create(request) : ENOENT;
    if (request.exclusive) return EEXIST;
    // Only the time that is left can change, and no event says so.
    const timeout = request.number(EXPECT_TIMEOUT);
    if (timeout !== undefined) found.expires = this.#table.now + 1000 * timeout;
    return 0;
  }

  #create(request: ModelRequest): number {
    const table = this.#table;
    const { slots } = request;
    const errno =
      tuple(request, cta.CTA_EXPECT_MASK, EXPECT_MASK) || tuple(request, cta.CTA_EXPECT_MASTER, EXPECT_MASTER);
    if (errno !== 0) return errno;
    const master = this.#flow(request);
    if (master === undefined) return ENOENT;
    // The name of a helper in the request means nothing: it is that of the master.
    const helper = helperOf(master.helper ?? '', master);
    if (helper === undefined) return EOPNOTSUPP;
    const ofClass = request.number(EXPECT_CLASS) ?? 0;
    const policy = helper.policies[ofClass];
    if (policy === undefined) return EINVAL;
    const fn = slots[EXPECT_FN] as string | undefined;
    if (fn !== undefined && !EXPECT_FUNCTIONS.includes(fn)) return EINVAL;
    if (request.has(cta.CTA_EXPECT_NAT)) {
      const wrong = request.errnoOf(cta.CTA_EXPECT_NAT);
      if (wrong !== 0) return wrong;
      if (slots[EXPECT_NAT_DIRECTION] === undefined || slots[EXPECT_NAT.proto] === undefined) return EINVAL;
      const errnoOfNat = request.tuple(cta.CTA_EXPECT_NAT, EXPECT_NAT);
      if (errnoOfNat !== 0) return errnoOfNat;
    }
    const { timeout, most } = policy;
    const expected = new ExpectedFlow(slots, master, table.newId(), table.now + 1000 * timeout);
    for (const other of [...table.expected]) {
      if (other.equals(expected)) {
        if (other.class !== expected.class || other.master !== master) return EALREADY;
        table.forget(other, KERNEL);
      } else if (other.clashes(expected)) return EBUSY;
    }
    const ofSameClass = table.expectedOf(master).filter((each) => each.class === ofClass);
    if (ofSameClass.length >= most) table.forget(ofSameClass[0], KERNEL);
    table.expect(expected, request);
    return 0;
  }

  #get(request: ModelRequest): Answer {
    const table = this.#table;
    const byTuple = request.has(cta.CTA_EXPECT_TUPLE);
    if (!byTuple && !request.has(cta.CTA_EXPECT_MASTER)) return { errno: EINVAL };
    const [type, slots] = byTuple
      ? ([cta.CTA_EXPECT_TUPLE, EXPECTED] as const)
      : ([cta.CTA_EXPECT_MASTER, EXPECT_MASTER] as const);
    const errno = tuple(request, type, slots);
    if (errno !== 0) return { errno };
    const found = this.#find(request, slots);
    const id = request.slots[EXPECT_ID];
    if (found === undefined || (id !== undefined && id !== found.slots[EXPECT_ID])) return { errno: ENOENT };
    const { sequence, portid } = request;
    const header = { type: NEW, flags: REPLY_FLAGS, sequence, portid };
    return { errno: 0, reply: messageOf(header, found.family, expectationCodec, found.dumped(table.now)) };
  }

  #dump(request: ModelRequest): Answer {
    const table = this.#table;
    let master: Entry | undefined;
    if (request.has(cta.CTA_EXPECT_MASTER)) {
      const errno = tuple(request, cta.CTA_EXPECT_MASTER, EXPECT_MASTER);
      if (errno !== 0) return { errno };
      master = this.#flow(request);
      if (master === undefined) return { errno: ENOENT };
      // Without an end: ctnetlink_dump_exp_ct returns before it begins.
      if (!master.helped) return { errno: 0 };
    }
    const { sequence, portid, family } = request;
    const dump = dumpOf<ExpectedFlow>(
      { type: NEW, flags: REPLY_FLAGS, sequence, portid },
      {
        entries: table.expected.values(),
        wanted: (each) =>
          table.expected.has(each) &&
          (master === undefined || each.master === master) &&
          (family === AF_UNSPEC || each.family === family),
        familyOf: (each) => each.family,
        encoded: (each) => table.encodedExpected(each),
      },
    );
    return { errno: 0, dump };
  }

  #delete(request: ModelRequest): number {
    const table = this.#table;
    if (request.has(cta.CTA_EXPECT_TUPLE)) {
      const errno = tuple(request, cta.CTA_EXPECT_TUPLE, EXPECTED);
      if (errno !== 0) return errno;
      const found = this.#find(request, EXPECTED);
      const id = request.slots[EXPECT_ID];
      if (found === undefined || (id !== undefined && id !== found.slots[EXPECT_ID])) return ENOENT;
      table.forget(found, request);
      return 0;
    }
    const helper = request.slots[EXPECT_HELPER];
    for (const each of [...table.expected])
      if (helper === undefined || each.master.helper === helper) table.forget(each, request);
    return 0;
  }

  #cpuStats({ sequence, portid }: ModelRequest): ModelDump {
    const { statistics, cpus } = this.#table;
    const header = { type: STATS_CPU, flags: REPLY_FLAGS, sequence, portid };
    const each = (cpu: number): Uint8Array =>
      messageBy(header, (writer) => statistics.writeExpectationCpu(writer, cpu), 0, cpu);
    return dumpOnce(Array.from({ length: cpus }, (_, cpu) => each(cpu)));
  }

  /** nf_ct_expect_find_get, in the zone of the request. */
  #find(request: ModelRequest, by: typeof EXPECTED | typeof EXPECT_MASTER): ExpectedFlow | undefined {
    const zone = (request.slots[EXPECT_ZONE] ?? 0) as number;
    for (const each of this.#table.expected)
      if (zoneOf(each.master.slots) === zone && each.matches(request.slots, by)) return each;
    return undefined;
  }

  /** The flow that the request calls the master. */
  #flow({ slots }: ModelRequest): Entry | undefined {
    const named = flowCodec.emptySlots.slice();
    copyTupleParts(slots, EXPECT_MASTER, named, ORIG);
    named[ZONE] = slots[EXPECT_ZONE] || undefined;
    return this.#table.byTuple.find(named, ORIG);
  }
}

/** Tuples of expectations have no zone of their own. */
function tuple(request: ModelRequest, type: number, slots: Parameters<ModelRequest['tuple']>[1]): number {
  return request.tuple(type, slots) || (request.slots[slots.zone] === undefined ? 0 : EINVAL);
}
