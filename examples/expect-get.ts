// Shows the expectation that expect-create.ts made. Counterpart of expect_get.
import { Conntrack } from 'ctnetlink';

const ct = await Conntrack.open();
const tuple = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', dport: 5000 } as const;
console.log((await ct.expectations.get({ tuple })) ?? 'there is no such expectation: run expect-create.ts first');
await ct.close();
