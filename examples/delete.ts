// Deletes the flow that create.ts made. Counterpart of conntrack_delete.
import { Conntrack } from 'ctnetlink';

const ct = await Conntrack.open();
const orig = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 40000, dport: 443 } as const;
const flow = await ct.get({ orig });
if (flow === undefined) {
  console.log('there is no such flow: run create.ts first');
} else {
  // What was read has an id: should another flow have taken its place meanwhile, that one stays.
  await ct.delete(flow);
  console.log(`deleted ${orig.src}:${orig.sport} -> ${orig.dst}:${orig.dport}, mark ${flow.mark}`);
}
await ct.close();
