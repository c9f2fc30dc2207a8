// Empties the table. Counterpart of conntrack_flush.
import { Conntrack } from 'ctnetlink';

const ct = await Conntrack.open();
const { entries } = await ct.stats();
await ct.flushAll();
console.log(`${entries} flows before, ${(await ct.stats()).entries} after`);
await ct.close();
