// Creates a flow that another one brought about, as FTP's data connections are. Counterpart of conntrack_master.
import { Conntrack, statusNames } from 'ctnetlink';

const ct = await Conntrack.open();
const control = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 40002, dport: 21 } as const;
const data = { src: '198.51.100.2', dst: '192.0.2.1', proto: 'tcp', sport: 20, dport: 40003 } as const;
await ct.create({ orig: control, timeout: 600, tcp: { state: 'ESTABLISHED' } });
await ct.create({ orig: data, master: control, timeout: 100, tcp: { state: 'SYN_SENT' } });

const flow = await ct.get({ orig: data });
console.log('master:', flow?.master);
console.log('status:', statusNames(flow?.status ?? 0).join(', '));
await ct.close();
