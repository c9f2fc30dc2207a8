// Shows the flow that create.ts made. Counterpart of conntrack_get.
import { Conntrack } from 'ctnetlink';

const ct = await Conntrack.open();
const flow = await ct.get({ orig: { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 40000, dport: 443 } });
console.log(flow ?? 'there is no such flow: run create.ts first');
await ct.close();
