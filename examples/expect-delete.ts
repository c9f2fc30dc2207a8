// Deletes the expectation that expect-create.ts made. Counterpart of expect_delete.
import { Conntrack } from 'ctnetlink';

const ct = await Conntrack.open();
const tuple = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', dport: 5000 } as const;
await ct.expectations.delete({ tuple });
console.log(`${tuple.dst} port ${tuple.dport} is not expected any more`);
await ct.close();
