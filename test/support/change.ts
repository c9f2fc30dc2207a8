import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { Filter } from '../../src/ctnetlink/filter/filter.ts';
import type { FlowInit } from '../../src/ctnetlink/flow.ts';
import type { TransportFactory } from '../../src/netlink/transport.ts';

/**
 * Changes the flows that a filter selects, keeping their status bits. Not by conntrack -U: that asks for each changed
 * flow with an ACK, reads one answer of the two, and takes the other for the answer to its next request. Where a second
 * (its sequence number) ends between them it fails with "Protocol error" or "No such file or directory".
 */
export async function changeFlows(
  transport: TransportFactory,
  filter: Filter,
  change: FlowInit & { status?: number },
): Promise<void> {
  await using ct = await Conntrack.open({ transport });
  for (const { orig, zone, status } of await ct.dump(filter).toArray())
    await ct.update({ orig, zone, ...change, status: (status ?? 0) | (change.status ?? 0) });
}
