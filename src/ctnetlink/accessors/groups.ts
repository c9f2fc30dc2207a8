/**
 * Properties from rows: for every group ('orig', 'tcp', ...) a class with one accessor a field, made once at import. A
 * field with two rows (src: IPv4 and IPv6) takes whichever is set.
 */
import { KINDS, type Kind, type SlotValue } from '../attributes/kinds.ts';
import type { AttributeRow } from '../attributes/row.ts';

export interface Field {
  name: string;
  /** With its group: 'orig.src'. */
  property: string;
  /** What errors call it in an object that is called as most are, 'flow': no text is put together for every value. */
  argument: string;
  /** Slots that may hold it, and how each does. */
  places: { slot: number; kind: Kind }[];
  /** Of the first: see Kind. -1 where it has none. */
  max: number;
  /** One of the slots is above the common ones: see Subsystem. */
  rare: boolean;
}

/**
 * The fields of every group by name, and under '' the properties that are in none. `argument` is what an object is
 * called.
 */
export function groupFields(
  { rows, commonSlots }: { rows: readonly AttributeRow[]; commonSlots: number },
  argument: string,
): Map<string, Map<string, Field>> {
  const groups = new Map<string, Map<string, Field>>([['', new Map()]]);
  rows.forEach((row, slot) => {
    const dot = row.property.indexOf('.');
    const group = dot < 0 ? '' : row.property.slice(0, dot);
    const name = row.property.slice(dot + 1);
    let fields = groups.get(group);
    if (fields === undefined) {
      fields = new Map();
      groups.set(group, fields);
    }
    let field = fields.get(name);
    if (field === undefined) {
      const { max = -1 } = KINDS[row.kind] as Kind;
      field = { name, property: row.property, argument: `${argument}.${row.property}`, places: [], max, rare: false };
      fields.set(name, field);
    }
    field.places.push({ slot, kind: KINDS[row.kind] });
    field.rare ||= slot >= commonSlots;
  });
  return groups;
}

/** A field's value, or undefined when it is not set. */
export function readField(slots: readonly SlotValue[], field: Field): unknown {
  for (const { slot, kind } of field.places) {
    const value = slots[slot];
    if (value !== undefined) return kind.get(value as never);
  }
  return undefined;
}

/** The same as JSON has it. */
export function fieldToJSON(slots: readonly SlotValue[], field: Field): unknown {
  for (const { slot, kind } of field.places) {
    const value = slots[slot];
    if (value !== undefined) return (kind.json ?? kind.get)(value as never);
  }
  return undefined;
}

/** A field with a slot for each family of addresses. */
export function isAddress({ places }: Field): boolean {
  return places.length > 1;
}

export function unset(slots: SlotValue[], { places }: Field): void {
  // Beyond the end a slot is not set either.
  for (const { slot } of places) if (slot < slots.length) slots[slot] = undefined;
}

/**
 * Unsets what a group does not keep beside what it is given: what is undefined, addresses of the other family, and a
 * family that addresses imply.
 */
export function makeWay(slots: SlotValue[], fields: ReadonlyMap<string, Field>, given: Record<string, unknown>): void {
  const family = fields.get('family');
  for (const key in given) {
    const field = fields.get(key);
    if (field === undefined) continue;
    if (given[key] === undefined || isAddress(field)) unset(slots, field);
    if (given[key] !== undefined && isAddress(field) && family !== undefined) unset(slots, family);
  }
}

/** Base of the group classes: `flow.orig`, `flow.tcp` and the other groups. */
export class Group {
  readonly #slots: readonly SlotValue[];
  /** Set on the prototype of each class. */
  declare readonly fields: readonly Field[];

  constructor(slots: readonly SlotValue[]) {
    this.#slots = slots;
  }

  static slotsOf(group: Group): readonly SlotValue[] {
    return group.#slots;
  }

  toJSON(): Record<string, unknown> {
    const json: Record<string, unknown> = {};
    for (const field of this.fields) {
      const value = fieldToJSON(this.#slots, field);
      if (value !== undefined) json[field.name] = value;
    }
    return json;
  }

  /** What console.log shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    const shown: Record<string, unknown> = {};
    for (const field of this.fields) {
      const value = readField(this.#slots, field);
      if (value !== undefined) shown[field.name] = value;
    }
    return shown;
  }
}

/** The class of one group. */
export function defineGroup(fields: readonly Field[]): new (slots: readonly SlotValue[]) => Group {
  const made = class extends Group {};
  Object.defineProperty(made.prototype, 'fields', { value: fields });
  for (const field of fields) {
    const [first] = field.places;
    const get =
      field.places.length === 1
        ? function (this: Group): unknown {
            const value = Group.slotsOf(this)[first.slot];
            return value === undefined ? undefined : first.kind.get(value as never);
          }
        : function (this: Group): unknown {
            return readField(Group.slotsOf(this), field);
          };
    Object.defineProperty(made.prototype, field.name, { get, enumerable: true, configurable: true });
  }
  return made;
}

/** The holder has something of the group. */
export function isSet(slots: readonly SlotValue[], fields: ReadonlyMap<string, Field>): boolean {
  for (const { places } of fields.values()) for (const { slot } of places) if (slots[slot] !== undefined) return true;
  return false;
}
