// Deletes every expectation; `expectations.flush({ helper: 'ftp' })` would delete those of a helper. Counterpart of
// expect_flush.
import { Conntrack } from 'ctnetlink';

const ct = await Conntrack.open();
const before = await ct.expectations.dump().toArray();
await ct.expectations.flushAll();
const after = await ct.expectations.dump().toArray();
console.log(`${before.length} expectations before, ${after.length} after`);
await ct.close();
