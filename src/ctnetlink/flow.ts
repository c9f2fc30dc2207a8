import { Schema } from './accessors/schema.ts';
import { ATTRIBUTES, COMMON_SLOTS, PADDING, WRITE_ORDER } from './attributes/flow.ts';
import type { FlowInit, FlowJSON, FlowProperties, FlowView } from './attributes/flow-properties.ts';
import type { SlotValue } from './attributes/kinds.ts';
import { Codec, type UnknownAttribute } from './codec/codec.ts';
import { keyOf } from './key.ts';
import type { Family } from './names.ts';
import { type Translation, translationOf } from './nat.ts';
import { MASTER, ORIG, REPLY } from './slots.ts';

/** The compiled tables of the conntrack subsystem. */
export const flowCodec = new Codec({
  rows: ATTRIBUTES,
  commonSlots: COMMON_SLOTS,
  writeOrder: WRITE_ORDER,
  padding: PADDING,
});

const SCHEMA = new Schema({
  argument: 'flow',
  noun: 'a flow',
  codec: flowCodec,
  tuples: [ORIG, REPLY, MASTER],
  always: ['orig', 'reply'],
  asking: ['snat', 'dnat'],
});

/**
 * One flow of the connection tracking table as a message described it, or as a caller wants it: its properties are
 * those of FlowProperties, each undefined when the message had none. A flow does not change: `with` makes another.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the accessors are made from the attribute rows below
export class Flow {
  /**
   * Values by row number of ATTRIBUTES, as kinds.ts keeps them: for the codec. A property of its own, because the
   * structured clone algorithm copies no other.
   * @internal
   */
  slots: SlotValue[];
  /** Attributes that this package does not know. A request sends them as they are. Undefined if there are none. */
  unknown: UnknownAttribute[] | undefined = undefined;

  /** @internal */
  constructor(slots: SlotValue[] = flowCodec.emptySlots.slice()) {
    // A program in JavaScript may call it, although the types do not show it.
    if (!Array.isArray(slots)) throw new TypeError('Flow has no constructor: call Flow.from(flow)');
    this.slots = slots;
  }

  /**
   * A flow with these properties. The family of a tuple follows from its addresses. Also from its JSON, and from a
   * structured clone of a flow (structuredClone, postMessage), which must be of the same release of this package: it
   * gives an equal flow, unknown attributes included. `Flow.from({ ...flow, mark: 4 })` is `flow.with({ mark: 4 })`.
   * @throws TypeError, RangeError naming the property, also for one that does not exist
   */
  static from(init: FlowInit | Flow): Flow {
    return flowFrom(init, 'flow');
  }

  /** Layer 3 protocol of the flow: that of its original direction, else of its reply. */
  get family(): Family | undefined {
    return this.orig.family ?? this.reply.family;
  }

  /**
   * How NAT translates the flow, according to its reply tuple: address, port and ICMP id of each end that is
   * translated; undefined if none is. An end is translated if the two directions differ in it and the status, if it is
   * known, has SRC_NAT or DST_NAT. (`snat` and `dnat` are what a request to create a flow asks for; the kernel never
   * reports them.)
   */
  get nat(): Translation | undefined {
    return translationOf(this.slots);
  }

  /** Whether NAT translates the source or the destination: `nat` is not undefined. */
  get isNat(): boolean {
    return translationOf(this.slots) !== undefined;
  }

  /**
   * Returns a flow with other properties, for `update` and the like; this flow does not change. Properties that
   * `changes` leaves out are kept. An undefined property is removed, and so is an undefined group. A group is merged:
   * `flow.with({ tcp: { state: 'CLOSE' } })` keeps the window scales. An address replaces that of the other family,
   * too. Lists (`labels`, `status`, `unknown`) are replaced whole.
   * @throws TypeError, RangeError naming the property (`changes.mark`), also for one that does not exist, with the
   * nearest name that does; TypeError for a mask that is taken away from beside its value
   */
  with(changes: FlowInit): Flow {
    return SCHEMA.change(this, new Flow(), changes);
  }

  /**
   * The zone and the original tuple as text, for a Map or a database: '0/17/192.0.2.1/198.51.100.2/5353/53' is zone,
   * protocol number, source, destination, and of TCP, UDP, UDP-Lite, SCTP, DCCP and GRE the ports (of GRE the keys), of
   * ICMP and ICMPv6 type, code and id; other protocols have nothing more. Two flows have the same key exactly if the
   * kernel takes their original tuples for one: NAT, state and id do not count, and a zone of the original direction is
   * as one of both. A flow that is created again with the same tuple has the same key. The text does not change between
   * releases.
   * @throws TypeError naming what is missing of the original tuple
   */
  key(): string {
    return keyOf(this.slots, 'flow');
  }

  /** A copy that shares nothing that can change. */
  clone(): Flow {
    return SCHEMA.copy(this, new Flow());
  }

  /**
   * Plain properties, without those that are not set. Flow.from takes them back, and what JSON.parse makes of their
   * text.
   */
  toJSON(): FlowJSON {
    return SCHEMA.toJSON(this) as FlowJSON;
  }

  /** What console.log shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    return SCHEMA.inspect(this);
  }
}

/** The accessors: FlowProperties, read. */
export interface Flow extends FlowView {}

SCHEMA.defineAccessors(Flow.prototype);

/** Flow.from, whose errors name this argument. */
export function flowFrom(init: FlowInit | Flow, argument: string): Flow {
  if (init instanceof Flow) return init;
  const flow = new Flow(flowCodec.emptyCommonSlots.slice());
  SCHEMA.fill(flow, init, argument);
  return flow;
}

/** Types for those who build on it. */
export type { FlowInit, FlowJSON, FlowProperties, FlowView };
