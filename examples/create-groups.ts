// Creates an IPv6 flow from groups of properties, and reads it in groups: they are plain objects. Counterpart of
// conntrack_grp_create.
import { Conntrack } from 'ctnetlink';

const ct = await Conntrack.open();
const addresses = { src: '2001:db8::1', dst: '2001:db8:1::2' };
const ports = { sport: 40000, dport: 443 };
const orig = { ...addresses, proto: 'tcp', ...ports } as const;
await ct.create({ orig, timeout: 100, tcp: { state: 'SYN_SENT' } });

const { reply, tcp, snat } = (await ct.get({ orig })) ?? {};
console.log('reply:', reply);
console.log('tcp.state:', tcp?.state);
console.log('snat:', snat); // a group is undefined if the kernel reported nothing of it
await ct.close();
