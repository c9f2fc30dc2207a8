// Expects as a helper in user space does, which names itself and the class of its policy. Counterpart of
// expect_create_userspace.
import { Conntrack } from 'ctnetlink';
import { NF_CT_EXPECT_USERSPACE } from 'ctnetlink/uapi';

const ct = await Conntrack.open();
const master = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 40023, dport: 21 } as const;
await ct.create({ orig: master, timeout: 600, tcp: { state: 'ESTABLISHED' }, helper: { name: 'ftp' } });

const tuple = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', dport: 5002 } as const;
// The kernel takes the flag off again where the helper is one of its own, as ftp is.
const helper = { helper: 'ftp', class: 0, flags: NF_CT_EXPECT_USERSPACE };
await ct.expectations.create({ tuple, master, timeout: 300, ...helper });
console.log(await ct.expectations.get({ tuple }));
await ct.close();
