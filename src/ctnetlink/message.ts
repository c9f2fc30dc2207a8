import type { nlmsghdr } from '../netlink/nlmsg.ts';
import { attributesOf, nfnlMessage, nfnlSubsystem } from '../nfnetlink/nfgenmsg.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from '../uapi/netlink.ts';
import { NFNL_SUBSYS_CTNETLINK } from '../uapi/nfnetlink.ts';
import { IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_CT_NEW } from '../uapi/nfnetlink_conntrack.ts';
import { AF_INET, AF_INET6 } from '../uapi/socket.ts';
import { Flow, flowCodec } from './flow.ts';
import type { SlotValue } from './kinds.ts';
import { MASTER, ORIG, REPLY, type TupleSlots } from './tuple.ts';

/** What a message about a flow says of it. */
export type EventType = 'new' | 'update' | 'destroy';

/**
 * NEW and UPDATE are the same message type; only NEW has CREATE and EXCL. An entry of a dump looks like an UPDATE: only an event has
 * sequence 0. Undefined: not about a flow.
 */
export function eventTypeOf(header: nlmsghdr): EventType | undefined {
  if (nfnlSubsystem(header.nlmsg_type) !== NFNL_SUBSYS_CTNETLINK) return undefined;
  const message = nfnlMessage(header.nlmsg_type);
  if (message === IPCTNL_MSG_CT_DELETE) return 'destroy';
  if (message !== IPCTNL_MSG_CT_NEW) return undefined;
  return (header.nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL)) !== 0 ? 'new' : 'update';
}

/** The family stands in nfgenmsg, for every tuple of the message. Those of the kernel have a protocol, a filter may have one address. */
function implyFamily(slots: SlotValue[], tuple: TupleSlots, family: number): void {
  const { src4, dst4, src6, dst6 } = tuple;
  if (slots[tuple.proto] !== undefined || (slots[src4] ?? slots[dst4] ?? slots[src6] ?? slots[dst6]) !== undefined) {
    slots[tuple.family] = family;
  }
}

/**
 * The flow in the message between `offset` (its nlmsghdr) and `end`: an entry of a dump, a reply to GET, an event, or a request.
 *
 * @throws DecodeError for a broken length, with the path to it
 */
export function decodeFlow(view: DataView, offset: number, end: number): Flow {
  const start = attributesOf(offset, end);
  const flow = new Flow(flowCodec.newCommonSlots());
  flowCodec.read(view, start, end, flow);
  const family = view.getUint8(start - 4);
  if (family === AF_INET || family === AF_INET6) {
    const { slots } = flow;
    implyFamily(slots, ORIG, family);
    implyFamily(slots, REPLY, family);
    implyFamily(slots, MASTER, family);
  }
  return flow;
}
