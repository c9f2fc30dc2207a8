// Creates a flow and shows what the kernel made of it: its reply direction, its id. Counterpart of conntrack_create.
import { Conntrack } from 'ctnetlink';

const ct = await Conntrack.open();
const orig = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 40000, dport: 443 } as const;
await ct.create({ orig, timeout: 100, mark: 7, tcp: { state: 'SYN_SENT' } });
console.log(await ct.get({ orig }));
await ct.close();
