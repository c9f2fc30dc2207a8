// Lists the table, of both families, as conntrack -L does. Counterpart of conntrack_dump.
import { Conntrack } from 'ctnetlink';
import { formatFlow } from 'ctnetlink/format';

const ct = await Conntrack.open();
for await (const flow of ct.dump()) console.log(formatFlow(flow, { layer3: true }));
console.log(await ct.stats());
await ct.close();
