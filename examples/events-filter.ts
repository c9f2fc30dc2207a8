// Prints which HTTPS connections of a network begin and end, ten events or as many as the argument says. The kernel
// filters, by a BPF program on the socket: other events do not even reach the process. Counterpart of conntrack_filter.
import { Conntrack } from 'ctnetlink';

let left = Number(process.argv[2] ?? 10);
const ct = await Conntrack.open();
const filter = { orig: { src: '192.0.2.0/24', proto: 'tcp', dport: 443 } } as const;
const events = await ct.events({ types: ['new', 'destroy'], filter });
console.log(`events to wait for: ${left}`);
for await (const event of events) {
  if (event.type === 'overrun') console.log(`${event.lost} events were lost here`);
  else console.log(event.type, event.flow.orig.src, '->', event.flow.orig.dst);
  if (--left === 0) break;
}
await ct.close();
