/**
 * A flow as the options of conntrack(8) that would make it, to the letter as conntrack -o save prints it: a line that
 * conntrack -R takes. Marks and labels are not in it, because conntrack(8) leaves them out.
 */

import { type SlotValue, sameValue } from '../ctnetlink/attributes/kinds.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { PORT_PROTOCOLS } from '../ctnetlink/protocols.ts';
import {
  DCCP_ROLE,
  DCCP_STATE,
  ORIG,
  REPLY,
  SCTP_STATE,
  SCTP_VTAG_ORIG,
  SCTP_VTAG_REPLY,
  STATUS,
  TCP_STATE,
  TIMEOUT,
  type TupleSlots,
  ZONE,
} from '../ctnetlink/slots.ts';
import { STATUS_BITS } from '../ctnetlink/status.ts';
import { HOST_LITTLE_ENDIAN, swap32 } from '../netlink/byteorder.ts';
import { IPPROTO_DCCP, IPPROTO_GRE, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_SCTP, IPPROTO_TCP } from '../uapi/in.ts';
import { IPS_DST_NAT, IPS_SRC_NAT } from '../uapi/nf_conntrack_common.ts';
import { AF_INET } from '../uapi/socket.ts';
import { DCCP_STATE_NAMES, PROTOCOL_NAMES, SCTP_STATE_NAMES, TCP_STATE_NAMES } from './names.ts';
import { checkFlow } from './options.ts';
import { ipv4, ipv6 } from './tuple.ts';

/** In the order in which they are printed. */
const STATUSES = (['EXPECTED', 'SEEN_REPLY', 'ASSURED', 'FIXED_TIMEOUT'] as const).map(
  (name) => [name, STATUS_BITS[name]] as const,
);

/** @param command what the line begins with: '-A', '-U' or '-D' */
export function formatFlowSave(flow: Flow, command = '-A'): string {
  checkFlow(flow);
  const { slots } = flow;
  const status = (slots[STATUS] ?? 0) as number;
  let text = command;
  if (slots[TIMEOUT] !== undefined) text += ` -t ${(slots[TIMEOUT] as number) >>> 0}`;
  if (slots[STATUS] !== undefined) text += ` -u ${statusText(status)}`;
  if (slots[ZONE] !== undefined) text += ` -w ${slots[ZONE]}`;
  if (slots[ORIG.zone] !== undefined) text += ` --orig-zone ${slots[ORIG.zone]}`;
  if (slots[REPLY.zone] !== undefined) text += ` --reply-zone ${slots[REPLY.zone]}`;
  text += ` -s ${source(slots, ORIG)} -d ${destination(slots, ORIG)}`;
  const four = slots[ORIG.family] === AF_INET;
  const dnat = (status & IPS_DST_NAT) !== 0 && differ(slots, four, ORIG.dst4, ORIG.dst6, REPLY.src4, REPLY.src6);
  const snat = (status & IPS_SRC_NAT) !== 0 && differ(slots, four, ORIG.src4, ORIG.src6, REPLY.dst4, REPLY.dst6);
  text += ` ${dnat ? '-g' : '-r'} ${source(slots, REPLY)} ${snat ? '-n' : '-q'} ${destination(slots, REPLY)}`;
  return text + protocol(slots);
}

function statusText(status: number): string {
  const names = STATUSES.filter(([, bit]) => (status & bit) !== 0).map(([name]) => name);
  return names.length === 0 ? 'UNSET' : names.join();
}

function source(slots: readonly SlotValue[], { family, src4, src6 }: TupleSlots): string {
  return slots[family] === AF_INET ? ipv4(slots[src4]) : ipv6(slots[src6]);
}

function destination(slots: readonly SlotValue[], { family, dst4, dst6 }: TupleSlots): string {
  return slots[family] === AF_INET ? ipv4(slots[dst4]) : ipv6(slots[dst6]);
}

function differ(slots: readonly SlotValue[], four: boolean, a4: number, a6: number, b4: number, b6: number): boolean {
  return four ? slots[a4] !== slots[b4] : !sameValue(slots[a6], slots[b6]);
}

function protocol(slots: readonly SlotValue[]): string {
  const number = slots[ORIG.proto] as number;
  const name = PROTOCOL_NAMES[number];
  let text = ` -p ${name === 'unknown' ? number : name}`;
  if (PORT_PROTOCOLS.includes(number)) {
    if (slots[ORIG.sport] !== undefined) text += ` --sport ${slots[ORIG.sport]}`;
    if (slots[ORIG.dport] !== undefined) text += ` --dport ${slots[ORIG.dport]}`;
    if (slots[REPLY.sport] !== undefined) text += ` --reply-port-src ${slots[REPLY.sport]}`;
    if (slots[REPLY.dport] !== undefined) text += ` --reply-port-dst ${slots[REPLY.dport]}`;
  }
  switch (number) {
    case IPPROTO_TCP:
      if (slots[TCP_STATE] !== undefined) text += ` --state ${TCP_STATE_NAMES[slots[TCP_STATE] as number]}`;
      break;
    case IPPROTO_SCTP:
      if (slots[SCTP_STATE] !== undefined) text += ` --state ${SCTP_STATE_NAMES[slots[SCTP_STATE] as number]}`;
      if (slots[SCTP_VTAG_ORIG] !== undefined) text += ` --orig-vtag ${inHostOrder(slots[SCTP_VTAG_ORIG])}`;
      if (slots[SCTP_VTAG_REPLY] !== undefined) text += ` --reply-vtag ${inHostOrder(slots[SCTP_VTAG_REPLY])}`;
      break;
    case IPPROTO_DCCP:
      if (slots[DCCP_STATE] !== undefined) text += ` --state ${DCCP_STATE_NAMES[slots[DCCP_STATE] as number]}`;
      if (slots[DCCP_ROLE] !== undefined) text += ` --role ${slots[DCCP_ROLE] === 0 ? 'client' : 'server'}`;
      break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      text += ` --${name}-type ${slots[ORIG.icmpType] ?? 0} --${name}-code ${slots[ORIG.icmpCode] ?? 0}`;
      if (slots[ORIG.icmpId] !== undefined) text += ` --${name}-id ${slots[ORIG.icmpId]}`;
      break;
    case IPPROTO_GRE:
      text += ` --srckey ${slots[ORIG.sport] ?? 0} --dstkey ${slots[ORIG.dport] ?? 0}`;
      text += ` --reply-key-src ${slots[REPLY.sport] ?? 0} --reply-key-dst ${slots[REPLY.dport] ?? 0}`;
      break;
  }
  return text;
}

/**
 * conntrack(8) takes the bytes of a verification tag, which are in network order, as they lie in memory, here and when
 * it makes a flow.
 */
function inHostOrder(tag: SlotValue): number {
  return HOST_LITTLE_ENDIAN ? swap32(tag as number) : (tag as number) >>> 0;
}
