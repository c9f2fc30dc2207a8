import { checkGiven, checkPlain, describe, notOneOf } from '../../netlink/check.ts';
import { AF_UNSPEC } from '../../uapi/socket.ts';
import { Group } from '../accessors/groups.ts';
import type { TupleInit, TupleProperties } from '../attributes/flow-properties.ts';
import { KINDS, type SlotHolder, sameValue } from '../attributes/kinds.ts';
import { type Expectation, expectationFrom } from '../expectation.ts';
import { FAMILIES, type Family } from '../names.ts';
import { EXPECT_HELPER, EXPECT_MASTER, EXPECTED, type TupleSlots } from '../slots.ts';
import { RangeSet, type Ranges, readRanges } from './ranges.ts';

/** What must be equal of a tuple of an expectation; ports may be several. */
export interface ExpectationTupleFilter extends Partial<Omit<TupleProperties, 'sport' | 'dport'>> {
  /** Source port, or any of several: `53`, `{ from: 8000, to: 8100 }`, or a list of both. 0 to 65535. */
  sport?: Ranges;
  /** Destination port, or any of several. */
  dport?: Ranges;
}

/**
 * Which expectations: what is given must be equal; ports may be ranges and lists, as in Filter. A property that is
 * there and undefined is refused: see Filter.
 */
export interface ExpectationFilter {
  /** Layer 3 protocol of the expected flow. */
  family?: Family;
  /** Name of the helper that expects. */
  helper?: string;
  /** The flow whose helper expects. */
  master?: ExpectationTupleFilter;
  /** The flow that is expected. */
  tuple?: ExpectationTupleFilter;
}

const PARTS = ['family', 'helper', 'master', 'tuple'];

/**
 * The filter, checked once. The kernel is asked for the family only: a dump by master is answered with ENOENT without
 * such a flow and, where that has no helper, not at all (Linux 6.18).
 */
export class CompiledExpectationFilter {
  /** AF_* for the request. */
  readonly family: number;
  readonly #wanted: Expectation;
  readonly #compared: readonly number[];
  readonly #sets: readonly (readonly [slot: number, set: RangeSet])[];

  /** @throws TypeError, RangeError naming the part of the filter */
  constructor(filter: ExpectationFilter, argument = 'filter') {
    checkPlain(filter, argument);
    for (const key of Object.keys(filter)) if (!PARTS.includes(key)) throw notOneOf(key, PARTS, argument);
    checkGiven(filter, argument);
    const { family, helper, master, tuple } = filter;
    const masterPart = readPart(master, EXPECT_MASTER, `${argument}.master`);
    const tuplePart = readPart(tuple, EXPECTED, `${argument}.tuple`);
    this.#sets = [...masterPart.sets, ...tuplePart.sets];
    if (family !== undefined && (typeof family !== 'string' || !Object.hasOwn(FAMILIES, family)))
      throw new RangeError(`${argument}.family must be 'ipv4' or 'ipv6', not ${describe(family)}`);
    this.#wanted = expectationFrom({ helper, master: masterPart.plain, tuple: tuplePart.plain }, argument);
    const { slots } = this.#wanted;
    if (family !== undefined) slots[EXPECTED.family] ??= FAMILIES[family];
    this.family = (family === undefined ? (slots[EXPECTED.family] ?? AF_UNSPEC) : FAMILIES[family]) as number;
    this.#compared = [
      EXPECTED.family,
      ...EXPECTED.all,
      EXPECT_MASTER.family,
      ...EXPECT_MASTER.all,
      EXPECT_HELPER,
    ].filter((slot) => slots[slot] !== undefined);
  }

  matches({ slots }: SlotHolder): boolean {
    return (
      this.#compared.every((slot) => sameValue(this.#wanted.slots[slot], slots[slot])) &&
      this.#sets.every(([slot, set]) => typeof slots[slot] === 'number' && set.has(slots[slot]))
    );
  }
}

/** A tuple of a filter, taken apart. */
interface TuplePart {
  /** What has one value each. */
  readonly plain: TupleInit | undefined;
  /** By slot, what has several. */
  readonly sets: readonly (readonly [slot: number, set: RangeSet])[];
}

/**
 * A tuple of a filter: written in braces, or such a part of a flow. Its ports may be several.
 * @throws TypeError for anything else, which would be read as one without properties; TypeError, RangeError naming the
 * part
 */
function readPart(given: ExpectationTupleFilter | undefined, tuple: TupleSlots, argument: string): TuplePart {
  // A flow has one value of each.
  if (given === undefined || given instanceof Group) return { plain: given as TupleInit | undefined, sets: [] };
  checkPlain(given, argument);
  checkGiven(given, argument);
  const { sport, dport } = given;
  const plain: Record<string, unknown> = { ...given };
  const sets: (readonly [number, RangeSet])[] = [];
  for (const [name, ports] of [
    ['sport', sport],
    ['dport', dport],
  ] as const) {
    if (ports === undefined) continue;
    const read = readRanges(ports, KINDS.be16.max!, `${argument}.${name}`);
    plain[name] = read instanceof RangeSet ? undefined : read;
    if (read instanceof RangeSet) sets.push([tuple[name], read]);
  }
  return { plain, sets };
}
