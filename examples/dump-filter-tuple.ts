// Lists what one address has open by HTTPS; the kernel compares the tuples. Counterpart of conntrack_dump_filter_tuple.
import { Conntrack } from 'ctnetlink';

const ct = await Conntrack.open();
for await (const { orig, tcp } of ct.dump({ orig: { src: '192.0.2.1', proto: 'tcp', dport: 443 } })) {
  console.log(`${orig.src}:${orig.sport} -> ${orig.dst}:${orig.dport} ${tcp?.state}`);
}
await ct.close();
