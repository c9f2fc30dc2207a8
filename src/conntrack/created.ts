/** Flows that were created a moment ago, as the kernel has them. */
import type { Flow } from '../ctnetlink/flow.ts';
import { decodeFlow } from '../ctnetlink/message.ts';
import { buildGet } from '../ctnetlink/request/flow.ts';
import { ORIG, REPLY } from '../ctnetlink/slots.ts';
import { completeFrom, hasAddress } from '../ctnetlink/tuple.ts';
import { Batch } from '../netlink/batch.ts';
import { lostAnswer } from '../netlink/errors.ts';
import type { Request } from '../netlink/request.ts';
import type { BatchSender } from './batch-sender.ts';

/** Asks for it by the name that finds no other flow: it has no id yet that would say so. */
export function lookup(given: Flow): Request {
  return buildGet(withOrig(given), 'exact');
}

/** What errors call it. */
export function subjectOf(given: Flow): string | undefined {
  return buildGet(withOrig(given)).subject();
}

function withOrig(given: Flow): Flow {
  if (hasAddress(given.slots, ORIG)) return given;
  const flow = given.clone();
  completeFrom(flow.slots, REPLY, ORIG);
  return flow;
}

/**
 * Looks up the flows at these places, many in a datagram, and yields each as the kernel has it, or the error (ENOENT if
 * it is gone already).
 */
export async function lookUpCreated(
  sender: BatchSender,
  flows: readonly Flow[],
  places: readonly number[],
  take: (at: number, found: Flow | Error) => void,
): Promise<void> {
  const most = Math.max(1, sender.largestReadBatch);
  const batch = new Batch();
  for (let begin = 0; begin < places.length; begin += most) {
    const some = places.slice(begin, begin + most);
    batch.clear();
    for (const at of some) batch.add(lookup(flows[at]));
    const answers: (Flow | Error | undefined)[] = [];
    await sender.sendBatch(
      batch,
      (index, error) => {
        answers[index] = error;
      },
      (index) => subjectOf(flows[some[index]]),
      (index, view, offset, end) => {
        answers[index] = decodeFlow(view, offset, end);
      },
    );
    for (let index = 0; index < some.length; index++) take(some[index], answers[index] ?? lostAnswer('get', true));
  }
}
