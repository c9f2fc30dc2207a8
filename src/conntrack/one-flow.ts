/** Looks up and deletes one flow: the one that was meant, and no other that the kernel finds by its tuple. */
import type { Flow } from '../ctnetlink/flow.ts';
import { hasStart, isSameFlow, mayBeHidden } from '../ctnetlink/identity.ts';
import { decodeFlow } from '../ctnetlink/message.ts';
import { buildDelete, buildGet } from '../ctnetlink/request.ts';
import type { Lease } from '../netlink/lease.ts';
import { type CallOptions, findOne, isGone, noSuchFlow } from './call.ts';

/** The flow with this tuple, zone, id and start, as far as they are given. */
export async function getFlow(lease: Lease, flow: Flow, options: CallOptions): Promise<Flow | undefined> {
  const found = await findOne(lease, buildGet(flow), options, decodeFlow);
  if (found === undefined || isSameFlow(flow, found)) return found;
  if (!mayBeHidden(flow)) return undefined;
  const exact = await findOne(lease, buildGet(flow, 'exact'), options, decodeFlow);
  return exact !== undefined && isSameFlow(flow, exact) ? exact : undefined;
}

/** @throws KernelError ENOENT when there is none, or another one in its place */
export async function deleteFlow(lease: Lease, flow: Flow, options: CallOptions): Promise<void> {
  const usual = buildDelete(flow);
  // An id alone the kernel compares itself, but not a start.
  if (hasStart(flow) && (await getFlow(lease, flow, options)) === undefined)
    throw noSuchFlow('delete', usual.subject());
  try {
    await lease.request(usual, options);
  } catch (error) {
    if (!isGone(error) || !mayBeHidden(flow)) throw error;
    try {
      await lease.request(buildDelete(flow, 'exact'), options);
    } catch (again) {
      throw isGone(again) ? error : again;
    }
  }
}
