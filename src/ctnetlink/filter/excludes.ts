/**
 * Whether a filter excludes nothing. No form of it says so by itself: `{ not: { not: {} } }`, both families in a list,
 * and a mark beside the same mark inside of a `not` all take every flow. So a flow is looked for that does not match:
 * its attributes are those around which the filter changes its mind.
 */
import { AF_INET, AF_INET6 } from '../../uapi/socket.ts';
import type { SlotValue } from '../attributes/kinds.ts';
import { ORIG, REPLY } from '../slots.ts';
import type { Condition } from './condition.ts';
import { commonValues, type Node, nodeOf, type Question } from './questions.ts';

/** Steps that are tried, and how deep: a filter that needs more excludes something. */
const MOST_STEPS = 20_000;
const MOST_CHOICES = 500;

const SIX: ReadonlyMap<number, number> = new Map(
  [ORIG, REPLY].flatMap(({ src4, src6, dst4, dst6 }) => [
    [src4, src6],
    [dst4, dst6],
  ]),
);

/** What is to be found: a flow for which the node holds, or does not; and then what is next. */
interface Goals {
  readonly node: Node;
  readonly holds: boolean;
  readonly next: Goals | undefined;
}

/** Whether every flow of the kernel meets the condition. */
export function excludesNothing(condition: Condition): boolean {
  const node = nodeOf(condition);
  return !new Search(node).finds({ node, holds: false, next: undefined }, 0);
}

class Search {
  /** The flow, as far as it is decided. */
  readonly #flow: SlotValue[] = [];
  readonly #decided = new Set<number>();
  /** By slot what is tried. */
  readonly #values = new Map<number, Set<SlotValue>>();
  #steps = 0;

  constructor(node: Node) {
    this.#gather(node);
  }

  #gather(node: Node): void {
    if (node.kind === 'not') this.#gather(node.part);
    else if (node.kind !== 'question') for (const part of node.parts) this.#gather(part);
    else {
      for (const slot of node.question.slots) {
        const values = this.#values.get(slot) ?? new Set(commonValues(slot));
        this.#values.set(slot, values);
        for (const value of node.question.values) values.add(value);
      }
    }
  }

  /** Whether some flow meets all goals; also where it takes too long to find one. */
  finds(first: Goals, depth: number): boolean {
    for (let goals: Goals | undefined = first; goals !== undefined; ) {
      if (++this.#steps > MOST_STEPS || depth > MOST_CHOICES) return true;
      const { node, holds, next }: Goals = goals;
      const known = this.#known(node);
      if (known !== undefined) {
        if (known !== holds) return false;
        goals = next;
      } else if (node.kind === 'not') {
        goals = { node: node.part, holds: !holds, next };
      } else if (node.kind === 'question') {
        return this.#tries(node.question, holds, next, depth);
      } else if ((node.kind === 'all') === holds) {
        goals = next;
        for (const part of node.parts) goals = { node: part, holds, next: goals };
      } else {
        return node.parts.some((part) => this.finds({ node: part, holds, next }, depth + 1));
      }
    }
    return true;
  }

  /** Whether it holds, as far as that is decided. */
  #known(node: Node): boolean | undefined {
    if (node.kind === 'not') {
      const known = this.#known(node.part);
      return known === undefined ? undefined : !known;
    }
    if (node.kind === 'question') {
      const { condition, slots, any } = node.question;
      if (slots.every((slot) => this.#decided.has(slot))) return condition.holds(this.#flow);
      return any && slots.length > 1 && condition.holds(this.#flow) ? true : undefined;
    }
    const settles = node.kind === 'any';
    let open = false;
    for (const part of node.parts) {
      const known = this.#known(part);
      if (known === settles) return settles;
      open ||= known === undefined;
    }
    return open ? undefined : !settles;
  }

  /** Decides what the question asks about, in every way that answers it so. */
  #tries({ condition, slots, any }: Question, holds: boolean, next: Goals | undefined, depth: number): boolean {
    const open = slots.filter((slot) => !this.#decided.has(slot));
    const tries = (places: readonly number[], value: SlotValue, others: readonly number[]): boolean => {
      const before = [...this.#decided];
      const flow = this.#flow.slice();
      const possible =
        places.every((slot) => this.#decide(slot, value)) && others.every((slot) => this.#decide(slot, undefined));
      if (possible && condition.holds(this.#flow) === holds && (next === undefined || this.finds(next, depth + 1)))
        return true;
      this.#decided.clear();
      for (const slot of before) this.#decided.add(slot);
      this.#flow.length = 0;
      this.#flow.push(...flow);
      return false;
    };
    // None of several may meet it: all have the same.
    if (any && !holds) return [...this.#values.get(open[0])!].some((value) => tries(open, value, []));
    return open.some((slot) => {
      const others = any ? [] : open.filter((other) => other !== slot);
      return [...this.#values.get(slot)!].some((value) => tries([slot], value, others));
    });
  }

  /** False where a flow cannot have that beside what is decided. */
  #decide(slot: number, value: SlotValue): boolean {
    const six = SIX.get(slot);
    const family = six === undefined ? undefined : value instanceof Uint8Array ? AF_INET6 : AF_INET;
    if (family !== undefined) {
      if (this.#decided.has(ORIG.family) && this.#flow[ORIG.family] !== family) return false;
      this.#flow[ORIG.family] = family;
      this.#decided.add(ORIG.family);
    }
    this.#flow[value instanceof Uint8Array && six !== undefined ? six : slot] = value;
    this.#decided.add(slot);
    return true;
  }
}
