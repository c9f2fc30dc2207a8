/** -I and -A of flows. */
import { Flow } from '../ctnetlink/flow.ts';
import type { SlotValue } from '../ctnetlink/kinds.ts';
import { setupReply } from '../ctnetlink/request.ts';
import { ORIG, REPLY, slotOfProperty, type TupleSlots, turnRound } from '../ctnetlink/tuple.ts';
import { KernelError } from '../netlink/errors.ts';
import { EEXIST, EINVAL } from '../uapi/errno.ts';
import * as ipproto from '../uapi/in.ts';
import { AF_INET } from '../uapi/socket.ts';
import type { Context } from './context.ts';
import { complain } from './output.ts';
import type { NatWanted, Settings } from './settings.ts';

const MARK = slotOfProperty('mark');

const WITH_PORTS = new Set([
  ...[ipproto.IPPROTO_TCP, ipproto.IPPROTO_UDP, ipproto.IPPROTO_UDPLITE],
  ...[ipproto.IPPROTO_SCTP, ipproto.IPPROTO_DCCP, ipproto.IPPROTO_GRE],
]);
const ICMP = new Set([ipproto.IPPROTO_ICMP, ipproto.IPPROTO_ICMPV6]);

/**
 * The flow of the settings, made whole: what the options describe. One direction follows from the other where no address of it is given; where one is, what else is not
 * given of it is 0.
 * @throws KernelError for one without a protocol, as the kernel would
 */
export function described(settings: Settings): Flow {
  const { mark, nat, labelsAdd, flow } = settings;
  const { slots } = flow;
  if (mark !== undefined) slots[MARK] = mark.value | 0;
  const fromReply = !hasAddress(slots, ORIG);
  if (fromReply) turnReplyRound(slots);
  fill(slots, ORIG, ORIG);
  if (!fromReply && !hasAddress(slots, REPLY)) setupReply(flow);
  else fill(slots, REPLY, ORIG);
  setNat(flow, 'snat', nat.src);
  setNat(flow, 'dnat', nat.dst);
  return labelsAdd === undefined ? flow : Flow.from({ ...flow.toJSON(), labels: labelsAdd });
}

function hasAddress(slots: readonly SlotValue[], { src4, dst4, src6, dst6 }: TupleSlots): boolean {
  return [src4, dst4, src6, dst6].some((slot) => slots[slot] !== undefined);
}

/** The original direction follows from the reply, which has a protocol only where a port of it is given. */
function turnReplyRound(slots: SlotValue[]): void {
  // Of ICMP there are no fields of the reply.
  if (ICMP.has(slots[ORIG.proto] as number)) throw new KernelError(EINVAL, { operation: 'create', sequence: 0 });
  const { sport, dport, proto } = REPLY;
  if (slots[sport] !== undefined || slots[dport] !== undefined) slots[proto] = slots[ORIG.proto];
  else slots[proto] = 0;
  turnRound(slots, REPLY, ORIG);
  slots[ORIG.sport] = slots[dport];
  slots[ORIG.dport] = slots[sport];
}

/** @param icmp the direction that ICMP's fields are of */
function fill(slots: SlotValue[], tuple: TupleSlots, icmp: TupleSlots): void {
  const four = slots[tuple.family] === AF_INET;
  for (const slot of four ? [tuple.src4, tuple.dst4] : [tuple.src6, tuple.dst6])
    slots[slot] ??= four ? 0 : new Uint8Array(16);
  const { sport, dport, proto } = tuple;
  if (tuple === REPLY && slots[proto] === undefined) {
    // Its protocol comes with its ports.
    if (slots[sport] === undefined && slots[dport] === undefined)
      throw new KernelError(EINVAL, { operation: 'create', sequence: 0 });
    slots[proto] = slots[ORIG.proto];
  }
  const number = slots[proto] as number;
  if (WITH_PORTS.has(number)) {
    slots[sport] ??= 0;
    slots[dport] ??= 0;
  } else if (ICMP.has(number)) {
    slots[icmp.icmpId] ??= 0;
  }
}

function setNat({ slots }: Flow, group: 'snat' | 'dnat', wanted: NatWanted | undefined): void {
  if (wanted?.address === undefined) return;
  const kind = typeof wanted.address === 'number' ? 'ipv4' : 'ipv6';
  slots[slotOfProperty(`${group}.minAddress`, kind)] = wanted.address;
  if (wanted.port === undefined) return;
  slots[slotOfProperty(`${group}.minPort`)] = wanted.port;
  slots[slotOfProperty(`${group}.maxPort`)] = wanted.port;
}

export async function createFlow({ ct, settings }: Context): Promise<number> {
  await ct.create(described(settings));
  complain('1 flow entries have been created.');
  return 0;
}

/** One that exists is none that was added, and no failure. */
export async function addFlow({ ct, settings }: Context): Promise<number> {
  let added = 1;
  try {
    await ct.create(described(settings));
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== EEXIST) throw error;
    added = 0;
  }
  complain(`${added} flow entries have been added.`);
  return 0;
}
