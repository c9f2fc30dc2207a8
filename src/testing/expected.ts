/** A flow that a helper expects, and the table of them: nf_conntrack_expect.c. */
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { Expectation } from '../ctnetlink/expectation.ts';
import {
  EXPECT_CLASS,
  EXPECT_FLAGS,
  EXPECT_FN,
  EXPECT_HELPER,
  EXPECT_ID,
  EXPECT_MASK,
  EXPECT_MASTER,
  EXPECT_NAT,
  EXPECT_NAT_DIRECTION,
  EXPECT_TIMEOUT,
  EXPECTED,
  ORIG,
  TUPLE_PARTS,
  type TupleSlots,
  ZONE,
} from '../ctnetlink/slots.ts';
import { copyTupleParts } from '../ctnetlink/tuple.ts';
import type { Entry } from './entry.ts';

/** The parts of a tuple that are compared under a mask, and those that are compared whole. */
const SOURCE = ['src4', 'src6', 'sport', 'icmpId'] as const;
const DESTINATION = ['family', 'dst4', 'dst6', 'proto', 'dport', 'icmpType', 'icmpCode'] as const;
const ADDRESS = 16;
/** NF_CT_EXPECT_USERSPACE, which the kernel does not take from a request. */
const USERSPACE = 4;

export class ExpectedFlow {
  readonly slots: SlotValue[];
  readonly master: Entry;
  readonly family: number;
  expires: number;

  /** @param asked of the request: tuple, mask, and what else it says */
  constructor(asked: readonly SlotValue[], master: Entry, id: number, expires: number) {
    const { slots } = new Expectation();
    this.slots = slots;
    this.master = master;
    this.family = master.family;
    this.expires = expires;
    copyTupleParts(asked, EXPECTED, slots, EXPECTED);
    copyTupleParts(master.slots, ORIG, slots, EXPECT_MASTER);
    this.#setMask(asked);
    slots[EXPECT_FLAGS] = ((asked[EXPECT_FLAGS] as number | undefined) ?? 0) & ~USERSPACE;
    slots[EXPECT_CLASS] = asked[EXPECT_CLASS] ?? 0;
    slots[EXPECT_FN] = asked[EXPECT_FN];
    slots[EXPECT_ID] = id;
    this.#setNat(asked);
  }

  get class(): number {
    return (this.slots[EXPECT_CLASS] as number) >>> 0;
  }

  /** What a message about it has. */
  dumped(now: number): SlotValue[] {
    const slots = this.slots.slice();
    slots[EXPECT_TIMEOUT] = Math.max(0, Math.floor((this.expires - now) / 1000));
    slots[EXPECT_HELPER] = this.master.helper;
    return slots;
  }

  /** nf_ct_tuple_mask_cmp: whether a flow with this tuple is the one that is expected. */
  matches(slots: readonly SlotValue[], tuple: TupleSlots): boolean {
    const own = this.slots;
    for (const part of DESTINATION) if (!equal(own[EXPECTED[part]], slots[tuple[part]])) return false;
    for (const part of SOURCE)
      if (!equalUnder(own[EXPECTED[part]], slots[tuple[part]], own[EXPECT_MASK[part]])) return false;
    return true;
  }

  /** expect_clash: some flow is expected by both. */
  clashes(other: ExpectedFlow): boolean {
    for (const part of DESTINATION) if (!equal(this.slots[EXPECTED[part]], other.slots[EXPECTED[part]])) return false;
    if (!sameZone(this.master, other.master)) return false;
    for (const part of SOURCE) {
      const both = and(this.slots[EXPECT_MASK[part]], other.slots[EXPECT_MASK[part]]);
      if (!equalUnder(this.slots[EXPECTED[part]], other.slots[EXPECTED[part]], both)) return false;
    }
    return true;
  }

  /** expect_matches: the same is expected. */
  equals(other: ExpectedFlow): boolean {
    const same = (tuple: TupleSlots): boolean =>
      TUPLE_PARTS.every((part) => equal(this.slots[tuple[part]], other.slots[tuple[part]]));
    return same(EXPECTED) && same(EXPECT_MASK) && sameZone(this.master, other.master);
  }

  /** Only the source of a mask counts; the destination is always whole (ctnetlink_exp_dump_mask). */
  #setMask(asked: readonly SlotValue[]): void {
    const { slots } = this;
    const { family, src4, dst4, src6, dst6, proto, sport, dport, icmpType, icmpCode, icmpId } = EXPECT_MASK;
    slots[family] = slots[EXPECTED.family];
    slots[proto] = slots[EXPECTED.proto];
    if (slots[EXPECTED.src4] !== undefined) {
      slots[src4] = asked[src4];
      slots[dst4] = -1;
    } else {
      slots[src6] = asked[src6];
      slots[dst6] = new Uint8Array(ADDRESS).fill(0xff);
    }
    if (slots[EXPECTED.dport] !== undefined) {
      slots[sport] = asked[sport] ?? 0;
      slots[dport] = 0xffff;
    }
    if (slots[EXPECTED.icmpType] !== undefined) {
      slots[icmpId] = asked[icmpId] ?? 0;
      slots[icmpType] = 0xff;
      slots[icmpCode] = 0xff;
    }
  }

  /** The saved address and port; without either there is no NAT. */
  #setNat(asked: readonly SlotValue[]): void {
    const { slots } = this;
    if (asked[EXPECT_NAT.proto] === undefined) return;
    const source = asked[EXPECT_NAT.src4] ?? asked[EXPECT_NAT.src6];
    const address = source instanceof Uint8Array ? source.some((byte) => byte !== 0) : source !== 0;
    if (!address && !asked[EXPECT_NAT.sport]) return;
    copyTupleParts(asked, EXPECT_NAT, slots, EXPECT_NAT);
    if (slots[EXPECT_NAT.dst4] !== undefined) slots[EXPECT_NAT.dst4] = 0;
    if (slots[EXPECT_NAT.dst6] !== undefined) slots[EXPECT_NAT.dst6] = new Uint8Array(ADDRESS);
    if (slots[EXPECT_NAT.dport] !== undefined) slots[EXPECT_NAT.dport] = 0;
    slots[EXPECT_NAT.proto] = this.master.slots[ORIG.proto];
    slots[EXPECT_NAT_DIRECTION] = asked[EXPECT_NAT_DIRECTION];
  }
}

function equal(a: SlotValue, b: SlotValue): boolean {
  return equalUnder(a, b, undefined);
}

/** Without a mask they must be equal as a whole. */
function equalUnder(a: SlotValue, b: SlotValue, mask: SlotValue): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array)
    return a.every((byte, at) => ((byte ^ b[at]) & (mask instanceof Uint8Array ? mask[at] : 0xff)) === 0);
  if (typeof a === 'number' && typeof b === 'number') return ((a ^ b) & (typeof mask === 'number' ? mask : -1)) === 0;
  return a === b;
}

function and(a: SlotValue, b: SlotValue): SlotValue {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return a.map((byte, at) => byte & b[at]);
  return typeof a === 'number' && typeof b === 'number' ? a & b : undefined;
}

/** nf_ct_zone_equal_any, of flows. */
function sameZone(a: Entry, b: Entry): boolean {
  return zoneOf(a.slots) === zoneOf(b.slots);
}

/** nf_ct_zone(ct)->id: whatever direction it is of. */
export function zoneOf(slots: readonly SlotValue[]): number {
  return (slots[ZONE] ?? slots[ORIG.zone] ?? 0) as number;
}
