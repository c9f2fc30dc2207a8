// Prints what is expected and what no more, ten events or as many as the argument says. Counterpart of expect_events.
import { Conntrack } from 'ctnetlink';
import { formatExpectation } from 'ctnetlink/format';

let left = Number(process.argv[2] ?? 10);
const ct = await Conntrack.open();
const events = await ct.expectations.events();
console.log(`events to wait for: ${left}`);
for await (const event of events) {
  if (event.type === 'overrun') console.log(`${event.lost} events were lost here`);
  else console.log(formatExpectation(event.expectation, { type: event.type }));
  if (--left === 0) break;
}
await ct.close();
