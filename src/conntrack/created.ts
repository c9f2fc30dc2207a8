/** Flows that were created a moment ago, as the kernel has them. */
import type { Flow } from '../ctnetlink/flow.ts';
import { namingOfNew } from '../ctnetlink/identity.ts';
import { decodeFlow } from '../ctnetlink/message.ts';
import { buildGet } from '../ctnetlink/request/flow.ts';
import { ORIG, REPLY } from '../ctnetlink/slots.ts';
import { completeFrom, hasAddress } from '../ctnetlink/tuple.ts';
import { Batch } from '../netlink/batch.ts';
import { lostAnswer } from '../netlink/errors.ts';
import type { Request } from '../netlink/request.ts';
import type { BatchSender } from './batch-sender.ts';

export function lookup(given: Flow): Request {
  let flow = given;
  if (!hasAddress(given.slots, ORIG)) {
    flow = given.clone();
    completeFrom(flow.slots, REPLY, ORIG);
  }
  return buildGet(flow, namingOfNew(flow));
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
      (index) => lookup(flows[some[index]]).subject(),
      (index, view, offset, end) => {
        answers[index] = decodeFlow(view, offset, end);
      },
    );
    for (let index = 0; index < some.length; index++) take(some[index], answers[index] ?? lostAnswer('get', true));
  }
}
