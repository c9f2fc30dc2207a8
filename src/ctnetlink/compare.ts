/**
 * Whether two flows say the same, by the rules of nfct_cmp: what is compared, and what an attribute means that only one
 * of them has. What the kernel counts (packets, bytes, times, use), NAT, helpers and sequence adjustments are never
 * compared.
 */

import { type SlotValue, sameValue } from './attributes/kinds.ts';
import type { Flow } from './flow.ts';
import { ICMP_PROTOCOLS, PORT_PROTOCOLS } from './protocols.ts';
import {
  DCCP_STATE,
  ID,
  LABELS,
  LABELS_MASK,
  MARK,
  ORIG,
  REPLY,
  SCTP_STATE,
  SECCTX,
  STATUS,
  TCP_STATE,
  TIMEOUT,
  type TupleSlots,
  ZONE,
} from './slots.ts';

/** What only one of two has: `ignored`; the second must have all that the `first` has; `both` have the same. */
export type Required = 'ignored' | 'first' | 'both';

export interface Comparison {
  /** Compare the original direction. */
  readonly orig: boolean;
  /** Compare the reply direction. */
  readonly reply: boolean;
  /**
   * Compare what is of neither direction: timeout, mark, ID, status, zone, protocol states, labels, security context.
   */
  readonly rest: boolean;
  readonly required: Required;
}

const REST: readonly number[] = [TCP_STATE, SCTP_STATE, DCCP_STATE, TIMEOUT, ID, STATUS, SECCTX, LABELS, LABELS_MASK];
/** Of these the kernel leaves out 0: see slotsMatch. */
const ZEROS: readonly number[] = [MARK, ZONE];

export interface TupleComparison {
  readonly proto: number;
  readonly always: readonly number[];
  /** Like `always`, but 0 is the same as not set. */
  readonly zeros: readonly number[];
  /** By protocol; others have none, to C also GRE. */
  readonly ofProtocol: ReadonlyMap<SlotValue, readonly number[]>;
}

/** @param icmp the tuple whose ICMP fields count */
export function tupleComparison(
  { family, proto, src4, dst4, src6, dst6, zone, sport, dport }: TupleSlots,
  { icmpType, icmpCode, icmpId }: TupleSlots,
): TupleComparison {
  return {
    proto,
    always: [family, proto, src4, dst4, src6, dst6],
    zeros: [zone],
    ofProtocol: new Map<SlotValue, readonly number[]>([
      ...PORT_PROTOCOLS.map((number) => [number, [sport, dport]] as const),
      ...ICMP_PROTOCOLS.map((number) => [number, [icmpType, icmpCode, icmpId]] as const),
    ]),
  };
}

const ORIG_TUPLE = tupleComparison(ORIG, ORIG);
/** Of an ICMP flow there is one type, code and ID: those of the original direction, which the reply's follow. */
const REPLY_TUPLE = tupleComparison(REPLY, ORIG);

/**
 * True when nothing that is compared differs. An attribute that both have must be equal; of the status, the second must
 * have all bits of the first; labels are sets of bits, of any length. Ports and ICMP are compared only where both flows
 * have the protocol. A mark or a zone that is not set is equal to 0.
 */
export function flowsMatch(first: Flow, second: Flow, { orig, reply, rest, required }: Comparison): boolean {
  const one = first.slots;
  const two = second.slots;
  return (
    (!orig || tuplesMatch(one, two, ORIG_TUPLE, required)) &&
    (!reply || tuplesMatch(one, two, REPLY_TUPLE, required)) &&
    (!rest ||
      (slotsMatch(one, two, REST, required, restMatches) && slotsMatch(one, two, ZEROS, required, sameValue, 0)))
  );
}

type Slots = readonly SlotValue[];

export function tuplesMatch(one: Slots, two: Slots, tuple: TupleComparison, required: Required): boolean {
  if (!slotsMatch(one, two, tuple.always, required)) return false;
  if (!slotsMatch(one, two, tuple.zeros, required, sameValue, 0)) return false;
  if (two[tuple.proto] === undefined) return true;
  const fields = tuple.ofProtocol.get(one[tuple.proto]);
  return fields === undefined || slotsMatch(one, two, fields, required);
}

/**
 * @param matches whether values that both have match, for what must not just be the same
 * @param unset the value of one that the other need not have: the kernel leaves out marks and zones of 0
 */
export function slotsMatch(
  one: Slots,
  two: Slots,
  slots: readonly number[],
  required: Required,
  matches: (a: SlotValue, b: SlotValue, slot: number) => boolean = sameValue,
  unset?: SlotValue,
): boolean {
  for (const slot of slots) {
    const a = one[slot];
    const b = two[slot];
    if (a === b) continue;
    if (a === undefined) {
      if (required === 'both' && b !== unset) return false;
    } else if (b === undefined) {
      if (required !== 'ignored' && a !== unset) return false;
    } else if (!matches(a, b, slot)) return false;
  }
  return true;
}

function restMatches(a: SlotValue, b: SlotValue, slot: number): boolean {
  if (slot === STATUS) return ((a as number) & ~(b as number)) === 0;
  if (slot === LABELS || slot === LABELS_MASK) return sameBits(a as Uint8Array, b as Uint8Array);
  return sameValue(a, b);
}

function sameBits(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length || i < b.length; i++) if ((a[i] ?? 0) !== (b[i] ?? 0)) return false;
  return true;
}
