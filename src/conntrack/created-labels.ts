/**
 * Labels of flows that were created. The kernel makes room for labels only where a rule of the network namespace uses
 * them; without one it creates the flow, drops its labels and reports success. So the flow is looked up where labels
 * were given.
 */
import type { Flow } from '../ctnetlink/flow.ts';
import { decodeFlow } from '../ctnetlink/message.ts';
import { buildGet } from '../ctnetlink/request/flow.ts';
import { LABELS, ORIG, REPLY } from '../ctnetlink/slots.ts';
import { completeFrom, hasAddress } from '../ctnetlink/tuple.ts';
import { Batch } from '../netlink/batch.ts';
import { lostAnswer, NetlinkError } from '../netlink/errors.ts';
import type { Lease } from '../netlink/lease.ts';
import type { Request } from '../netlink/request.ts';
import type { BatchSender } from './batch-sender.ts';
import { type CallOptions, findOne, isGone } from './call.ts';

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

/** With a zone in one direction the usual name finds a flow whose reply tuple it is, too. */
function lookup(given: Flow): Request {
  const flow = given.clone();
  if (!hasAddress(flow.slots, ORIG)) completeFrom(flow.slots, REPLY, ORIG);
  const oneWay = flow.slots[ORIG.zone] !== undefined || flow.slots[REPLY.zone] !== undefined;
  return buildGet(flow, oneWay ? 'exact' : 'usual');
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
  if (found !== undefined && wasDropped(found)) throw new LabelsError(operation, request.subject());
}

/** The places of flows with labels. */
export function labelled(flows: readonly Flow[]): number[] {
  const places: number[] = [];
  for (let at = 0; at < flows.length; at++) if (givesLabels(flows[at])) places.push(at);
  return places;
}

/** Looks up the created flows at these places, many in a datagram, and reports those whose labels were dropped. */
export async function checkManyLabels(
  sender: BatchSender,
  operation: string,
  flows: readonly Flow[],
  places: readonly number[],
  failed: (at: number, error: Error) => void,
): Promise<void> {
  const most = Math.max(1, sender.largestReadBatch);
  for (let begin = 0; begin < places.length; begin += most) {
    const some = places.slice(begin, begin + most);
    const batch = new Batch();
    for (const at of some) batch.add(lookup(flows[at]));
    /** By place: what is known of the flow. */
    const answers: ('kept' | 'dropped' | 'gone' | Error | undefined)[] = [];
    await sender.sendBatch(
      batch,
      (index, error) => {
        answers[index] = isGone(error) ? 'gone' : error;
      },
      undefined,
      (index, view, offset, end) => {
        answers[index] = wasDropped(decodeFlow(view, offset, end)) ? 'dropped' : 'kept';
      },
    );
    some.forEach((at, index) => {
      const answer = answers[index];
      if (answer === 'dropped') failed(at, new LabelsError(operation, lookup(flows[at]).subject()));
      else if (answer === undefined) failed(at, lostAnswer('get', true));
      else if (answer instanceof Error) failed(at, answer);
    });
  }
}
