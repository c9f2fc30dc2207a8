import { describe } from '../netlink/check.ts';
import { ATTRIBUTES, COMMON_SLOTS, PADDING, WRITE_ORDER } from './attributes.ts';
import { Codec, type SlotHolder, type UnknownAttribute } from './codec.ts';
import type { SlotValue } from './kinds.ts';
import type { Family } from './names.ts';
import { type Translation, translationOf } from './nat.ts';
import type { FlowInit, FlowProperties, FlowView } from './properties.ts';
import { Schema } from './schema.ts';
import { MASTER, ORIG, REPLY } from './tuple.ts';

/** The compiled tables of the conntrack subsystem. */
export const flowCodec = new Codec({
  rows: ATTRIBUTES,
  commonSlots: COMMON_SLOTS,
  writeOrder: WRITE_ORDER,
  padding: PADDING,
});

const SLOT_OF_ID: readonly number[] = (() => {
  const slots: number[] = [];
  ATTRIBUTES.forEach((row, slot) => {
    if (row.id !== undefined) slots[row.id] = slot;
  });
  return slots;
})();

/** The slot of an ATTR_ number. @throws RangeError when there is no such attribute */
export function slotOfId(id: number): number {
  const slot = SLOT_OF_ID[id];
  if (slot === undefined) throw new RangeError(`attribute ${describe(id)} is not an ATTR_ number`);
  return slot;
}

const SCHEMA = new Schema({
  argument: 'flow',
  noun: 'a flow',
  codec: flowCodec,
  tuples: [ORIG, REPLY, MASTER],
  always: ['orig', 'reply'],
});

/**
 * One flow of the connection tracking table as a message described it, or as a caller wants it: its properties are those of
 * FlowProperties, each undefined when the message had none. Immutable by its properties; `slots` is for the codec and the C face.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the accessors are made from the attribute rows below
export class Flow implements SlotHolder {
  /** Values by row number of ATTRIBUTES, as kinds.ts keeps them. */
  slots: SlotValue[];
  /** Attributes that the tables do not know: written back as they came. */
  unknown: UnknownAttribute[] | undefined = undefined;

  constructor(slots: SlotValue[] = flowCodec.newSlots()) {
    this.slots = slots;
  }

  /**
   * A flow with these properties. The family of a tuple follows from its addresses.
   * @throws TypeError, RangeError naming the property, also for one that does not exist
   */
  static from(init: FlowInit | Flow, argument = 'flow'): Flow {
    if (init instanceof Flow) return init;
    const flow = new Flow(flowCodec.newCommonSlots());
    SCHEMA.fill(flow, init, argument);
    return flow;
  }

  /** Layer 3 protocol of the flow: that of its original direction, else of its reply. */
  get family(): Family | undefined {
    return this.orig.family ?? this.reply.family;
  }

  /**
   * What NAT made of the flow, as its reply tuple has it, with the address, the port and the ICMP id of each end that was translated; undefined where
   * none was. An end counts as translated when the two directions differ in it and the status, where it is known, has SRC_NAT or DST_NAT. (`snat` and
   * `dnat` are what a request to create a flow asks for; the kernel never reports them.)
   */
  get nat(): Translation | undefined {
    return translationOf(this.slots);
  }

  /** Whether NAT changed its source or its destination: `nat` has something. */
  get isNat(): boolean {
    return translationOf(this.slots) !== undefined;
  }

  /** A copy that shares nothing that can change. */
  clone(): Flow {
    return SCHEMA.copy(this, new Flow());
  }

  /** Plain properties, without those that are not set; Flow.from takes them back. */
  toJSON(): Record<string, unknown> {
    return SCHEMA.toJSON(this);
  }

  /** What console.log shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    return SCHEMA.inspect(this);
  }
}

/** The accessors: FlowProperties, read. */
export interface Flow extends FlowView {}

SCHEMA.defineAccessors(Flow.prototype);

/** Types for those who build on it. */
export type { FlowInit, FlowProperties, FlowView };
