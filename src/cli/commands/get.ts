/** -G of flows. */

import type { Flow } from '../../ctnetlink/flow.ts';
import { ORIG, REPLY } from '../../ctnetlink/slots.ts';
import { KernelError } from '../../netlink/errors.ts';
import { ENOENT } from '../../uapi/errno.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../../uapi/in.ts';
import { flowFormat, Listing } from '../formats/listing.ts';
import { complain } from '../output.ts';
import type { Context } from './context.ts';
import { Selection } from './selection.ts';

/** What names the flow to the kernel: its original direction, else its reply. */
function named(asked: Flow): Flow {
  const flow = asked.clone();
  const { slots } = flow;
  const proto = slots[ORIG.proto];
  if (proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6) slots[ORIG.icmpId] ??= 0;
  if (slots[ORIG.src4] === undefined && slots[ORIG.src6] === undefined) {
    for (const slot of ORIG.all) slots[slot] = undefined;
    slots[REPLY.proto] = proto;
  } else {
    // conntrack(8) does not compare it.
    for (const slot of REPLY.all) slots[slot] = undefined;
  }
  return flow;
}

export async function getFlow({ ct, settings, output }: Context): Promise<number> {
  const flow = await ct.get(named(settings.flow));
  if (flow === undefined) throw new KernelError(ENOENT, { operation: 'get', sequence: 0 });
  const listing = new Listing(settings, output, flowFormat(settings, ct), 'begun');
  if (new Selection(settings).matches(flow)) listing.add(flow);
  await listing.end();
  complain(`${listing.count} flow entries have been shown.`);
  return listing.count > 0 ? 0 : 1;
}
