// Prints HTTPS connections that begin and end, ten events or as many as the argument says; others do not even reach the process: the
// kernel runs the filter, as a BPF program on the socket. Counterpart of conntrack_filter.
import { Conntrack } from 'ctnetlink';

let left = Number(process.argv[2] ?? 10);
const ct = await Conntrack.open();
const events = await ct.events({ types: ['new', 'destroy'], filter: { orig: { proto: 'tcp', dport: 443 } } });
console.log(`waiting for ${left} events`);
for await (const event of events) {
  if (event.type === 'overrun') console.log(`${event.lost} events were lost here`);
  else console.log(event.type, event.flow.orig.src, '->', event.flow.orig.dst);
  if (--left === 0) break;
}
await ct.close();
