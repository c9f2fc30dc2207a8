/** struct nfct_filter_dump: which flows a dump or a flush is about. */

import { ATTRIBUTES } from '../ctnetlink/attributes/flow.ts';
import { CompiledFilter, type KernelFilter, type Masked } from '../ctnetlink/filter/filter.ts';
import { comparisonsOf, FilterTerms, familyOf } from '../ctnetlink/filter/terms.ts';
import { Flow } from '../ctnetlink/flow.ts';
import { MARK, MARK_MASK, ORIG, STATUS, STATUS_MASK, ZONE } from '../ctnetlink/slots.ts';
import { checkInteger, describe } from '../netlink/check.ts';
import {
  NFCT_FILTER_DUMP_L3NUM,
  NFCT_FILTER_DUMP_MARK,
  NFCT_FILTER_DUMP_MAX,
  NFCT_FILTER_DUMP_STATUS,
  NFCT_FILTER_DUMP_TUPLE,
  NFCT_FILTER_DUMP_ZONE,
} from '../uapi/libnetfilter_conntrack.ts';
import { AF_INET, AF_INET6, AF_UNSPEC } from '../uapi/socket.ts';
import { checkConntrack } from './conntrack.ts';

/** struct nfct_filter_dump_mark: (bits & mask) === val, both 32-bit. */
export interface nfct_filter_dump_mark {
  /** What the bits must be, 0 to 4294967295. */
  val: number;
  /** Which bits are compared, 0 to 4294967295. */
  mask: number;
}

/** The parts of a filter that are set. */
interface Parts {
  mark?: Masked;
  status?: Masked;
  /** AF_* */
  family?: number | undefined;
  zone?: number;
  /** The fields of the original direction. */
  tuple?: Flow;
}

/** The parts of a filter. @throws TypeError naming the argument */
let partsOf: (filter: unknown, argument: string) => Parts;

/** struct nfct_filter_dump: opaque, for the nfct_filter_dump_ functions. */
export class nfct_filter_dump {
  static {
    partsOf = (filter, argument) => {
      if (!(filter instanceof nfct_filter_dump))
        throw new TypeError(`${argument} must be the result of nfct_filter_dump_create(), not ${describe(filter)}`);
      return filter.#parts;
    };
  }

  readonly #parts: Parts = {};
}

/** A filter that lets everything pass. */
export function nfct_filter_dump_create(): nfct_filter_dump {
  return new nfct_filter_dump();
}

/** Does nothing: kept for programs that move from C line by line. */
export function nfct_filter_dump_destroy(_filter: nfct_filter_dump): void {}

/**
 * Sets a part of the filter; all parts must match.
 *
 * - NFCT_FILTER_DUMP_MARK, NFCT_FILTER_DUMP_STATUS: a value and a mask
 * - NFCT_FILTER_DUMP_L3NUM: AF_INET, AF_INET6, or AF_UNSPEC for both
 * - NFCT_FILTER_DUMP_ZONE: the zone
 * - NFCT_FILTER_DUMP_TUPLE: an object with the fields of the original direction that must be equal. In C fields of the
 *   reply direction are ignored and IPv6 addresses match inverted (the kernel's fault); here the first are refused, and
 *   the second compared in this process.
 *
 * @throws TypeError, RangeError naming the part
 */
export function nfct_filter_dump_set_attr(
  filter_dump: nfct_filter_dump,
  type: number,
  value: number | nfct_filter_dump_mark | Flow,
): void {
  const parts = partsOf(filter_dump, 'filter_dump');
  switch (type) {
    case NFCT_FILTER_DUMP_MARK:
      parts.mark = masked(value, 'value of NFCT_FILTER_DUMP_MARK');
      break;
    case NFCT_FILTER_DUMP_STATUS:
      parts.status = masked(value, 'value of NFCT_FILTER_DUMP_STATUS');
      break;
    case NFCT_FILTER_DUMP_L3NUM:
      parts.family = checkFamily(value, 'value of NFCT_FILTER_DUMP_L3NUM');
      break;
    case NFCT_FILTER_DUMP_ZONE:
      parts.zone = checkInteger(value, 0xffff, 'value of NFCT_FILTER_DUMP_ZONE');
      break;
    case NFCT_FILTER_DUMP_TUPLE:
      parts.tuple = originalTuple(value, 'value of NFCT_FILTER_DUMP_TUPLE');
      break;
    default:
      throw new RangeError(`type must be an integer from 0 to ${NFCT_FILTER_DUMP_MAX - 1}, not ${describe(type)}`);
  }
}

/**
 * Sets a part of 8 bits as nfct_filter_dump_set_attr does: NFCT_FILTER_DUMP_L3NUM. @throws TypeError, RangeError naming
 * the part
 */
export function nfct_filter_dump_set_attr_u8(filter_dump: nfct_filter_dump, type: number, value: number): void {
  checkInteger(value, 0xff, 'value');
  nfct_filter_dump_set_attr(filter_dump, type, value);
}

/**
 * Sets a part of 16 bits as nfct_filter_dump_set_attr does: NFCT_FILTER_DUMP_ZONE. @throws TypeError, RangeError naming
 * the part
 */
export function nfct_filter_dump_set_attr_u16(filter_dump: nfct_filter_dump, type: number, value: number): void {
  checkInteger(value, 0xffff, 'value');
  nfct_filter_dump_set_attr(filter_dump, type, value);
}

/** AF_INET or AF_INET6; undefined for AF_UNSPEC, which is both. @throws TypeError, RangeError naming the argument */
export function checkFamily(family: unknown, argument: string): number | undefined {
  if (family === AF_UNSPEC) return undefined;
  if (family === AF_INET || family === AF_INET6) return family;
  checkInteger(family, 0xff, argument);
  throw new RangeError(`${argument} must be AF_INET (2), AF_INET6 (10) or AF_UNSPEC (0), not ${family}`);
}

/** @throws TypeError when it is no filter; RangeError when its parts contradict each other */
export function compileFilterDump(value: unknown, argument: string): CompiledFilter {
  const { mark, status, zone, tuple, family: given } = partsOf(value, argument);
  const slots = tuple?.slots ?? [];
  const family = familyOf([slots[ORIG.family] as number | undefined, given], argument);
  const terms = new FilterTerms({ family, mark, status, zone, compared: comparisonsOf(ORIG, slots) });
  return new CompiledFilter(terms, argument);
}

const GROUPS = [[MARK, MARK_MASK], [STATUS, STATUS_MASK], [ZONE]];

/** The attributes of a filter in the order in which nfct_nlmsg_build_filter writes them. */
export function inOrder({ attributes }: KernelFilter): Flow[] {
  const rest = attributes.clone();
  const parts = GROUPS.map((slots) => {
    const part = new Flow();
    for (const slot of slots) {
      part.slots[slot] = attributes.slots[slot];
      rest.slots[slot] = undefined;
    }
    return part;
  });
  return [...parts, rest];
}

function masked(value: unknown, argument: string): Masked {
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`${argument} must be { val, mask }, not ${describe(value)}`);
  const { val, mask } = value as Record<string, unknown>;
  return {
    value: checkInteger(val, 0xffffffff, `${argument}.val`),
    mask: checkInteger(mask, 0xffffffff, `${argument}.mask`),
  };
}

function originalTuple(value: unknown, argument: string): Flow {
  checkConntrack(value, argument);
  ATTRIBUTES.forEach((row, slot) => {
    // The reply's ICMP fields have no ATTR_: they follow from the original ones and say nothing more.
    if (row.id === undefined || row.property.startsWith('orig.') || value.slots[slot] === undefined) return;
    throw new TypeError(`${argument} must have attributes of the original direction only, not ${row.property}`);
  });
  // What is set later is no part of the filter.
  return value.clone();
}
