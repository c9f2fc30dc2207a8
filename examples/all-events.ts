// Prints events of flows and of expectations, ten or as many as the argument says. Counterpart of ctexp_events.
import { Conntrack, type ExpectationEventOrOverrun, type FlowEventOrOverrun } from 'ctnetlink';
import { formatEvent, formatExpectation } from 'ctnetlink/format';

let left = Number(process.argv[2] ?? 10);
const ct = await Conntrack.open();

async function print(events: AsyncIterable<FlowEventOrOverrun | ExpectationEventOrOverrun>): Promise<void> {
  for await (const event of events) {
    if (event.type === 'overrun') console.log(`${event.lost} events were lost here`);
    else if ('flow' in event) console.log(formatEvent(event));
    else console.log(formatExpectation(event.expectation, { type: event.type }), '(expectation)');
    if (--left === 0) await ct.close(); // ends both streams
  }
}

const streams = [await ct.events(), await ct.expectations.events()];
console.log(`events to wait for: ${left}`);
await Promise.all(streams.map(print));
