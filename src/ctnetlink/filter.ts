/**
 * Which flows: one value for dumps, flushes and user space. It is sent to the kernel as far as that understands it and is applied here
 * in any case, so that the result does not depend on the kernel.
 */

import { checkInteger, describe } from '../netlink/check.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../uapi/in.ts';
import {
  CTA_FILTER_F_CTA_IP_DST,
  CTA_FILTER_F_CTA_IP_SRC,
  CTA_FILTER_F_CTA_PROTO_DST_PORT,
  CTA_FILTER_F_CTA_PROTO_ICMP_CODE,
  CTA_FILTER_F_CTA_PROTO_ICMP_ID,
  CTA_FILTER_F_CTA_PROTO_ICMP_TYPE,
  CTA_FILTER_F_CTA_PROTO_ICMPV6_CODE,
  CTA_FILTER_F_CTA_PROTO_ICMPV6_ID,
  CTA_FILTER_F_CTA_PROTO_ICMPV6_TYPE,
  CTA_FILTER_F_CTA_PROTO_NUM,
  CTA_FILTER_F_CTA_PROTO_SRC_PORT,
} from '../uapi/nfnetlink_conntrack.ts';
import { AF_UNSPEC } from '../uapi/socket.ts';
import { Flow } from './flow.ts';
import { ICMP_ANSWERS, ICMPV6_ANSWERS } from './icmp.ts';
import type { SlotValue } from './kinds.ts';
import { FAMILIES, type Family } from './names.ts';
import type { TupleInit } from './properties.ts';
import { statusBits } from './status.ts';
import type { KernelSupport } from './support.ts';
import { ORIG, REPLY, slotOfProperty, type TupleSlots } from './tuple.ts';

/** Bits to compare: (bits & mask) === value. */
export interface Masked {
  value: number;
  mask: number;
}

export interface Filter {
  family?: Family;
  /** A mark alone is compared whole. */
  mark?: number | Masked;
  /** IPS_* bits or their names: those given must be set. With a mask: those of the mask must be as in `value`. */
  status?: number | readonly string[] | { value: number | readonly string[]; mask: number | readonly string[] };
  /** The zone of the flow, of both directions or of one. */
  zone?: number;
  /** What must be equal in the original direction. A zone is that of this direction, also where both have the same. */
  orig?: TupleInit;
  reply?: TupleInit;
}

const DIRECTIONS = [ORIG, REPLY];
const ZONE = slotOfProperty('zone');
const MARK = slotOfProperty('mark');
const MARK_MASK = slotOfProperty('markMask');
const STATUS = slotOfProperty('status');
const STATUS_MASK = slotOfProperty('statusMask');
const FILTER_ORIG = slotOfProperty('filter.origFlags');
const FILTER_REPLY = slotOfProperty('filter.replyFlags');

/** What goes to the kernel of a filter. */
export interface KernelFilter {
  /** nfgen_family. */
  family: number;
  /** The attributes of the request. */
  attributes: Flow;
  /** True when the kernel applies all of the filter and nothing but it: only then may it stand in a flush. */
  exact: boolean;
}

/** A filter, checked once. */
export class CompiledFilter {
  readonly #family: number | undefined;
  readonly #mark: Masked | undefined;
  readonly #status: Masked | undefined;
  readonly #zone: number | undefined;
  /** The wanted tuples, with nothing set where anything goes. */
  readonly #wanted: Flow;
  /** Slots of #wanted that are set, without the families. */
  readonly #compared: readonly number[];

  /** @throws TypeError, RangeError naming the part of the filter */
  constructor(filter: Filter, argument = 'filter') {
    if (typeof filter !== 'object' || filter === null)
      throw new TypeError(`${argument} must be an object, not ${describe(filter)}`);
    for (const key of Object.keys(filter)) {
      if (!['family', 'mark', 'status', 'zone', 'orig', 'reply'].includes(key)) {
        throw new TypeError(`${argument}.${key} is none of family, mark, status, zone, orig, reply`);
      }
    }
    const { family, mark, status, zone, orig, reply } = filter;
    this.#wanted = Flow.from({ orig, reply }, argument);
    const { slots } = this.#wanted;
    const families = DIRECTIONS.map((tuple) => slots[tuple.family] as number | undefined);
    if (family !== undefined) families.push(checkFamily(family, `${argument}.family`));
    const known = families.filter((value) => value !== undefined);
    if (new Set(known).size > 1) throw new RangeError(`${argument} has parts of both families and can match nothing`);
    [this.#family] = known;
    this.#mark = masked(mark, `${argument}.mark`, (value, name) => checkInteger(value, 0xffffffff, name), 0xffffffff);
    this.#status = masked(status, `${argument}.status`, statusBits);
    this.#zone = zone === undefined ? undefined : checkInteger(zone, 0xffff, `${argument}.zone`);
    this.#compared = DIRECTIONS.flatMap((tuple) => tuple.all.filter((slot) => slots[slot] !== undefined));
  }

  /** True when everything matches. */
  get empty(): boolean {
    return (
      this.#family === undefined &&
      this.#mark === undefined &&
      this.#status === undefined &&
      this.#zone === undefined &&
      this.#compared.length === 0
    );
  }

  /** Whether a flow, as the kernel dumped it, is one of these. What a dump leaves out is 0: mark, status and zone. */
  matches(flow: Flow): boolean {
    const { slots } = flow;
    if (this.#family !== undefined && slots[ORIG.family] !== this.#family) return false;
    if (this.#mark !== undefined && !bitsMatch(slots[MARK], this.#mark)) return false;
    if (this.#status !== undefined && !bitsMatch(slots[STATUS], this.#status)) return false;
    if (this.#zone !== undefined) {
      // A zone of one direction only is the flow's zone too (nf_ct_zone_equal_any).
      const zone = slots[ZONE] ?? slots[ORIG.zone] ?? slots[REPLY.zone] ?? 0;
      if (zone !== this.#zone) return false;
    }
    const wanted = this.#wanted.slots;
    for (const slot of this.#compared) {
      const value = slot === ORIG.zone || slot === REPLY.zone ? (slots[slot] ?? slots[ZONE] ?? 0) : slots[slot];
      if (!sameValue(wanted[slot], value)) return false;
    }
    return true;
  }

  /** What of it a dump or a flush sends to a kernel with this support. */
  forKernel(purpose: 'dump' | 'flush', support: KernelSupport): KernelFilter {
    const attributes = new Flow();
    const { slots } = attributes;
    let exact = true;
    let family = AF_UNSPEC as number;

    if (this.#family !== undefined) {
      if (purpose === 'dump' ? support.dumpFamily : support.flushFamily) family = this.#family;
      else exact = false;
    }
    if (this.#mark !== undefined) {
      // Bits of the value outside the mask never match; the kernel does not clear them.
      slots[MARK] = this.#mark.value | 0;
      slots[MARK_MASK] = this.#mark.mask | 0;
    }
    if (this.#status !== undefined) {
      // A zero mask is refused with EINVAL; it asks for nothing, or for what cannot be, and is applied here.
      if (support.status && this.#status.mask !== 0) {
        slots[STATUS] = this.#status.value | 0;
        slots[STATUS_MASK] = this.#status.mask | 0;
      } else exact = false;
    }
    if (this.#zone !== undefined) {
      if (support.zone) slots[ZONE] = this.#zone;
      else exact = false;
    }
    if (this.#compared.length > 0) {
      // CTA_FILTER is refused without a family (EOPNOTSUPP).
      const can = family !== AF_UNSPEC && (purpose === 'dump' ? support.dumpTuple : support.flushTuple);
      if (!can || !this.#tuplesForKernel(slots)) exact = false;
    }
    return { family, attributes, exact };
  }

  /** Puts in what of the tuples the kernel compares rightly, and the flags. False when that is not all. */
  #tuplesForKernel(slots: SlotValue[]): boolean {
    const sent: number[] = [];
    const [orig, reply] = DIRECTIONS.map((tuple) => this.#tupleForKernel(tuple, slots, sent));
    if (orig !== 0 || reply !== 0) {
      slots[FILTER_ORIG] = orig;
      slots[FILTER_REPLY] = reply;
    }
    return sent.length === this.#compared.length;
  }

  #tupleForKernel(tuple: TupleSlots, slots: SlotValue[], sent: number[]): number {
    const wanted = this.#wanted.slots;
    const proto = wanted[tuple.proto];
    // Never an IPv6 address: the kernel's comparison of those is inverted (it keeps what differs). Never the zone of a tuple: the
    // kernel takes it and then compares nothing, so that a flush by it alone empties the table (Linux 6.18). Ports and ICMP fields
    // need the protocol's flag (EINVAL), ports are compared for TCP and UDP only, and an ICMP type that is not tracked is EINVAL.
    const compared: [slot: number, flag: number][] = [
      [tuple.src4, CTA_FILTER_F_CTA_IP_SRC],
      [tuple.dst4, CTA_FILTER_F_CTA_IP_DST],
      [tuple.proto, CTA_FILTER_F_CTA_PROTO_NUM],
    ];
    if (proto === IPPROTO_TCP || proto === IPPROTO_UDP) {
      compared.push([tuple.sport, CTA_FILTER_F_CTA_PROTO_SRC_PORT], [tuple.dport, CTA_FILTER_F_CTA_PROTO_DST_PORT]);
    } else if (proto === IPPROTO_ICMP) {
      if (tracked(wanted[tuple.icmpType], ICMP_ANSWERS))
        compared.push([tuple.icmpType, CTA_FILTER_F_CTA_PROTO_ICMP_TYPE]);
      compared.push([tuple.icmpCode, CTA_FILTER_F_CTA_PROTO_ICMP_CODE], [tuple.icmpId, CTA_FILTER_F_CTA_PROTO_ICMP_ID]);
    } else if (proto === IPPROTO_ICMPV6) {
      if (tracked(wanted[tuple.icmpType], ICMPV6_ANSWERS))
        compared.push([tuple.icmpType, CTA_FILTER_F_CTA_PROTO_ICMPV6_TYPE]);
      compared.push(
        [tuple.icmpCode, CTA_FILTER_F_CTA_PROTO_ICMPV6_CODE],
        [tuple.icmpId, CTA_FILTER_F_CTA_PROTO_ICMPV6_ID],
      );
    }
    let flags = 0;
    for (const [slot, flag] of compared) {
      if (wanted[slot] === undefined) continue;
      slots[slot] = wanted[slot];
      sent.push(slot);
      flags |= flag;
    }
    return flags;
  }
}

function tracked(type: SlotValue, answers: Readonly<Record<number, number>>): boolean {
  return answers[type as number] !== undefined;
}

function checkFamily(family: unknown, argument: string): number {
  if (typeof family === 'string' && Object.hasOwn(FAMILIES, family)) return FAMILIES[family as Family];
  throw new RangeError(`${argument} must be 'ipv4' or 'ipv6', not ${describe(family)}`);
}

/** A value with its mask: `whole` or, where there is none, the value itself. */
function masked(
  given: unknown,
  argument: string,
  check: (value: unknown, argument: string) => number,
  whole?: number,
): Masked | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) {
    const { value, mask } = given as Record<string, unknown>;
    return { value: check(value, `${argument}.value`), mask: check(mask, `${argument}.mask`) };
  }
  const value = check(given, argument);
  return { value, mask: whole ?? value };
}

function bitsMatch(bits: SlotValue, { value, mask }: Masked): boolean {
  return (((bits as number | undefined) ?? 0) & mask) >>> 0 === value;
}

function sameValue(a: SlotValue, b: SlotValue): boolean {
  if (a === b) return true;
  if (!(a instanceof Uint8Array && b instanceof Uint8Array) || a.length !== b.length) return false;
  return a.every((byte, index) => byte === b[index]);
}
