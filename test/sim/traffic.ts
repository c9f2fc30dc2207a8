/** What the network does to the table of a simulation. */
import type { Flow } from '../../src/ctnetlink/flow.ts';
import { MARK, TIMEOUT } from '../../src/ctnetlink/slots.ts';
import { EVENT_ALL } from '../../src/testing/entry.ts';
import { nameSlots } from '../../src/testing/flows.ts';
import { countPacket } from '../../src/testing/packets.ts';
import { KERNEL, type Table } from '../../src/testing/table.ts';
import { IPS_CONFIRMED, IPS_SEEN_REPLY } from '../../src/uapi/nf_conntrack_common.ts';

/** A packet creates this flow, if there is none. */
export function packetCreates(table: Table, { slots }: Flow): void {
  const own = nameSlots(slots);
  own[MARK] = slots[MARK];
  const entry = table.newEntry(own, 1000 * (slots[TIMEOUT] as number), table.extensions(false));
  entry.status = IPS_CONFIRMED;
  if (table.insert(entry) === 0) table.announceNew(entry, EVENT_ALL, KERNEL);
}

/** A packet of a flow is counted; its first answer changes the status, which an event reports. */
export function packet(table: Table, key: string): void {
  const entry = table.entries.get(key);
  if (entry === undefined) return;
  countPacket(table, entry, 100);
  if ((entry.status & IPS_SEEN_REPLY) !== 0) return;
  entry.status |= IPS_SEEN_REPLY;
  table.touch(entry);
  table.announceUpdate(entry, EVENT_ALL, KERNEL);
}

/** A flow times out. */
export function expires(table: Table, key: string): void {
  const entry = table.entries.get(key);
  if (entry !== undefined) table.remove(entry, KERNEL);
}
