// Creates a flow with source NAT, which shows in its reply direction and its status only. Counterpart of
// conntrack_create_nat.
import { Conntrack, statusNames } from 'ctnetlink';

const ct = await Conntrack.open();
const orig = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 40001, dport: 443 } as const;
await ct.create({ orig, timeout: 100, tcp: { state: 'SYN_SENT' }, snat: { minAddress: '203.0.113.1' } });

const flow = await ct.get({ orig });
console.log(`${orig.src} is ${flow?.reply.dst} to ${orig.dst}: ${statusNames(flow?.status ?? 0).join(', ')}`);
await ct.close();
