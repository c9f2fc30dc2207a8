/**
 * Labels of flows that were created. The kernel makes room for labels only where a rule of the network namespace uses
 * them; without one it creates the flow, drops its labels and reports success. So the flow is looked up where labels
 * were given.
 */
import type { Flow } from '../ctnetlink/flow.ts';
import { decodeFlow } from '../ctnetlink/message.ts';
import { LABELS } from '../ctnetlink/slots.ts';
import { NetlinkError } from '../netlink/errors.ts';
import type { Lease } from '../netlink/lease.ts';
import type { BatchSender } from './batch-sender.ts';
import { type CallOptions, findOne, isGone } from './call.ts';
import { lookUpCreated, lookup, subjectOf } from './created.ts';

/** The flow was created, but without its labels: no rule of its network namespace used labels at that time. */
export class LabelsError extends NetlinkError {
  /** 'LabelsError', of every copy of this package. */
  override name = 'LabelsError';
  /** What was asked for: 'create' or 'createOrUpdate'. */
  readonly operation: string;
  /** The flow, such as 'udp 192.0.2.1:5353 -> 198.51.100.2:53, zone 0'. */
  readonly subject: string | undefined;

  constructor(operation: string, subject: string | undefined) {
    const about = subject === undefined ? '' : ` (${subject})`;
    super(
      'ERR_LABELS',
      `${operation}: the flow was created without its labels${about}, because no rule of this network namespace used labels at that time; load a ruleset that uses them (\`ct label\`), then delete the flow and create it again`,
    );
    this.operation = operation;
    this.subject = subject;
  }
}

/** At least one bit is set: of none the kernel drops nothing. */
function givesLabels({ slots }: Flow): boolean {
  const labels = slots[LABELS] as Uint8Array | undefined;
  if (labels === undefined) return false;
  for (let at = 0; at < labels.length; at++) if (labels[at] !== 0) return true;
  return false;
}

/**
 * One that is gone already cannot be looked at; labels that another program set or took since then are none of ours.
 */
function wasDropped(found: Flow): boolean {
  return found.slots[LABELS] === undefined;
}

/** @throws LabelsError */
export async function checkLabels(
  lease: Lease,
  flow: Flow,
  operation: string,
  options: CallOptions = {},
): Promise<void> {
  if (!givesLabels(flow)) return;
  const request = lookup(flow);
  const found = await findOne(lease, request, options, decodeFlow);
  if (found !== undefined && wasDropped(found)) throw new LabelsError(operation, subjectOf(flow));
}

/** The places of flows with labels; what went without a Flow has none. */
export function labelled(flows: readonly (Flow | undefined)[]): number[] {
  const places: number[] = [];
  for (let at = 0; at < flows.length; at++) {
    const flow = flows[at];
    if (flow !== undefined && givesLabels(flow)) places.push(at);
  }
  return places;
}

/** Looks up the created flows at these places, and reports those whose labels were dropped. */
export async function checkManyLabels(
  sender: BatchSender,
  operation: string,
  flows: readonly Flow[],
  places: readonly number[],
  failed: (at: number, error: Error) => void,
): Promise<void> {
  await lookUpCreated(sender, flows, places, (at, found) => {
    if (found instanceof Error) {
      if (!isGone(found)) failed(at, found);
    } else if (wasDropped(found)) failed(at, new LabelsError(operation, subjectOf(flows[at])));
  });
}
