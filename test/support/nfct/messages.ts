/** Messages by hand, as the tests of nlmsg.ts make and read them. */
import { ORIG, REPLY } from '../../../src/ctnetlink/slots.ts';
import { nfnlType, Writer, writeNfgenmsg } from '../../../src/netlink.ts';
import * as nfct from '../../../src/nfct/index.ts';
import { AF_INET, AF_UNSPEC, IPCTNL_MSG_CT_NEW, IPPROTO_UDP, NFNL_SUBSYS_CTNETLINK } from '../../../src/uapi/index.ts';
import { concat, message } from '../fake-transport.ts';
import type * as oracle from '../oracle/nlmsg.ts';
import type { Random } from '../random.ts';
import { encode } from '../samples.ts';
import { ALL_IDS, conntrack, hex, is, memoryOf, widthOf } from './memory.ts';
import { randomObject, randomWhole, type Setting, type Shape } from './objects.ts';

export const CT_NEW = nfnlType(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW);

/** C stores nothing when these are set, and reads their values from messages. */
export const NOT_STORED = [26, 27, 28, 29, 30, 62, 63, 64, 65];
/** The kernel dumps none of these, and C reads none. */
export const NOT_READ = [20, 21, 22, 23, 67, 70, 71];

/** Everything that is set, in the format of the oracle. */
export function told(ct: nfct.Flow): string[] {
  return ALL_IDS.filter((id) => nfct.nfct_attr_is_set(ct, id) === 1).map(
    (id) => `${id}=${widthOf(id) === 'bytes' ? '' : hex(memoryOf(id, nfct.nfct_get_attr(ct, id)!))}`,
  );
}

export function messageOf(family: number, attributes: Uint8Array, type = CT_NEW, flags = 0): Uint8Array {
  return message(0, concat([family, 0, 0, 0], attributes), { type, flags });
}

/** Attributes as the kernel might send them: of both tuples, of one or of none. */
export function randomAttributes(random: Random, shape: Shape): Uint8Array {
  const ct = conntrack(randomWhole(random, shape).filter(({ id }) => !NOT_READ.includes(id)));
  const without = random.pick([[], [], [REPLY], [ORIG, REPLY], ...(shape.icmp ? [] : [[ORIG]])]);
  for (const tuple of without) for (const slot of tuple.all) ct.slots[slot] = undefined;
  return encode(ct);
}

export function randomUsed(random: Random, shape: Shape): Setting[] {
  return randomObject(random, shape).filter(({ id }) => !NOT_STORED.includes(id));
}

/** A message as mnl_nlmsg_put_header and mnl_nlmsg_put_extra_header begin it. */
export function begin(writer: Writer, message: number, flags = 0, family: number = AF_UNSPEC): number {
  const at = writer.beginMessage(nfnlType(NFNL_SUBSYS_CTNETLINK, message), flags, 0);
  writeNfgenmsg(writer, family);
  return at;
}

export function byHand(
  message: number,
  flags: number,
  family: number,
  append: (writer: Writer) => unknown,
): Uint8Array {
  const writer = new Writer();
  const at = begin(writer, message, flags, family);
  append(writer);
  writer.endMessage(at);
  return writer.finish();
}

export function filterOf({ mark, status, l3num }: oracle.Filter): nfct.nfct_filter_dump {
  const filter = nfct.nfct_filter_dump_create();
  const set = (type: number, { value, mask }: { value: number; mask: number }) =>
    nfct.nfct_filter_dump_set_attr(filter, type, { val: value, mask });
  if (mark !== undefined) set(nfct.NFCT_FILTER_DUMP_MARK, mark);
  if (status !== undefined) set(nfct.NFCT_FILTER_DUMP_STATUS, status);
  if (l3num !== undefined) nfct.nfct_filter_dump_set_attr_u8(filter, nfct.NFCT_FILTER_DUMP_L3NUM, l3num);
  return filter;
}

export const UDP = [
  is(nfct.ATTR_L3PROTO, AF_INET),
  is(nfct.ATTR_L4PROTO, IPPROTO_UDP),
  is(nfct.ATTR_IPV4_SRC, 10, 0, 0, 1),
  is(nfct.ATTR_IPV4_DST, 10, 0, 0, 2),
  is(nfct.ATTR_PORT_SRC, 3, 232),
  is(nfct.ATTR_PORT_DST, 0, 53),
];
