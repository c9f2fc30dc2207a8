/**
 * The codec of one subsystem's attributes: rows in, reading and writing out. No closure, no object and no string an
 * attribute: measured at 284 bytes an entry, this is as fast as nested switches written by hand, and three times as
 * fast as rows interpreted by name.
 */
import { DecodeError } from '../../netlink/errors.ts';
import type { Writer } from '../../netlink/writer.ts';
import type { SlotHolder, SlotValue } from '../attributes/kinds.ts';
import type { AttributeRow } from '../attributes/row.ts';
import type { WirePath } from '../attributes/wire-path.ts';
import { readAttributes } from './read.ts';
import { type Subsystem, Tables } from './tables.ts';
import { Templates } from './templates.ts';

export type { SlotHolder, UnknownAttribute } from '../attributes/kinds.ts';

export class Codec {
  readonly rows: readonly AttributeRow[];
  /** See Subsystem. */
  readonly commonSlots: number;
  readonly #tables: Tables;
  readonly #templates: Templates;
  readonly #all: readonly SlotValue[];
  readonly #common: readonly SlotValue[];
  readonly #rare: readonly SlotValue[];

  constructor(subsystem: Subsystem) {
    this.rows = subsystem.rows;
    this.commonSlots = subsystem.commonSlots;
    this.#tables = new Tables(subsystem);
    this.#templates = new Templates(this.#tables);
    this.#all = new Array<SlotValue>(subsystem.rows.length).fill(undefined);
    this.#common = this.#all.slice(0, subsystem.commonSlots);
    this.#rare = this.#all.slice(subsystem.commonSlots);
  }

  /** Slots with nothing set. `undefined` is "not set"; 0 is a value. */
  newSlots(): SlotValue[] {
    return this.#all.slice();
  }

  /**
   * The same to read into: `read` adds the rare ones when one of them comes. Beyond the end, a slot is not set either.
   */
  newCommonSlots(): SlotValue[] {
    return this.#common.slice();
  }

  /** Makes room for the rare ones in slots that may be only the common ones, before one of those is set. */
  makeRoom(target: SlotHolder): void {
    if (target.slots.length < this.#all.length) target.slots = target.slots.concat(this.#rare);
  }

  /** The names of the nests around an unknown attribute. */
  levelPath(level: number): WirePath {
    return this.#tables.levelPath(level);
  }

  /** There is a nest with this number. */
  isLevel(level: unknown): level is number {
    return this.#tables.isLevel(level);
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
      readAttributes(this.#tables, this.#rare, view, offset, end, target);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw error.within(this.#tables.pathTo(view, offset, end, error.offset));
    }
  }

  /** Writes everything that is set, in the write order of the subsystem. Empty nests are left out. */
  write(writer: Writer, source: SlotHolder): void {
    this.#templates.write(writer, source);
  }
}
