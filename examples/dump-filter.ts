// Lists the IPv4 flows whose mark has its lowest bit set; the kernel filters. Counterpart of conntrack_dump_filter.
import { Conntrack } from 'ctnetlink';

const ct = await Conntrack.open();
for await (const { orig, mark, timeout } of ct.dump({ family: 'ipv4', mark: { value: 1, mask: 1 } })) {
  console.log(`${orig.proto} ${orig.src} -> ${orig.dst}, mark ${mark}, expires in ${timeout} s`);
}
await ct.close();
