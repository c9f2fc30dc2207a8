/** A tuple in one line, for messages. */
import { formatIpv4, formatIpv6 } from './address.ts';
import type { SlotValue } from './attributes/kinds.ts';
import { PROTOCOL_NAMES } from './names.ts';
import type { TupleSlots } from './slots.ts';

/**
 * 'udp 192.0.2.1:5353 -> 198.51.100.2:53', 'icmp 192.0.2.1 -> 198.51.100.2 type 8 code 0 id 9', '47 2001:db8::1 ->
 * 2001:db8::2'. What is not set is '?', ports are left out. An IPv6 address with a port is in brackets.
 */
export function describeTuple(slots: readonly SlotValue[], tuple: TupleSlots): string {
  const { src4, src6, dst4, dst6, proto, sport, dport } = tuple;
  const number = slots[proto] as number | undefined;
  const protocol = number === undefined ? '?' : (PROTOCOL_NAMES[number] ?? number);
  const source = end(slots[src4], slots[src6], slots[sport]);
  return `${protocol} ${source} -> ${end(slots[dst4], slots[dst6], slots[dport])}${icmp(slots, tuple)}`;
}

/**
 * What names an entry of a table: 'udp 192.0.2.1:5353 -> 198.51.100.2:53, zone 0', and its id where one is asked for.
 */
export function describeEntry(slots: readonly SlotValue[], tuple: TupleSlots, zone: SlotValue, id: SlotValue): string {
  const generation = id === undefined ? '' : `, id ${(id as number) >>> 0}`;
  return `${describeTuple(slots, tuple)}, zone ${zone ?? slots[tuple.zone] ?? 0}${generation}`;
}

function end(ipv4: SlotValue, ipv6: SlotValue, port: SlotValue): string {
  const behind = port === undefined ? '' : `:${port}`;
  if (ipv6 === undefined) return (ipv4 === undefined ? '?' : formatIpv4(ipv4 as number)) + behind;
  const address = formatIpv6(ipv6 as Uint8Array);
  return behind === '' ? address : `[${address}]${behind}`;
}

function icmp(slots: readonly SlotValue[], { icmpType, icmpCode, icmpId }: TupleSlots): string {
  return part('type', slots[icmpType]) + part('code', slots[icmpCode]) + part('id', slots[icmpId]);
}

function part(name: string, value: SlotValue): string {
  return value === undefined ? '' : ` ${name} ${value}`;
}
