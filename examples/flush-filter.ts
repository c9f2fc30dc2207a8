// Deletes the IPv4 flows whose mark has its lowest bit set, and no others. Counterpart of conntrack_flush_filter.
import { Conntrack } from 'ctnetlink';

const ct = await Conntrack.open();
const { entries } = await ct.stats();
await ct.flush({ family: 'ipv4', mark: { value: 1, mask: 1 } });
console.log(`${entries} flows before, ${(await ct.stats()).entries} after`);
await ct.close();
