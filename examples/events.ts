// Prints what happens to flows, ten events or as many as the argument says. Counterpart of conntrack_events.
import { Conntrack } from 'ctnetlink';
import { formatEvent } from 'ctnetlink/format';

let left = Number(process.argv[2] ?? 10);
const ct = await Conntrack.open();
const events = await ct.events();
console.log(`events to wait for: ${left}`);
for await (const event of events) {
  console.log(event.type === 'overrun' ? `${event.lost} events were lost here` : formatEvent(event));
  if (--left === 0) break;
}
await ct.close();
