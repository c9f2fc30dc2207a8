/** struct nfct_filter: which events a handle receives. */
import { checkInteger, describe } from '../netlink/check.ts';
import {
  NFCT_FILTER_DST_IPV4,
  NFCT_FILTER_DST_IPV6,
  NFCT_FILTER_L4PROTO,
  NFCT_FILTER_L4PROTO_STATE,
  NFCT_FILTER_LOGIC_MAX,
  NFCT_FILTER_LOGIC_NEGATIVE,
  NFCT_FILTER_MARK,
  NFCT_FILTER_MAX,
  NFCT_FILTER_SRC_IPV4,
  NFCT_FILTER_SRC_IPV6,
  NFCT_FILTER_ZONE,
} from '../uapi/libnetfilter_conntrack.ts';
import type { nfct_filter_dump_mark } from './filter-dump.ts';
import { compileFilter, type FilterKind, STATE_NESTS } from './filter-program.ts';
import { handleOf, type NfctHandle } from './nfct-handle.ts';

/** A state of a protocol: TCP_CONNTRACK_ and the like, 0 to 15. */
export interface nfct_filter_proto {
  /** IPPROTO_TCP, IPPROTO_DCCP or IPPROTO_SCTP. */
  proto: number;
  /** TCP_CONNTRACK_*, SCTP_CONNTRACK_* or DCCP_CONNTRACK_*, 0 to 15. */
  state: number;
}

/** 32-bit integers in host byte order: 127.0.0.1 is 0x7f000001, or ntohl(inet_addr('127.0.0.1')). */
export interface nfct_filter_ipv4 {
  /** The address as an integer in host byte order. */
  addr: number;
  /** Which bits are compared, in host byte order. */
  mask: number;
}

/** Four 32-bit integers each, in host byte order: ::1 is [0, 0, 0, 1]. */
export interface nfct_filter_ipv6 {
  /** The address. */
  addr: ArrayLike<number>;
  /** Which bits are compared. */
  mask: ArrayLike<number>;
}

/** What nfct_filter_add_attr takes: the form depends on the attribute. */
export type nfct_filter_value =
  | number
  | nfct_filter_proto
  | nfct_filter_ipv4
  | nfct_filter_ipv6
  | nfct_filter_dump_mark;

/** The values of a filter by NFCT_FILTER_*. @throws TypeError naming the argument */
export let kindsOf: (filter: unknown) => readonly FilterKind[];

/** struct nfct_filter: opaque, for the nfct_filter_ functions. */
export class nfct_filter {
  static {
    kindsOf = (filter) => {
      if (!(filter instanceof nfct_filter))
        throw new TypeError(`filter must be the result of nfct_filter_create(), not ${describe(filter)}`);
      return filter.#kinds;
    };
  }

  readonly #kinds: readonly FilterKind[] = Array.from({ length: NFCT_FILTER_MAX }, () => ({
    values: [],
    negative: false,
  }));
}

const MAX_U32 = 0xffffffff;
/** States are the bits of a 16-bit integer in C. */
const MAX_STATE = 15;

interface KindRules {
  name: string;
  /** As C has room for; more it leaves out without a word. */
  limit?: number;
  /** The integers of the value. @throws TypeError, RangeError naming the argument */
  read(value: unknown, argument: string): number[];
}

const KINDS: Readonly<Record<number, KindRules>> = {
  [NFCT_FILTER_L4PROTO]: { name: 'L4PROTO', read: (value, argument) => [checkInteger(value, 0xff, argument)] },
  [NFCT_FILTER_L4PROTO_STATE]: { name: 'L4PROTO_STATE', read: readState },
  [NFCT_FILTER_SRC_IPV4]: { name: 'SRC_IPV4', limit: 127, read: readIpv4 },
  [NFCT_FILTER_DST_IPV4]: { name: 'DST_IPV4', limit: 127, read: readIpv4 },
  [NFCT_FILTER_SRC_IPV6]: { name: 'SRC_IPV6', limit: 20, read: readIpv6 },
  [NFCT_FILTER_DST_IPV6]: { name: 'DST_IPV6', limit: 20, read: readIpv6 },
  [NFCT_FILTER_MARK]: { name: 'MARK', limit: 127, read: readMark },
  [NFCT_FILTER_ZONE]: {
    name: 'ZONE',
    limit: 127,
    read: (value, argument) => [checkInteger(value, 0xffff, argument)],
  },
};

/** A filter that lets everything pass. */
export function nfct_filter_create(): nfct_filter {
  return new nfct_filter();
}

/** Does nothing: kept for programs that move from C line by line. */
export function nfct_filter_destroy(_filter: nfct_filter): void {}

/**
 * Adds a value to a kind. An event passes if it matches one value of each kind that has values, or, with
 * NFCT_FILTER_LOGIC_NEGATIVE, no value. An event without that property passes either way.
 *
 * - NFCT_FILTER_L4PROTO: a protocol, 0 to 255
 * - NFCT_FILTER_L4PROTO_STATE: { proto, state }; passes other protocols, and events without a state
 * - NFCT_FILTER_SRC_IPV4, _DST_IPV4: { addr, mask } of the original direction, at most 127. As in C an IPv6 event
 *   passes SRC_IPV4 and does **not** pass DST_IPV4: its destination is read as 5.0.1.0, because the program reads on
 *   behind the addresses
 * - NFCT_FILTER_SRC_IPV6, _DST_IPV6: { addr, mask }, at most 20; passes IPv4. (C finds the second address only where it
 *   has the first three words of the first.)
 * - NFCT_FILTER_MARK: { val, mask }, at most 127; an event without a mark has the mark 0
 * - NFCT_FILTER_ZONE: a zone, 0 to 65535, at most 127; an event without one, also where it is of one direction only, is
 *   in zone 0
 *
 * @throws TypeError, RangeError naming the part, or if there is no room for another (C ignores it)
 */
export function nfct_filter_add_attr(filter: nfct_filter, attr: number, value: nfct_filter_value): void {
  const { kind, rules } = kindOf(filter, attr);
  const { name, limit = Number.POSITIVE_INFINITY, read } = rules;
  const words = read(value, `value of NFCT_FILTER_${name}`);
  if (kind.values.length >= limit)
    throw new RangeError(`filter already has ${limit} of NFCT_FILTER_${name}, which is the maximum`);
  kind.values.push(words);
}

/**
 * Adds a value of 32 bits as nfct_filter_add_attr does: NFCT_FILTER_L4PROTO. @throws TypeError, RangeError naming the
 * part
 */
export function nfct_filter_add_attr_u32(filter: nfct_filter, attr: number, value: number): void {
  checkInteger(value, MAX_U32, 'value');
  nfct_filter_add_attr(filter, attr, value);
}

/**
 * Whether the values of a kind pass (NFCT_FILTER_LOGIC_POSITIVE, the default) or are dropped
 * (NFCT_FILTER_LOGIC_NEGATIVE). Returns 0. The last call counts; C returns EBUSY if NEGATIVE is changed back.
 * @throws TypeError, RangeError naming the argument (C: -1, EOPNOTSUPP)
 */
export function nfct_filter_set_logic(filter: nfct_filter, attr: number, logic: number): number {
  const { kind } = kindOf(filter, attr);
  checkInteger(logic, NFCT_FILTER_LOGIC_MAX - 1, 'logic');
  kind.negative = logic === NFCT_FILTER_LOGIC_NEGATIVE;
  return 0;
}

/**
 * From now on the handle receives only what passes. Another filter replaces this one; values that you add later have no
 * effect. Returns 0. If the transport can attach it (SO_ATTACH_FILTER), the kernel filters; otherwise this process
 * does, with the same program and result.
 *
 * **As in C the filter is on the socket, not on the events**: the answer to an NFCT_Q_GET is filtered too. A dump would
 * never end, because the kernel continues it only when a datagram of it is received (in C it does not end). So a dump
 * is refused while there is a filter, and a filter while there is a dump. Use another handle for queries.
 *
 * @throws TypeError naming the argument; ClosedError; UnsupportedError while there is a dump
 * @throws TransportError with the errno where C returns -1; ENOMEM when it is larger than net.core.optmem_max allows
 */
export function nfct_filter_attach(h: NfctHandle, filter: nfct_filter): number {
  const handle = handleOf(h);
  handle.attachFilter(compileFilter(kindsOf(filter)));
  return 0;
}

/**
 * The handle receives everything again. Returns 0.
 * @throws TransportError ENOENT when it has no filter; TypeError naming the argument; ClosedError
 */
export function nfct_filter_detach(h: NfctHandle): number {
  handleOf(h).attachFilter(undefined);
  return 0;
}

function kindOf(filter: unknown, attr: number): { kind: FilterKind; rules: KindRules } {
  const kinds = kindsOf(filter);
  checkInteger(attr, NFCT_FILTER_MAX - 1, 'attr');
  return { kind: kinds[attr], rules: KINDS[attr] };
}

/** The fields of a structure. */
function fields(value: unknown, argument: string, names: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`${argument} must be ${names}, not ${describe(value)}`);
  return value as Record<string, unknown>;
}

function readState(value: unknown, argument: string): number[] {
  const { proto, state } = fields(value, argument, '{ proto, state }');
  checkInteger(proto, 0xff, `${argument}.proto`);
  if (!STATE_NESTS.has(proto as number))
    throw new RangeError(`${argument}.proto must be IPPROTO_TCP, IPPROTO_DCCP or IPPROTO_SCTP, not ${proto}`);
  return [proto as number, checkInteger(state, MAX_STATE, `${argument}.state`)];
}

function readIpv4(value: unknown, argument: string): number[] {
  const { addr, mask } = fields(value, argument, '{ addr, mask }');
  return [checkInteger(addr, MAX_U32, `${argument}.addr`), checkInteger(mask, MAX_U32, `${argument}.mask`)];
}

function readMark(value: unknown, argument: string): number[] {
  const { val, mask } = fields(value, argument, '{ val, mask }');
  return [checkInteger(val, MAX_U32, `${argument}.val`), checkInteger(mask, MAX_U32, `${argument}.mask`)];
}

function readIpv6(value: unknown, argument: string): number[] {
  const { addr, mask } = fields(value, argument, '{ addr, mask }');
  return [...readWords(addr, `${argument}.addr`), ...readWords(mask, `${argument}.mask`)];
}

function readWords(value: unknown, argument: string): number[] {
  const words = Array.from(fields(value, argument, 'four 32-bit integers') as unknown as ArrayLike<unknown>);
  if (words.length !== 4) throw new RangeError(`${argument} must be four 32-bit integers, not ${words.length}`);
  return words.map((word, index) => checkInteger(word, MAX_U32, `${argument}[${index}]`));
}
