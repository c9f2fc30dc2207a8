/** Puts the conditions of a filter together: what a kernel can be asked for into terms, all else beside them. */
import { IPS_DST_NAT, IPS_SRC_NAT } from '../../uapi/nf_conntrack_common.ts';
import { AF_INET, AF_INET6 } from '../../uapi/socket.ts';
import { AllOf, AnyOf, type Condition, Not } from './condition.ts';
import type { Masked } from './language.ts';
import { type Comparison, FilterTerms } from './terms.ts';

const IPV4 = 1;
const IPV6 = 2;
const BOTH = IPV4 | IPV6;

/** A condition, and the families whose flows can meet it. */
export interface Built {
  readonly all: AllOf;
  /** IPV4, IPV6 or both; 0: nothing can meet it, and `all` is not to be used. */
  readonly families: number;
  /** The name of the first part that can match nothing. Others may match. */
  readonly impossible?: string | undefined;
  /** The same of a part inside of a `not`: it excludes nothing, so that more matches than somebody may think. */
  readonly widening?: string | undefined;
}

export class Builder {
  /** What an error calls the filter. */
  readonly argument: string;
  readonly #compared: Comparison[] = [];
  readonly #conditions: Condition[] = [];
  #families = BOTH;
  #mark: Masked | undefined;
  #status: Masked | undefined;
  #zone: number | undefined;
  #impossible: string | undefined;
  #widening: string | undefined;

  constructor(argument: string) {
    this.argument = argument;
  }

  /** @param family AF_* */
  family(family: number): void {
    this.#limit(family === AF_INET ? IPV4 : IPV6);
  }

  mark(mark: Masked): void {
    if (this.#mark === undefined) this.#mark = mark;
    else this.add(new AllOf(new FilterTerms({ mark })));
  }

  /** Two that agree are one to the kernel. */
  status(status: Masked): void {
    if (this.#status === undefined) this.#status = status;
    else {
      const joined = joinedBits(this.#status, status);
      if (joined === undefined) this.add(new AllOf(new FilterTerms({ status })));
      else this.#status = joined;
    }
  }

  zone(zone: number): void {
    if (this.#zone === undefined) this.#zone = zone;
    else if (this.#zone !== zone) this.add(new AllOf(new FilterTerms({ zone })));
  }

  compare(comparison: Comparison): void {
    this.#compared.push(comparison);
  }

  add(condition: Condition, families: number = BOTH): void {
    this.#conditions.push(condition);
    this.#limit(families);
  }

  /** A condition about addresses of these families. */
  addAddresses(condition: Condition, four: boolean, six: boolean): void {
    this.add(condition, (four ? IPV4 : 0) | (six ? IPV6 : 0));
  }

  /** All of another. */
  merge({ all: { terms, conditions }, families, impossible, widening }: Built): void {
    this.#note(impossible, widening);
    if (terms.mark !== undefined) this.mark(terms.mark);
    if (terms.status !== undefined) this.status(terms.status);
    if (terms.zone !== undefined) this.zone(terms.zone);
    for (const comparison of terms.compared) this.compare(comparison);
    for (const condition of conditions) this.add(condition);
    this.#limit(families);
  }

  /** One of several, each of which `build` adds to a builder of its own. */
  any<T>(
    values: readonly T[],
    names: readonly string[],
    build: (builder: Builder, value: T, name: string) => void,
  ): void {
    const built = values.map((value, index) => {
      const builder = new Builder(names[index]);
      build(builder, value, names[index]);
      return builder.build();
    });
    for (const { impossible, widening } of built) this.#note(impossible, widening);
    const possible = built.filter((each) => each.families !== 0);
    if (possible.length === 1) {
      this.merge(possible[0]);
      return;
    }
    const families = possible.reduce((sum, each) => sum | each.families, 0);
    if (families === 0) {
      this.#limit(0);
      return;
    }
    const alternatives = possible.map(({ all }) => all);
    // What takes both families and nothing else takes everything.
    const justFamilies = alternatives.every(isFamily) && families === BOTH;
    if (justFamilies || alternatives.some((all) => all.any)) return;
    if (alternatives.every(isFamily)) this.#limit(families);
    else this.add(new AnyOf(alternatives), families);
  }

  /** The opposite of what `build` adds. */
  not(argument: string, build: (builder: Builder) => void): void {
    const builder = new Builder(argument);
    build(builder);
    const { all, families, impossible, widening } = builder.build();
    this.#note(undefined, widening ?? impossible);
    // The opposite of nothing is everything.
    if (families === 0) return;
    const opposite = all.conditions.length === 0 ? oppositeBit(all.terms) : undefined;
    if (opposite?.mark !== undefined) this.mark(opposite.mark);
    else if (opposite?.status !== undefined) this.status(opposite.status);
    else this.add(new Not(all));
  }

  build(): Built {
    const families = this.#families;
    const terms = new FilterTerms({
      family: families === BOTH ? undefined : families === IPV4 ? AF_INET : AF_INET6,
      mark: this.#mark,
      status: this.#status,
      zone: this.#zone,
      compared: this.#compared,
    });
    const all = new AllOf(terms, this.#conditions);
    return { all, families, impossible: this.#impossible, widening: this.#widening };
  }

  #limit(families: number): void {
    this.#families &= families;
    if (this.#families === 0) this.#impossible ??= this.argument;
  }

  #note(impossible: string | undefined, widening: string | undefined): void {
    this.#impossible ??= impossible;
    this.#widening ??= widening;
  }
}

/** @throws RangeError where the parts are of both families, and nothing could match */
export function checkPossible({ families, impossible }: Built): void {
  if (families === 0) throw new RangeError(`${impossible} has parts of both families and can match nothing`);
}

function isFamily({ terms: { family, mark, status, zone, compared }, conditions }: AllOf): boolean {
  return (
    family !== undefined &&
    mark === undefined &&
    status === undefined &&
    zone === undefined &&
    compared.length === 0 &&
    conditions.length === 0
  );
}

/** Both of these; undefined where they contradict each other, or one can match nothing. */
function joinedBits(a: Masked, b: Masked): Masked | undefined {
  const wrong = (a.value & ~a.mask) | (b.value & ~b.mask) | ((a.value ^ b.value) & a.mask & b.mask);
  if (wrong !== 0) return undefined;
  return { value: (a.value | b.value) >>> 0, mask: (a.mask | b.mask) >>> 0 };
}

/** The opposite of terms that look at one bit of a mark or a status; undefined for others. */
function oppositeBit({
  family,
  mark,
  status,
  zone,
  compared,
}: FilterTerms): { mark?: Masked; status?: Masked } | undefined {
  if (family !== undefined || zone !== undefined || compared.length > 0) return undefined;
  if (mark !== undefined && status === undefined) return asOpposite(mark, (opposite) => ({ mark: opposite }));
  if (status !== undefined && mark === undefined) return asOpposite(status, (opposite) => ({ status: opposite }));
  return undefined;
}

function asOpposite<T>({ value, mask }: Masked, as: (opposite: Masked) => T): T | undefined {
  const one = mask !== 0 && (mask & (mask - 1)) === 0 && (value & ~mask) === 0;
  return one ? as({ value: (value ^ mask) >>> 0, mask }) : undefined;
}

/** The status of each value of `nat`; 'any' is the opposite of 'none'. */
export const NAT_STATUS: Readonly<Record<'src' | 'dst' | 'none', Masked>> = {
  src: { value: IPS_SRC_NAT, mask: IPS_SRC_NAT },
  dst: { value: IPS_DST_NAT, mask: IPS_DST_NAT },
  none: { value: 0, mask: IPS_SRC_NAT | IPS_DST_NAT },
};

/** Both must hold. @throws RangeError where they are of different families, and nothing could match */
export function bothOf(a: AllOf, b: AllOf, argument: string): AllOf {
  const builder = new Builder(argument);
  for (const all of [a, b]) {
    builder.merge({ all, families: BOTH });
    if (all.terms.family !== undefined) builder.family(all.terms.family);
  }
  const built = builder.build();
  checkPossible(built);
  return built.all;
}
