// Creates an FTP connection and the data connection that is expected of it. Counterpart of expect_create.
import { Conntrack } from 'ctnetlink';
import { formatExpectation } from 'ctnetlink/format';

const ct = await Conntrack.open();
const master = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 40021, dport: 21 } as const;
await ct.create({ orig: master, timeout: 600, tcp: { state: 'ESTABLISHED' }, helper: { name: 'ftp' } });

const tuple = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', dport: 5000 } as const; // from any port
await ct.expectations.create({ tuple, master, timeout: 200 }); // ftp's own policy says 300 s, and wins
const expectation = await ct.expectations.get({ tuple });
if (expectation !== undefined) console.log(formatExpectation(expectation));
await ct.close();
