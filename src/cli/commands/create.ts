/** -I and -A of flows. */

import { LabelsError } from '../../conntrack/created-labels.ts';
import type { SlotValue } from '../../ctnetlink/attributes/kinds.ts';
import { Flow } from '../../ctnetlink/flow.ts';
import { ICMP_PROTOCOLS, WITH_PORTS } from '../../ctnetlink/protocols.ts';
import { MARK, ORIG, REPLY, slotOfProperty, type TupleSlots } from '../../ctnetlink/slots.ts';
import { beLiberal } from '../../ctnetlink/tcp-flags.ts';
import { completeFrom, hasAddress } from '../../ctnetlink/tuple.ts';
import { KernelError } from '../../netlink/errors.ts';
import { EEXIST, EINVAL } from '../../uapi/errno.ts';
import { IPPROTO_TCP } from '../../uapi/in.ts';
import { AF_INET } from '../../uapi/socket.ts';
import type { NatWanted, Settings } from '../options/settings.ts';
import { complain } from '../output.ts';
import type { Context } from './context.ts';

/**
 * The flow of the settings, made whole: what the options describe. One direction follows from the other where no
 * address of it is given. If one is given, the other address of it is 0, and so is the other port if one is given. Its
 * protocol and the fields of ICMP follow from the original direction.
 * @throws KernelError EINVAL for addresses of the reply without a port of it where there are ports, as the kernel
 * answers to conntrack(8)
 */
export function described(settings: Settings): Flow {
  const { mark, nat, labelsAdd, flow } = settings;
  const { slots } = flow;
  if (mark !== undefined) slots[MARK] = mark.value | 0;
  if (!hasAddress(slots, ORIG)) completeOrig(slots);
  else completeReply(slots, nat);
  if (slots[ORIG.proto] === IPPROTO_TCP) beLiberal(slots);
  setNat(flow, 'snat', nat.src);
  setNat(flow, 'dnat', nat.dst);
  return labelsAdd === undefined ? flow : Flow.from({ ...flow.toJSON(), labels: labelsAdd });
}

/** Ports of the reply come before those of the original direction, which conntrack(8) overwrites. */
function completeOrig(slots: SlotValue[]): void {
  fillAddresses(slots, REPLY);
  slots[REPLY.proto] = slots[ORIG.proto];
  if (hasReplyPort(slots)) {
    fillPorts(slots, REPLY);
    slots[ORIG.sport] = undefined;
    slots[ORIG.dport] = undefined;
  } else {
    fillPorts(slots, ORIG);
  }
  completeFrom(slots, REPLY, ORIG);
  completeFrom(slots, ORIG, REPLY);
}

function completeReply(slots: SlotValue[], { src, dst }: Settings['nat']): void {
  fillAddresses(slots, ORIG);
  fillPorts(slots, ORIG);
  if (!hasAddress(slots, REPLY)) {
    // conntrack(8) takes no port without an address. But where both addresses are translated, -o save writes the ports
    // alone.
    if (src?.address === undefined || dst?.address === undefined) {
      slots[REPLY.sport] = undefined;
      slots[REPLY.dport] = undefined;
    }
  } else {
    fillAddresses(slots, REPLY);
    if (WITH_PORTS.has(slots[ORIG.proto] as number)) {
      if (!hasReplyPort(slots)) throw new KernelError(EINVAL, { operation: 'create', sequence: 0 });
      slots[REPLY.proto] = slots[ORIG.proto];
      fillPorts(slots, REPLY);
    }
  }
  completeFrom(slots, ORIG, REPLY);
}

function hasReplyPort(slots: readonly SlotValue[]): boolean {
  return slots[REPLY.sport] !== undefined || slots[REPLY.dport] !== undefined;
}

function fillAddresses(slots: SlotValue[], { family, src4, dst4, src6, dst6 }: TupleSlots): void {
  const four = slots[family] === AF_INET;
  for (const slot of four ? [src4, dst4] : [src6, dst6]) slots[slot] ??= four ? 0 : new Uint8Array(16);
}

/** Ports, or the identifier of ICMP. */
function fillPorts(slots: SlotValue[], { proto, sport, dport, icmpId }: TupleSlots): void {
  const number = slots[proto] as number;
  if (WITH_PORTS.has(number)) {
    slots[sport] ??= 0;
    slots[dport] ??= 0;
  } else if (ICMP_PROTOCOLS.includes(number)) {
    slots[icmpId] ??= 0;
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

/** As conntrack(8), which does not look: a flow without its labels was created. Ours warns. */
export async function create({ ct, settings }: Pick<Context, 'ct' | 'settings'>): Promise<void> {
  try {
    await ct.create(described(settings));
  } catch (error) {
    if (!(error instanceof LabelsError)) throw error;
    complain(`WARNING: ${error.message}`);
  }
}

export async function createFlow(context: Context): Promise<number> {
  await create(context);
  complain('1 flow entries have been created.');
  return 0;
}

/** One that exists is none that was added, and no failure. */
export async function addFlow(context: Context): Promise<number> {
  let added = 1;
  try {
    await create(context);
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== EEXIST) throw error;
    added = 0;
  }
  complain(`${added} flow entries have been added.`);
  return 0;
}
