/**
 * A model of ctnetlink: tables of flows and expectations that take requests and give replies and events, all of them
 * bytes. It knows nothing of sockets, system calls or the clock of the machine; whoever has one carries its messages.
 * What it does is what Linux 6.18 does.
 */
import { decodeExpectation, decodeFlow } from '../ctnetlink/message.ts';
import { DecodeError } from '../netlink/errors.ts';
import { nfnlMessage, nfnlSubsystem } from '../nfnetlink/nfgenmsg.ts';
import { EINVAL } from '../uapi/errno.ts';
import { NLMSG_HDRLEN } from '../uapi/netlink.ts';
import { NFGENMSG_LEN, NFNL_SUBSYS_CTNETLINK, NFNL_SUBSYS_CTNETLINK_EXP } from '../uapi/nfnetlink.ts';
import { IPCTNL_MSG_CT_GET_CTRZERO, IPCTNL_MSG_EXP_DELETE } from '../uapi/nfnetlink_conntrack.ts';
import { ExpectationRequests } from './expectations.ts';
import { type Answer, FlowRequests } from './flows.ts';
import { EXPECTATION_POLICY, FLOW_POLICY } from './policy.ts';
import { type Attributes, ModelRequest, typeOf } from './request.ts';
import { type ModelOptions, Table } from './table.ts';

/** What answers a request, before the ACK if one is due. */
export interface ModelAnswer extends Answer {
  /** What the extended ACK says. */
  readonly fault?: { readonly message: string; readonly offset?: number };
}

/** Messages behind these take no attributes, and the kernel looks at none. */
const LAST_FLOW = IPCTNL_MSG_CT_GET_CTRZERO;
const LAST_EXPECTED = IPCTNL_MSG_EXP_DELETE;
const FLOWS: Attributes = { policy: FLOW_POLICY, decode: decodeFlow };
const EXPECTATIONS: Attributes = { policy: EXPECTATION_POLICY, decode: decodeExpectation };

export class CtnetlinkModel {
  readonly table: Table;
  readonly flows: FlowRequests;
  readonly #expectations: ExpectationRequests;

  constructor(options: ModelOptions = {}) {
    this.table = new Table(options);
    this.flows = new FlowRequests(this.table);
    this.#expectations = new ExpectationRequests(this.table);
  }

  /** Carries out one request. @param message from its nlmsghdr on, with nothing behind it */
  request(message: Uint8Array, portid: number): ModelAnswer {
    const subsystem = nfnlSubsystem(typeOf(message));
    const ofFlows = subsystem === NFNL_SUBSYS_CTNETLINK;
    if (!ofFlows && subsystem !== NFNL_SUBSYS_CTNETLINK_EXP) return { errno: EINVAL };
    if (message.length < NLMSG_HDRLEN + NFGENMSG_LEN) return { errno: EINVAL };
    try {
      const reads = nfnlMessage(typeOf(message)) <= (ofFlows ? LAST_FLOW : LAST_EXPECTED);
      const request = ModelRequest.read(message, portid, reads ? (ofFlows ? FLOWS : EXPECTATIONS) : undefined);
      if (!(request instanceof ModelRequest)) return request;
      return ofFlows ? this.flows.answer(request) : this.#expectations.answer(request);
    } catch (error) {
      if (error instanceof DecodeError) return { errno: EINVAL };
      throw error;
    }
  }
}
