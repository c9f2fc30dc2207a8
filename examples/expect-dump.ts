// Lists the expectations, of both families, as conntrack -L expect does. Counterpart of expect_dump.
import { Conntrack } from 'ctnetlink';
import { formatExpectation } from 'ctnetlink/format';

const ct = await Conntrack.open();
for await (const expectation of ct.expectations.dump()) console.log(formatExpectation(expectation));
await ct.close();
