// Expects an FTP server to connect to the public address of its client, whom NAT hides. Counterpart of
// expect_create_nat.
import { Conntrack } from 'ctnetlink';

const ct = await Conntrack.open();
const master = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 40022, dport: 21 } as const;
const snat = { minAddress: '203.0.113.1' };
await ct.create({ orig: master, timeout: 600, tcp: { state: 'ESTABLISHED' }, helper: { name: 'ftp' }, snat });

const tuple = { src: '198.51.100.2', dst: '203.0.113.1', proto: 'tcp', dport: 5001 } as const;
// It comes against the direction of its master (1: IP_CT_DIR_REPLY) and goes on to this source; the kernel wants a
// whole tuple.
const to = { src: '192.0.2.1', dst: '0.0.0.0', proto: 'tcp', sport: 5001, dport: 0 } as const;
const nat = { ...to, direction: 1 };
await ct.expectations.create({ tuple, master, timeout: 300, nat, fn: 'nat-follow-master' });
console.log(await ct.expectations.get({ tuple }));
await ct.close();
