import { describe } from '../netlink/check.ts';
import { ATTRIBUTES, COMMON_SLOTS, PADDING, WRITE_ORDER } from './attributes.ts';
import { Codec, type SlotHolder, type UnknownAttribute } from './codec.ts';
import { defineGroup, type Field, fieldToJSON, type Group, groupFields, readField, writeField } from './groups.ts';
import { KINDS, type SlotValue, toHex } from './kinds.ts';
import { FAMILIES, type Family } from './names.ts';
import type { FlowInit, FlowProperties, FlowView } from './properties.ts';
import { MASTER, ORIG, REPLY, type TupleSlots } from './tuple.ts';

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

const GROUPS = groupFields(ATTRIBUTES);
const TUPLES = [ORIG, REPLY, MASTER];
/** The properties that are in no group. */
const LEAVES = GROUPS.get('')!;
GROUPS.delete('');

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
    if (typeof init !== 'object' || init === null || Array.isArray(init))
      throw new TypeError(`${argument} must be an object, not ${describe(init)}`);
    const flow = new Flow(flowCodec.newCommonSlots());
    for (const key of Object.keys(init)) {
      const value = (init as Record<string, unknown>)[key];
      if (value === undefined) continue;
      const leaf = LEAVES.get(key);
      const fields = GROUPS.get(key);
      if (leaf !== undefined) setField(flow, leaf, value, argument);
      else if (fields !== undefined) setGroup(flow, fields, value, argument, key);
      else if (key === 'unknown') flow.unknown = unknownFrom(value, `${argument}.unknown`);
      else throw new TypeError(`${argument}.${key} is not a property of a flow`);
    }
    for (const tuple of TUPLES) imply(flow.slots, tuple, argument);
    return flow;
  }

  /** Layer 3 protocol of the flow: that of its original direction, else of its reply. */
  get family(): Family | undefined {
    return this.orig.family ?? this.reply.family;
  }

  /** A copy that shares nothing that can change. */
  clone(): Flow {
    const copy = new Flow(this.slots.map((value) => (value instanceof Uint8Array ? value.slice() : value)));
    copy.unknown = this.unknown?.map((attribute) => ({ ...attribute, value: attribute.value.slice() }));
    return copy;
  }

  /** Plain properties, without those that are not set; Flow.from takes them back. */
  toJSON(): Record<string, unknown> {
    const { slots } = this;
    const json: Record<string, unknown> = {};
    for (const name of GROUPS.keys()) {
      const group = (this as unknown as Record<string, Group | undefined>)[name]?.toJSON();
      if (group !== undefined && Object.keys(group).length > 0) json[name] = group;
    }
    for (const field of LEAVES.values()) {
      const value = fieldToJSON(slots, field);
      if (value !== undefined) json[field.name] = value;
    }
    if (this.unknown !== undefined) {
      json.unknown = this.unknown.map(({ level, type, value }) => ({
        path: flowCodec.levelPath(level),
        type,
        value: toHex(value),
      }));
    }
    return json;
  }

  /** What console.log shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    const shown: Record<string, unknown> = {};
    for (const name of [...GROUPS.keys(), ...LEAVES.keys(), 'unknown']) {
      const value = (this as unknown as Record<string, unknown>)[name];
      if (value !== undefined) shown[name] = value;
    }
    return shown;
  }
}

/** The accessors: FlowProperties, read. */
export interface Flow extends FlowView {}

for (const field of LEAVES.values()) {
  Object.defineProperty(Flow.prototype, field.name, {
    get(this: Flow): unknown {
      return readField(this.slots, field);
    },
    configurable: true,
  });
}

for (const [name, fields] of GROUPS) {
  const GroupClass = defineGroup([...fields.values()]);
  const slots = [...fields.values()].flatMap((field) => field.places.map((place) => place.slot));
  const always = name === 'orig' || name === 'reply';
  Object.defineProperty(Flow.prototype, name, {
    get(this: Flow): Group | undefined {
      return always || slots.some((slot) => this.slots[slot] !== undefined) ? new GroupClass(this.slots) : undefined;
    },
    configurable: true,
  });
}

function setField(flow: Flow, field: Field, value: unknown, argument: string): void {
  if (field.rare) flowCodec.makeRoom(flow);
  writeField(flow.slots, field, value, argument === 'flow' ? field.argument : `${argument}.${field.property}`);
}

function setGroup(
  flow: Flow,
  fields: ReadonlyMap<string, Field>,
  value: unknown,
  argument: string,
  group: string,
): void {
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`${argument}.${group} must be an object, not ${describe(value)}`);
  // `in` and not Object.keys: what another flow's `orig` gives is on its prototype.
  for (const key in value) {
    const field = fields.get(key);
    if (field !== undefined) setField(flow, field, (value as Record<string, unknown>)[key], argument);
    else if (Object.hasOwn(value, key))
      throw new TypeError(`${argument}.${group}.${key} is none of ${[...fields.keys()].join(', ')}`);
  }
}

/** The family of a tuple follows from its addresses. */
function imply(slots: SlotValue[], tuple: TupleSlots, argument: string): void {
  const { src4, dst4, src6, dst6 } = tuple;
  if (slots[src4] !== undefined || slots[dst4] !== undefined) implyFamily(slots, tuple, 'ipv4', argument);
  if (slots[src6] !== undefined || slots[dst6] !== undefined) implyFamily(slots, tuple, 'ipv6', argument);
}

function implyFamily(slots: SlotValue[], tuple: TupleSlots, family: Family, argument: string): void {
  const number = FAMILIES[family];
  const other = slots[tuple.family];
  if (other !== undefined && other !== number)
    throw new RangeError(`${argument}.${tuple.group} has an ${family} address and something of another family`);
  slots[tuple.family] = number;
}

function unknownFrom(value: unknown, argument: string): UnknownAttribute[] {
  if (!Array.isArray(value)) throw new TypeError(`${argument} must be an array, not ${describe(value)}`);
  return value.map((item: { path: unknown; type: unknown; value: unknown }, index) => {
    const name = `${argument}[${index}]`;
    if (typeof item !== 'object' || item === null)
      throw new TypeError(`${name} must be an object, not ${describe(item)}`);
    const level = Array.isArray(item.path) ? flowCodec.levelOf(item.path) : undefined;
    if (level === undefined) throw new RangeError(`${name}.path is not the path of a nest`);
    return {
      level,
      type: KINDS.u16.set(item.type, `${name}.type`) as number,
      value: KINDS.bytes.set(item.value, `${name}.value`) as Uint8Array,
    };
  });
}

/** Types for those who build on it. */
export type { FlowInit, FlowProperties, FlowView };
