/** A filter as callers write it: the types of the language that dumps, flushes, events and the command line share. */
import type { TupleProperties } from '../attributes/flow-properties.ts';
import type { Flow } from '../flow.ts';
import type { Family, SctpState, TcpState } from '../names.ts';
import type { StatusText } from '../status.ts';
import type { Range } from './ranges.ts';

/**
 * What a property of a filter takes: a value; a list, any of which may match; or either of them in `{ not: .. }`, which
 * matches exactly the flows that they do not match. A list must not be empty.
 */
export type FilterTerm<V> = V | readonly V[] | { readonly not: V | readonly V[] };

/** Addresses: one, '10.0.0.1' or '10.0.0.0/8', or any iterable of such texts, such as a Set of tens of thousands. */
export type AddressTerm = string | Iterable<string> | { readonly not: string | Iterable<string> };

/** Bits to compare: (bits & mask) === value. */
export interface Masked {
  /** The bits that must be set, 0 to 4294967295. If it has bits outside the mask, nothing matches. */
  value: number;
  /** The bits that are compared, 0 to 4294967295. */
  mask: number;
}

/** What must hold of one direction. */
export interface TupleFilter {
  /** Layer 3 protocol, 'ipv4' or 'ipv6': that of the flow. */
  family?: FilterTerm<Family>;
  /** Source addresses, with or without a prefix length: '10.0.0.1', '10.0.0.0/8', ['10.0.0.0/8', 'fd00::/8']. */
  src?: AddressTerm;
  /** Destination addresses: see `src`. */
  dst?: AddressTerm;
  /** Layer 4 protocol by name, or by number, 0 to 255. */
  proto?: FilterTerm<TupleProperties['proto']>;
  /**
   * Source port, or any of several: `53`, `{ from: 8000, to: 8100 }`, `[53, { from: 8000, to: 8100 }]`. Of GRE the
   * source key. 0 to 65535.
   */
  sport?: FilterTerm<number | Range>;
  /** Destination port, or any of several: see `sport`. */
  dport?: FilterTerm<number | Range>;
  /** ICMP or ICMPv6 message type, 0 to 255. */
  icmpType?: FilterTerm<number>;
  /** ICMP or ICMPv6 code, 0 to 255. */
  icmpCode?: FilterTerm<number>;
  /** ICMP or ICMPv6 echo identifier, 0 to 65535. */
  icmpId?: FilterTerm<number>;
  /** Zone of this direction, also if both directions have it, 0 to 65535. */
  zone?: FilterTerm<number>;
}

/** An integer of up to 64 bits: a number up to 2^53 - 1, a bigint, or decimal text, as JSON has it. */
export type Count = number | bigint | `${bigint}`;

/** The integers from `from` to `to`, both included, of up to 64 bits. */
export interface CountRange {
  /** The lowest number. */
  from: Count;
  /** Not below `from`. */
  to: Count;
}

/** Packets and bytes that the kernel counted. Flows that it does not count (nf_conntrack_acct=0) match no term. */
export interface CounterFilter {
  /** Packets, 0 to 2^64 - 1. */
  packets?: FilterTerm<Count | CountRange>;
  /** Bytes with layer 3 headers, 0 to 2^64 - 1. */
  bytes?: FilterTerm<Count | CountRange>;
}

/** What NAT does to a flow: its source, its destination, either, or neither. */
export type NatTerm = 'src' | 'dst' | 'any' | 'none';

/** A status that is compared: the bits that must be set, or those of a mask. */
export type StatusTerm =
  | number
  | readonly StatusText[]
  | { value: number | readonly StatusText[]; mask: number | readonly StatusText[] };

/** A CompiledFilter. */
export interface Compiled {
  /** Not of a filter that is written in braces. */
  readonly isCompiled: true;
  /** Whether a flow matches. */
  matches(flow: Flow): boolean;
}

/** A filter inside of another: written in braces, or compiled. */
export type FilterPart = Filter | Compiled;

/**
 * Which flows. All properties that are given must match; what is left out may be anything. Each takes a value, a list
 * (any of), or `{ not: .. }`: see FilterTerm. An array of filters matches where any of them does.
 *
 * A flow that lacks what a property asks about (an ICMP flow has no ports, a DESTROY event no labels) does not match
 * the property, and so matches it inside of `not`. Only a mark, a status or a zone that is missing is 0.
 *
 * A property that is there and undefined is refused with a TypeError, an empty list with a RangeError: both are
 * mistakes that would widen what is asked for, and a flush deletes it.
 * @example
 * const filter = { host: '10.0.0.0/8', tcp: { state: ['SYN_SENT', 'SYN_RECV'] }, port: { not: [22, 53] } };
 * const either = [{ mark: { from: 1, to: 9 } }, { nat: 'src', not: { orig: { dst: '192.0.2.0/24' } } }];
 */
export interface Filter {
  /** Layer 3 protocol: 'ipv4' or 'ipv6'. */
  family?: FilterTerm<Family>;
  /** A mark alone is compared whole; also `{ value, mask }` and `{ from, to }`, 0 to 4294967295. */
  mark?: FilterTerm<number | Masked | Range>;
  /**
   * IPS_* bits, or an array of their names: those given must be set. With a mask, those of the mask must be as in
   * `value`. An array of names is one value, and all of its bits must be set: any of two is `[['ASSURED'], ['DYING']]`.
   */
  status?: FilterTerm<StatusTerm>;
  /** The zone of the flow, of both directions or of one, 0 to 65535. */
  zone?: FilterTerm<number>;
  /**
   * What must match in the original direction. `src` and `dst` may have a prefix length, '10.0.0.0/8' or 'fd00::/8':
   * then only so many bits are compared, and what is written of the others does not matter. A zone is that of this
   * direction, also where both have the same. `sport` and `dport` may be ranges and lists,
   * `dport: [53, { from: 8000, to: 8100 }]`.
   */
  orig?: TupleFilter;
  /** What must match in the reply direction: see `orig`. */
  reply?: TupleFilter;
  /**
   * An address of the flow: source or destination, of the original direction or of the reply. A set of many is looked
   * up, not searched: the size does not matter.
   */
  host?: AddressTerm;
  /** A port of the flow: source or destination, of the original direction or of the reply. Of GRE the keys. */
  port?: FilterTerm<number | Range>;
  /** A label that is set: bit 0 to 127. Of several, any. */
  labels?: FilterTerm<number>;
  /** Only TCP flows have a state, by name or by number. */
  tcp?: { state?: FilterTerm<TcpState> };
  /** Only SCTP flows have a state, by name or by number. */
  sctp?: { state?: FilterTerm<SctpState> };
  /** Name of the helper, such as 'ftp'. */
  helper?: FilterTerm<string>;
  /** By the status bits SRC_NAT and DST_NAT: 'any' is one of them or both, 'none' neither. */
  nat?: FilterTerm<NatTerm>;
  /** Seconds until the flow expires, 0 to 4294967295. */
  timeout?: FilterTerm<number | Range>;
  /** `packets` and `bytes` of both directions together; `orig` and `reply`: of one direction. */
  counters?: CounterFilter & { orig?: CounterFilter; reply?: CounterFilter };
  /** Whether a helper expected the flow: the status bit EXPECTED. */
  expected?: FilterTerm<boolean>;
  /** None of these matches. */
  not?: FilterPart | readonly FilterPart[];
  /** All of these match: for two terms about one property, `{ all: [{ host: '10.0.0.1' }, { host: '10.0.0.2' }] }`. */
  all?: readonly (FilterPart | readonly FilterPart[])[];
}
