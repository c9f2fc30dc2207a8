/**
 * The properties of an object made from its attribute rows: what Flow and Expectation have in common. A function on
 * slots each, so that the classes stay plain and V8 knows their shape.
 */
import { describe, isPlain, notOneOf, suggestion } from '../../netlink/check.ts';
import { escapeControls } from '../../netlink/escape.ts';
import { isBytes, isSlotValue, KINDS, type SlotValue, toHex } from '../attributes/kinds.ts';
import type { Codec, SlotHolder, UnknownAttribute } from '../codec/codec.ts';
import { FAMILIES, type Family } from '../names.ts';
import type { TupleSlots } from '../slots.ts';
import {
  defineGroup,
  type Field,
  fieldToJSON,
  type Group,
  groupFields,
  isAddress,
  isSet,
  makeWay,
  readField,
  unset,
} from './groups.ts';

export interface SchemaOptions {
  /** What an object is called in errors, and with which article: 'flow', 'a flow'. */
  argument: string;
  noun: string;
  codec: Codec;
  tuples: readonly TupleSlots[];
  /** Groups that are objects also when nothing of them is set. */
  always: readonly string[];
  /** Groups that ask for something: an empty one is a mistake. */
  asking?: readonly string[];
}

export class Schema {
  readonly #argument: string;
  readonly #noun: string;
  readonly #codec: Codec;
  readonly #tuples: readonly TupleSlots[];
  readonly #always: readonly string[];
  readonly #asking: readonly string[];
  readonly #groups: ReadonlyMap<string, ReadonlyMap<string, Field>>;
  /** The properties that are in no group. */
  readonly #leaves: ReadonlyMap<string, Field>;
  /** Both: a field, or the fields of a group. */
  readonly #members: ReadonlyMap<string, Field | ReadonlyMap<string, Field>>;
  /** The fields that have a slot for each family. */
  readonly #addresses: readonly Field[];

  constructor({ argument, noun, codec, tuples, always, asking = [] }: SchemaOptions) {
    this.#argument = argument;
    this.#noun = noun;
    this.#codec = codec;
    this.#tuples = tuples;
    this.#always = always;
    this.#asking = asking;
    const groups = groupFields(codec, argument);
    this.#leaves = groups.get('')!;
    groups.delete('');
    this.#groups = groups;
    this.#members = new Map<string, Field | ReadonlyMap<string, Field>>([...this.#leaves, ...groups]);
    this.#addresses = [...groups.values()].flatMap((fields) => [...fields.values()].filter(isAddress));
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
   * Sets what a caller gave, and the families that follow from it. An object that the structured clone algorithm or
   * `{ ...flow }` made of one has its slots: what comes behind them changes it.
   * @param changing the target has properties: what is undefined is taken away, and groups are merged
   * @throws TypeError, RangeError naming the property, also for one that does not exist
   */
  fill(target: SlotHolder, init: unknown, argument: string, changing = false): void {
    if (typeof init !== 'object' || init === null || Array.isArray(init))
      throw new TypeError(`${argument} must be an object, not ${describe(init)}`);
    let over = changing;
    let noMasks = NONE;
    for (const key of Object.keys(init)) {
      const value = (init as Record<string, unknown>)[key];
      const member = this.#members.get(key);
      if (value === undefined) {
        if (member === undefined && key !== 'unknown') throw this.#noProperty(argument, key);
        if (over) this.#takeAway(target, member);
        if (Object.hasOwn(MASKED, key)) noMasks = [...noMasks, key];
      } else if (member instanceof Map) this.#setGroup(target, member, value, argument, key, over);
      else if (member !== undefined) this.#setField(target, member as Field, value, argument);
      else if (key === 'unknown') target.unknown = this.#unknownFrom(value, `${argument}.unknown`);
      else if (key === 'slots') {
        if (isOther(init)) {
          this.fill(target, init.toJSON(), argument, changing);
          return;
        }
        this.#restore(target, value, `${argument}.slots`);
        over = true;
      } else throw this.#noProperty(argument, key);
    }
    for (const mask of noMasks) this.#checkMask(target, mask, argument);
    for (const tuple of this.#tuples) familyFromAddresses(target.slots, tuple, argument);
  }

  /** Makes `to` a copy of `from` with other properties. @throws as `fill` */
  change<T extends SlotHolder>(from: SlotHolder, to: T, changes: unknown): T {
    this.copy(from, to);
    this.fill(to, changes, 'changes', true);
    return to;
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
        path: this.#codec.tables.levelPath(level),
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

  /** Sets a field from what a caller gave; undefined leaves it unset. */
  #setField(target: SlotHolder, field: Field, value: unknown, argument: string): void {
    if (value === undefined) return;
    if (field.rare) this.#codec.makeRoom(target);
    const { slots } = target;
    const { places } = field;
    // First what nearly all values are, without a call and without an exception for the other family of addresses.
    if (typeof value === 'number') {
      if (value >= 0 && value <= field.max && Math.floor(value) === value) {
        slots[places[0].slot] = value | 0;
        return;
      }
    } else if (typeof value === 'string') {
      for (let i = 0; i < places.length; i++) {
        const parsed = places[i].kind.parse?.(value);
        if (parsed === undefined) continue;
        slots[places[i].slot] = parsed;
        return;
      }
    }
    const name = argument === this.#argument ? field.argument : `${argument}.${field.property}`;
    let refusal: unknown;
    for (const { slot, kind } of places) {
      try {
        slots[slot] = kind.set(value, name);
        return;
      } catch (error) {
        refusal = error;
      }
    }
    if (!isAddress(field) || refusal instanceof TypeError) throw refusal;
    throw new RangeError(`${name} must be an IPv4 or IPv6 address, not ${describe(value)}`);
  }

  #setGroup(
    target: SlotHolder,
    fields: ReadonlyMap<string, Field>,
    value: unknown,
    argument: string,
    group: string,
    over: boolean,
  ): void {
    if (typeof value !== 'object' || value === null)
      throw new TypeError(`${argument}.${group} must be an object, not ${describe(value)}`);
    if (over) makeWay(target.slots, fields, value as Record<string, unknown>);
    // `in` and not Object.keys: what another flow's `orig` gives is on its prototype.
    for (const key in value) {
      const field = fields.get(key);
      if (field !== undefined) this.#setField(target, field, (value as Record<string, unknown>)[key], argument);
      else if (Object.hasOwn(value, key)) throw notOneOf(key, [...fields.keys()], `${argument}.${group}`);
    }
    if (this.#asking.includes(group) && !isSet(target.slots, fields))
      throw new TypeError(
        `${argument}.${group} has nothing in it; leave it out, or give ${[...fields.keys()].join(', ')}`,
      );
  }

  /** A mask that was not set would make all bits count: of an update, all be overwritten. */
  #checkMask({ slots }: SlotHolder, mask: string, argument: string): void {
    const value = this.#leaves.get(MASKED[mask]);
    if (value !== undefined && readField(slots, value) !== undefined)
      throw new TypeError(`${argument}.${mask} is undefined beside ${value.name}; leave it out if all bits count`);
  }

  #noProperty(argument: string, key: string): TypeError {
    const remedy = suggestion(key, [...this.#members.keys(), 'unknown']);
    return new TypeError(`${argument}.${escapeControls(key)} is not a property of ${this.#noun}${remedy}`);
  }

  /** A property, a group, or where it is neither the unknown attributes. */
  #takeAway(target: SlotHolder, member: Field | ReadonlyMap<string, Field> | undefined): void {
    if (member === undefined) target.unknown = undefined;
    else for (const field of member instanceof Map ? member.values() : [member as Field]) unset(target.slots, field);
  }

  /**
   * The slots of another object of this kind, over what is set. They may come from another thread: each must be what a
   * slot of its kind holds.
   */
  #restore(target: SlotHolder, slots: unknown, argument: string): void {
    const { rows } = this.#codec;
    if (!Array.isArray(slots) || slots.length > rows.length)
      throw new TypeError(`${argument} must be those of ${this.#noun}, not ${describe(slots)}`);
    for (const field of this.#addresses)
      if (field.places.some(({ slot }) => slots[slot] !== undefined)) unset(target.slots, field);
    if (slots.length > target.slots.length) this.#codec.makeRoom(target);
    for (let slot = 0; slot < slots.length; slot++) {
      const value: unknown = slots[slot];
      if (value === undefined) continue;
      if (!isSlotValue(KINDS[rows[slot].kind], value))
        throw new TypeError(`${argument}[${slot}] is not what ${this.#noun} has there: ${describe(value)}`);
      target.slots[slot] = isBytes(value) ? new Uint8Array(value) : (value as SlotValue);
    }
  }

  /** The nest of an unknown attribute: by its path, or in an attribute of an object of this kind by its number. */
  #levelOf({ path, level }: { path?: unknown; level?: unknown }): number | undefined {
    if (Array.isArray(path)) return this.#codec.tables.levelOf(path);
    return path === undefined && this.#codec.tables.isLevel(level) ? level : undefined;
  }

  #unknownFrom(value: unknown, argument: string): UnknownAttribute[] {
    if (!Array.isArray(value)) throw new TypeError(`${argument} must be an array, not ${describe(value)}`);
    return value.map((item: { path: unknown; type: unknown; value: unknown }, index) => {
      const name = `${argument}[${index}]`;
      if (typeof item !== 'object' || item === null)
        throw new TypeError(`${name} must be an object, not ${describe(item)}`);
      const level = this.#levelOf(item);
      if (level === undefined) throw new RangeError(`${name}.path is not the path of a nest`);
      return {
        level,
        type: KINDS.be16.set(item.type, `${name}.type`) as number,
        value: KINDS.bytes.set(item.value, `${name}.value`) as Uint8Array,
      };
    });
  }
}

/** An object of another copy of this package, whose slots may be others. */
function isOther(init: object): init is { toJSON(): unknown } {
  return !isPlain(init) && typeof (init as { toJSON?: unknown }).toJSON === 'function';
}

const MASKED: Readonly<Record<string, string>> = { markMask: 'mark', labelsMask: 'labels', statusMask: 'status' };
const NONE: readonly string[] = [];

/** The family of a tuple follows from its addresses. */
function familyFromAddresses(slots: SlotValue[], tuple: TupleSlots, argument: string): void {
  const { src4, dst4, src6, dst6 } = tuple;
  if (slots[src4] !== undefined || slots[dst4] !== undefined) claimFamily(slots, tuple, 'ipv4', argument);
  if (slots[src6] !== undefined || slots[dst6] !== undefined) claimFamily(slots, tuple, 'ipv6', argument);
}

function claimFamily(slots: SlotValue[], tuple: TupleSlots, family: Family, argument: string): void {
  const number = FAMILIES[family];
  const other = slots[tuple.family];
  if (other !== undefined && other !== number)
    throw new RangeError(`${argument}.${tuple.group} has an ${family} address and something of another family`);
  slots[tuple.family] = number;
}
