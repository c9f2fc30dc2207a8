/** Looks up, changes and deletes one flow: the one that was meant, and no other that the kernel finds by its tuple. */
import type { Allowed } from '../ctnetlink/contradiction.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { isParticular, isSameFlow, mayBeHidden, type Naming } from '../ctnetlink/identity.ts';
import { decodeFlow } from '../ctnetlink/message.ts';
import { buildDelete, buildGet, buildUpdate } from '../ctnetlink/request/flow.ts';
import type { Lease } from '../netlink/lease.ts';
import { type CallOptions, findOne, noSuchFlow } from './call.ts';

/** The flow with this tuple, zone, reply, id and start, as far as they are given. */
export async function getFlow(lease: Lease, flow: Flow, options: CallOptions): Promise<Flow | undefined> {
  return (await find(lease, flow, options))?.found;
}

/** The same, with the naming that finds it. */
async function find(
  lease: Lease,
  flow: Flow,
  options: CallOptions,
  allowed?: Allowed,
): Promise<{ found: Flow; naming: Naming } | undefined> {
  const found = await findOne(lease, buildGet(flow), options, decodeFlow);
  if (found === undefined) return undefined;
  if (isSameFlow(flow, found, allowed)) return { found, naming: 'usual' };
  if (!mayBeHidden(flow)) return undefined;
  const exact = await findOne(lease, buildGet(flow, 'exact'), options, decodeFlow);
  return exact !== undefined && isSameFlow(flow, exact, allowed) ? { found: exact, naming: 'exact' } : undefined;
}

/** @throws KernelError ENOENT when there is none, or another one in its place */
export async function updateFlow(lease: Lease, flow: Flow, options: CallOptions): Promise<void> {
  const usual = buildUpdate(flow);
  // The kernel compares nothing but the name when it changes a flow.
  if (!isParticular(flow)) return await lease.request(usual, options);
  const there = await find(lease, flow, options, { wished: true });
  if (there === undefined) throw noSuchFlow('update', usual.subject());
  await lease.request(there.naming === 'usual' ? usual : buildUpdate(flow, 'flow', false, 'exact'), options);
}

/** @throws KernelError ENOENT when there is none, or another one in its place */
export async function deleteFlow(lease: Lease, flow: Flow, options: CallOptions): Promise<void> {
  const usual = buildDelete(flow);
  // The kernel compares the name and the id, which another flow in its place may have.
  if (!isParticular(flow)) return await lease.request(usual, options);
  const there = await find(lease, flow, options);
  if (there === undefined) throw noSuchFlow('delete', usual.subject());
  await lease.request(there.naming === 'usual' ? usual : buildDelete(flow, 'exact'), options);
}
