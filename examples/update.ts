// Changes the flow that create.ts made: its state, its timeout, four bits of its mark. Counterpart of conntrack_update.
import { Conntrack } from 'ctnetlink';
import { formatFlow } from 'ctnetlink/format';

const ct = await Conntrack.open();
const orig = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 40000, dport: 443 } as const;
await ct.update({
  orig,
  timeout: 1000,
  mark: 0x20,
  markMask: 0xf0,
  status: ['SEEN_REPLY', 'ASSURED'],
  tcp: { state: 'ESTABLISHED' },
});

const flow = await ct.get({ orig });
if (flow !== undefined) console.log(formatFlow(flow));
await ct.close();
