/**
 * The codec of one subsystem's attributes: rows in, reading and writing out. No closure, no object and no string an attribute: measured
 * at 284 bytes an entry, this is as fast as nested switches written by hand, and three times as fast as rows interpreted by name.
 */
import { DecodeError } from '../netlink/errors.ts';
import type { Writer } from '../netlink/writer.ts';
import type { AttributeRow, WirePath } from './attributes.ts';
import { readAttributes } from './codec-read.ts';
import { Tables } from './codec-tables.ts';
import { writeAttributes } from './codec-write.ts';
import type { SlotValue } from './kinds.ts';

/** An attribute that the tables do not know, kept as it came. */
export interface UnknownAttribute {
  /** Number of the nest it stood in: see Codec.levelPath. */
  level: number;
  /** nla_type with its NLA_F_ flags. */
  type: number;
  value: Uint8Array;
}

/** What a codec reads into and writes from. */
export interface SlotHolder {
  readonly slots: SlotValue[];
  unknown: UnknownAttribute[] | undefined;
}

export class Codec {
  readonly rows: readonly AttributeRow[];
  readonly #tables: Tables;
  readonly #prototype: readonly SlotValue[];

  constructor(rows: readonly AttributeRow[], padding: readonly WirePath[]) {
    this.rows = rows;
    this.#tables = new Tables(rows, padding);
    this.#prototype = new Array<SlotValue>(rows.length).fill(undefined);
  }

  /** Slots with nothing set. `undefined` is "not set"; 0 is a value. */
  newSlots(): SlotValue[] {
    return this.#prototype.slice();
  }

  /** The names of the nests around an unknown attribute. */
  levelPath(level: number): WirePath {
    return this.#tables.levelPath(level);
  }

  /** The number of the nest with these names, or undefined when the tables have no such nest. */
  levelOf(path: readonly string[]): number | undefined {
    return this.#tables.levelOf(path);
  }

  /**
   * Reads the attributes from `offset` to `end`.
   * @throws DecodeError for a broken length, with the path to it. Nothing else is an error.
   */
  read(view: DataView, offset: number, end: number, target: SlotHolder): void {
    try {
      readAttributes(this.#tables, view, offset, end, target);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw error.within(this.#tables.pathTo(view, offset, end, error.offset));
    }
  }

  /** Writes everything that is set, in the order of the rows. Empty nests are left out. */
  write(writer: Writer, source: SlotHolder): void {
    writeAttributes(this.#tables, writer, source);
  }
}
