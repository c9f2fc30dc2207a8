/**
 * Attribute rows compiled, once at import, into integers: a table that reading looks entries up in and a program that
 * writing runs.
 */

import { HOST_LITTLE_ENDIAN } from '../../netlink/byteorder.ts';
import { DecodeError } from '../../netlink/errors.ts';
import { align4 } from '../../netlink/nlmsg.ts';
import { NLA_HDRLEN, NLA_TYPE_MASK } from '../../uapi/netlink.ts';
import * as cta from '../../uapi/nfnetlink_conntrack.ts';
import {
  KINDS,
  type Kind,
  OP_BE32_AS_BE64,
  OP_NEST,
  OP_SKIP,
  OP_UNKNOWN,
  type SlotValue,
} from '../attributes/kinds.ts';
import type { AttributeRow } from '../attributes/row.ts';
import type { WirePath } from '../attributes/wire-path.ts';

/** Types in one nest: the kernel has at most 28 (CTA_*), so 32 leaves room, and whatever is above is unknown. */
export const LEVEL_SIZE = 32;

// An entry of the table: op, operand (a slot, or the base of a nest), payload bytes that must be there, and flags.
export const OP_MASK = 15;
export const OPERAND_SHIFT = 4;
export const OPERAND_MASK = 0xffff0;
export const LENGTH_SHIFT = 20;
export const LENGTH_MASK = 0x1f;
/** More payload than that is a defect too. */
export const EXACT = 0x2000000;
/** An empty attribute is padding, not a value. */
const EMPTY_PADS = 1 << 30;

/**
 * A step of the program: op, type, slot, and where ICMPv6 has a type of its own, that and the slot of its tuple's
 * protocol (type | slot << 8), else
 * 0. A nest has its lowest slot and the step of its end, which is one with OP_UNKNOWN that has the nest's level for a
 *    slot.
 */
export const STEP = 4;

interface Level {
  path: WirePath;
  /** In the order in which they are written: a row's index, or the level of a nest inside. */
  members: ({ row: number } | { level: number })[];
}

/** The attributes of one subsystem. */
export interface Subsystem {
  /** By slot. */
  rows: readonly AttributeRow[];
  /** Slots from here on are rare: a holder that is read into gets them only when one of them comes. */
  commonSlots: number;
  writeOrder: readonly number[];
  padding: readonly WirePath[];
}

export class Tables {
  readonly rows: readonly AttributeRow[];
  /** The rare slots, with nothing set. */
  readonly rareSlots: readonly SlotValue[];
  /** [level * 32 + type] -> entry */
  readonly entries: Int32Array;
  readonly program: Int32Array;
  /** The slots of the protocols that decide about an `icmpv6` path. */
  readonly protocols: readonly number[];
  /** The slots whose values have no length of their own. */
  readonly varying: readonly number[];
  readonly #levels: Level[] = [{ path: [], members: [] }];
  readonly #levelOf = new Map<string, number>([['', 0]]);

  constructor({ rows, commonSlots, writeOrder, padding }: Subsystem) {
    this.rows = rows;
    this.rareSlots = new Array<SlotValue>(rows.length - commonSlots).fill(undefined);
    // The second of two rows that share an attribute lies in the slot behind the first.
    const placed = writeOrder
      .map((slot) => [slot, rows[slot]] as const)
      .filter(([, row]) => row.path.length > 0 && row.byte !== 1);
    for (const [slot, row] of placed) this.#members(row.path.slice(0, -1)).push({ row: slot });

    this.entries = new Int32Array(this.#levels.length * LEVEL_SIZE);
    for (const [level, { path }] of this.#levels.entries())
      if (level > 0) this.#enter(path, OP_NEST, level * LEVEL_SIZE);
    for (const [slot, row] of placed) {
      const { op, size = 0, exact = false }: Kind = KINDS[row.kind];
      const flags = (exact ? EXACT : 0) | (row.emptyPads === true ? EMPTY_PADS : 0);
      this.#enter(row.path, op, slot, size, flags);
      if (row.icmpv6 !== undefined) this.#enter(row.icmpv6, op, slot, size);
      if (row.narrow !== undefined) this.#enter(row.narrow, OP_BE32_AS_BE64, slot, 4);
    }
    for (const path of padding) this.#enter(path, OP_SKIP, 0);

    const program: number[] = [];
    this.#compile(0, program);
    this.program = Int32Array.from(program);
    this.protocols = [...rows.keys()].filter((slot) => rows[slot].kind === 'proto');
    this.varying = [...rows.keys()].filter((slot) => KINDS[rows[slot].kind].size === undefined);
  }

  /** The names of the nests around an unknown attribute. */
  levelPath(level: number): WirePath {
    return this.#levels[level].path;
  }

  /** There is a nest with this number. */
  isLevel(level: unknown): level is number {
    return Number.isInteger(level) && (level as number) >= 0 && (level as number) < this.#levels.length;
  }

  /** The number of the nest with these names, or undefined when there is no such nest. */
  levelOf(path: readonly string[]): number | undefined {
    return this.#levelOf.get(path.join());
  }

  /**
   * For an attribute at `offset` with less payload than its entry needs, or more than it may have: returns when it only
   * pads.
   * @throws DecodeError otherwise
   */
  wrongLength(view: DataView, offset: number, base: number, entry: number): void {
    const has = view.getUint16(offset, HOST_LITTLE_ENDIAN) - NLA_HDRLEN;
    if (has === 0 && (entry & EMPTY_PADS) !== 0) return;
    const type = view.getUint16(offset + 2, HOST_LITTLE_ENDIAN) & NLA_TYPE_MASK;
    const needs = (entry >> LENGTH_SHIFT) & LENGTH_MASK;
    const name = this.#nameOf(base / LEVEL_SIZE, type);
    throw new DecodeError(`${name} has ${has} payload bytes, needs ${has > needs ? 'just ' : ''}${needs}`, offset);
  }

  /** The names of the nests that `target`, an offset where reading failed, lies in. Only errors pay for it. */
  pathTo(view: DataView, from: number, end: number, target: number): string[] {
    const path: string[] = [];
    let base = 0;
    for (let offset = from, stop = end; offset < target && offset + NLA_HDRLEN <= stop; ) {
      const next = offset + view.getUint16(offset, HOST_LITTLE_ENDIAN);
      const type = view.getUint16(offset + 2, HOST_LITTLE_ENDIAN) & NLA_TYPE_MASK;
      const entry = type < LEVEL_SIZE ? this.entries[base + type] : OP_UNKNOWN;
      if (target < next && (entry & OP_MASK) === OP_NEST) {
        path.push(this.#nameOf(base / LEVEL_SIZE, type));
        base = (entry & OPERAND_MASK) >> OPERAND_SHIFT;
        offset += NLA_HDRLEN;
        stop = next;
      } else {
        offset = align4(next);
      }
    }
    return path;
  }

  #nameOf(level: number, type: number): string {
    const { path } = this.#levels[level];
    const here = (candidate: WirePath | undefined): boolean =>
      candidate?.length === path.length + 1 &&
      cta[candidate[path.length]] === type &&
      path.every((name, index) => candidate[index] === name);
    for (const { path: nest } of this.#levels) if (here(nest)) return nest[path.length];
    for (const row of this.rows) {
      const found = [row.path, row.icmpv6, row.narrow].find(here);
      if (found !== undefined) return found[path.length];
    }
    return `attribute ${type}`;
  }

  /** The members of the nest with this path, which is made, and named in its parent, when it is new. */
  #members(path: WirePath): Level['members'] {
    const key = path.join();
    let level = this.#levelOf.get(key);
    if (level === undefined) {
      const parent = this.#members(path.slice(0, -1));
      level = this.#levels.push({ path, members: [] }) - 1;
      this.#levelOf.set(key, level);
      parent.push({ level });
    }
    return this.#levels[level].members;
  }

  #enter(path: WirePath, op: number, operand: number, size = 0, flags = 0): void {
    const level = this.#levelOf.get(path.slice(0, -1).join())!;
    this.entries[level * LEVEL_SIZE + cta[path.at(-1)!]] =
      op | (operand << OPERAND_SHIFT) | (size << LENGTH_SHIFT) | flags;
  }

  #compile(level: number, program: number[]): void {
    for (const member of this.#levels[level].members) {
      if ('level' in member) {
        const at = program.push(OP_NEST, cta[this.#levels[member.level].path.at(-1)!], this.#lowest(member.level), 0);
        this.#compile(member.level, program);
        program[at - 1] = program.length - STEP;
      } else {
        const row = this.rows[member.row];
        const type = cta[row.path.at(-1)!];
        program.push(KINDS[row.kind].op, type, member.row, this.#icmpv6Type(row));
      }
    }
    program.push(OP_UNKNOWN, 0, level, 0);
  }

  /** The lowest slot of a nest. */
  #lowest(level: number): number {
    const members = this.#levels[level].members;
    return Math.min(...members.map((member) => ('level' in member ? this.#lowest(member.level) : member.row)));
  }

  #icmpv6Type({ path, icmpv6 }: AttributeRow): number {
    if (icmpv6 === undefined) return 0;
    const proto = this.rows.findIndex((row) => row.kind === 'proto' && row.path[0] === path[0]);
    return cta[icmpv6.at(-1)!] | (proto << 8);
  }
}
