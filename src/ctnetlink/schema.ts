/**
 * The properties of an object made from its attribute rows: what Flow and Expectation have in common. A function on slots each, so that the
 * classes stay plain and V8 knows their shape.
 */
import { describe } from '../netlink/check.ts';
import type { Codec, SlotHolder, UnknownAttribute } from './codec.ts';
import { defineGroup, type Field, fieldToJSON, type Group, groupFields, readField, writeField } from './groups.ts';
import { KINDS, type SlotValue, toHex } from './kinds.ts';
import { FAMILIES, type Family } from './names.ts';
import type { TupleSlots } from './tuple.ts';

export interface SchemaOptions {
  /** What an object is called in errors, and with which article: 'flow', 'a flow'. */
  argument: string;
  noun: string;
  codec: Codec;
  tuples: readonly TupleSlots[];
  /** Groups that are objects also when nothing of them is set. */
  always: readonly string[];
}

export class Schema {
  readonly #argument: string;
  readonly #noun: string;
  readonly #codec: Codec;
  readonly #tuples: readonly TupleSlots[];
  readonly #always: readonly string[];
  readonly #groups: ReadonlyMap<string, ReadonlyMap<string, Field>>;
  /** The properties that are in no group. */
  readonly #leaves: ReadonlyMap<string, Field>;
  /** Both: a field, or the fields of a group. */
  readonly #members: ReadonlyMap<string, Field | ReadonlyMap<string, Field>>;

  constructor({ argument, noun, codec, tuples, always }: SchemaOptions) {
    this.#argument = argument;
    this.#noun = noun;
    this.#codec = codec;
    this.#tuples = tuples;
    this.#always = always;
    const groups = groupFields(codec, argument);
    this.#leaves = groups.get('')!;
    groups.delete('');
    this.#groups = groups;
    this.#members = new Map<string, Field | ReadonlyMap<string, Field>>([...this.#leaves, ...groups]);
  }

  /** Gives the class of the objects a getter for each property. */
  defineAccessors(prototype: SlotHolder): void {
    for (const field of this.#leaves.values()) {
      Object.defineProperty(prototype, field.name, {
        get(this: SlotHolder): unknown {
          return readField(this.slots, field);
        },
        configurable: true,
      });
    }
    for (const [name, fields] of this.#groups) {
      const GroupClass = defineGroup([...fields.values()]);
      const slots = [...fields.values()].flatMap((field) => field.places.map((place) => place.slot));
      const always = this.#always.includes(name);
      Object.defineProperty(prototype, name, {
        get(this: SlotHolder): Group | undefined {
          return always || slots.some((slot) => this.slots[slot] !== undefined)
            ? new GroupClass(this.slots)
            : undefined;
        },
        configurable: true,
      });
    }
  }

  /**
   * Sets what a caller gave, and the families that follow from it.
   * @throws TypeError, RangeError naming the property, also for one that does not exist
   */
  fill(target: SlotHolder, init: unknown, argument: string): void {
    if (typeof init !== 'object' || init === null || Array.isArray(init))
      throw new TypeError(`${argument} must be an object, not ${describe(init)}`);
    for (const key of Object.keys(init)) {
      const value = (init as Record<string, unknown>)[key];
      if (value === undefined) {
        checkMask(init as Record<string, unknown>, key, argument);
        continue;
      }
      const member = this.#members.get(key);
      if (member instanceof Map) this.#setGroup(target, member, value, argument, key);
      else if (member !== undefined) this.#setField(target, member as Field, value, argument);
      else if (key === 'unknown') target.unknown = this.#unknownFrom(value, `${argument}.unknown`);
      else throw new TypeError(`${argument}.${key} is not a property of ${this.#noun}`);
    }
    for (const tuple of this.#tuples) imply(target.slots, tuple, argument);
  }

  /** Makes `to` a copy of `from` that shares nothing that can change. */
  copy<T extends SlotHolder>(from: SlotHolder, to: T): T {
    to.slots = from.slots.map((value) => (value instanceof Uint8Array ? value.slice() : value));
    to.unknown = from.unknown?.map((attribute) => ({ ...attribute, value: attribute.value.slice() }));
    return to;
  }

  /** Plain properties, without those that are not set; `fill` takes them back. */
  toJSON(source: SlotHolder): Record<string, unknown> {
    const json: Record<string, unknown> = {};
    for (const name of this.#groups.keys()) {
      const group = (source as unknown as Record<string, Group | undefined>)[name]?.toJSON();
      if (group !== undefined && Object.keys(group).length > 0) json[name] = group;
    }
    for (const field of this.#leaves.values()) {
      const value = fieldToJSON(source.slots, field);
      if (value !== undefined) json[field.name] = value;
    }
    if (source.unknown !== undefined) {
      json.unknown = source.unknown.map(({ level, type, value }) => ({
        path: this.#codec.levelPath(level),
        type,
        value: toHex(value),
      }));
    }
    return json;
  }

  /** What console.log shows. */
  inspect(source: SlotHolder): Record<string, unknown> {
    const shown: Record<string, unknown> = {};
    for (const name of [...this.#groups.keys(), ...this.#leaves.keys(), 'unknown']) {
      const value = (source as unknown as Record<string, unknown>)[name];
      if (value !== undefined) shown[name] = value;
    }
    return shown;
  }

  #setField(target: SlotHolder, field: Field, value: unknown, argument: string): void {
    if (field.rare) this.#codec.makeRoom(target);
    const name = argument === this.#argument ? field.argument : `${argument}.${field.property}`;
    writeField(target.slots, field, value, name);
  }

  #setGroup(
    target: SlotHolder,
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
      if (field !== undefined) this.#setField(target, field, (value as Record<string, unknown>)[key], argument);
      else if (Object.hasOwn(value, key))
        throw new TypeError(`${argument}.${group}.${key} is none of ${[...fields.keys()].join(', ')}`);
    }
  }

  #unknownFrom(value: unknown, argument: string): UnknownAttribute[] {
    if (!Array.isArray(value)) throw new TypeError(`${argument} must be an array, not ${describe(value)}`);
    return value.map((item: { path: unknown; type: unknown; value: unknown }, index) => {
      const name = `${argument}[${index}]`;
      if (typeof item !== 'object' || item === null)
        throw new TypeError(`${name} must be an object, not ${describe(item)}`);
      const level = Array.isArray(item.path) ? this.#codec.levelOf(item.path) : undefined;
      if (level === undefined) throw new RangeError(`${name}.path is not the path of a nest`);
      return {
        level,
        type: KINDS.u16.set(item.type, `${name}.type`) as number,
        value: KINDS.bytes.set(item.value, `${name}.value`) as Uint8Array,
      };
    });
  }
}

const MASKED: Readonly<Record<string, string>> = { markMask: 'mark', labelsMask: 'labels', statusMask: 'status' };

/** A mask that was not set would make all bits count: of an update, all be overwritten. */
function checkMask(init: Record<string, unknown>, key: string, argument: string): void {
  const value = Object.hasOwn(MASKED, key) ? MASKED[key] : undefined;
  if (value !== undefined && init[value] !== undefined)
    throw new TypeError(`${argument}.${key} is undefined beside ${value}; leave it out where all bits count`);
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
