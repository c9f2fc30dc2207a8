/** The tuple that a program looks up, without a flow made of it. */

import { parseIpv4, parseIpv6Into } from '../ctnetlink/address.ts';
import type { TupleInit } from '../ctnetlink/attributes/flow-properties.ts';
import { PROTOCOLS } from '../ctnetlink/names.ts';
import { demandedParts, type Part, partsOf } from '../ctnetlink/protocols.ts';
import type { TupleKey } from './store/tuple-key.ts';

const LARGEST: Readonly<Record<Part, number>> = {
  sport: 0xffff,
  dport: 0xffff,
  icmpType: 0xff,
  icmpCode: 0xff,
  icmpId: 0xffff,
};
/** Of the IPv6 addresses that were read last. */
const SRC = new Int32Array(4);
const DST = new Int32Array(4);
const SRC_BYTES = new Uint8Array(SRC.buffer);
const DST_BYTES = new Uint8Array(DST.buffer);
const NUMBERS: ReadonlyMap<unknown, number> = new Map(Object.entries(PROTOCOLS));

/**
 * Takes a tuple that has just addresses, a protocol and what that demands, as nearly all have. False: it is another, or
 * wrong, and is to be read as a flow is.
 */
export function readPlainTuple(tuple: TupleInit, zone: number, key: TupleKey): boolean {
  const { src, dst, proto } = tuple;
  const protocol = NUMBERS.get(proto);
  if (typeof src !== 'string' || typeof dst !== 'string' || protocol === undefined) return false;
  const parts = partsOf(protocol);
  if (parts !== demandedParts(protocol) || propertiesOf(tuple) !== 3 + parts.length) return false;
  key.begin(protocol, zone);
  for (let i = 0; i < parts.length; i++) {
    const value = tuple[parts[i]];
    if (typeof value !== 'number' || !(value >= 0 && value <= LARGEST[parts[i]]) || value % 1 !== 0) return false;
    key.setPart(i, value);
  }
  const src4 = parseIpv4(src);
  const dst4 = parseIpv4(dst);
  if (src4 !== undefined && dst4 !== undefined) {
    key.setIpv4(src4, dst4);
  } else {
    if (!parseIpv6Into(src, SRC_BYTES) || !parseIpv6Into(dst, DST_BYTES)) return false;
    key.setIpv6(SRC, DST);
  }
  key.end();
  return true;
}

function propertiesOf(object: object): number {
  let count = 0;
  for (const _name in object) count++;
  return count;
}
