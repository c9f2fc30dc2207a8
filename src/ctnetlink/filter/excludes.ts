/**
 * Whether a filter excludes nothing. No form of it says so by itself: `{ not: { not: {} } }`, both families in a list,
 * and a mark beside the same mark inside of a `not` all take every flow. So a flow is looked for that does not match:
 * its attributes are those around which the filter changes its mind.
 */
import { AF_INET, AF_INET6 } from '../../uapi/socket.ts';
import type { SlotValue } from '../attributes/kinds.ts';
import { labelWords } from '../labels.ts';
import { LABELS, ORIG, ORIG_BYTES, ORIG_PACKETS, REPLY, REPLY_BYTES, REPLY_PACKETS } from '../slots.ts';
import { valuesFor } from './bit-patterns.ts';
import type { Condition } from './condition.ts';
import type { Masked } from './language.ts';
import { CounterCondition } from './leaves.ts';
import { isPossible } from './possible.ts';
import { commonValues, type Node, nodeOf, type Question } from './questions.ts';

/** Steps that are tried, and how deep: a filter that needs more excludes something. */
const MOST_STEPS = 50_000;
const MOST_CHOICES = 500;
/** Labels whose sets are tried. */
const MOST_LABELS = 10;

const SIX: ReadonlyMap<number, number> = new Map(
  [ORIG, REPLY].flatMap(({ src4, src6, dst4, dst6 }) => [
    [src4, src6],
    [dst4, dst6],
  ]),
);

/** Of both directions. */
const COUNTERS = [
  [ORIG_PACKETS, REPLY_PACKETS],
  [ORIG_BYTES, REPLY_BYTES],
] as const;

/** What is to be found: a flow for which the node holds, or does not; and then what is next. */
interface Goals {
  readonly node: Node;
  readonly holds: boolean;
  readonly next: Goals | undefined;
}

/** Whether every flow of the kernel meets the condition. False also where that is too much to find out. */
export function excludesNothing(condition: Condition): boolean {
  const node = nodeOf(condition);
  const search = new Search(node);
  return search.complete && !search.finds({ node, holds: false, next: undefined }, 0);
}

class Search {
  /** The flow, as far as it is decided. */
  readonly #flow: SlotValue[] = [];
  readonly #decided = new Set<number>();
  /** By slot what is tried. */
  readonly #values = new Map<number, Set<SlotValue>>();
  readonly #masked = new Map<number, Masked[]>();
  readonly #labels = new Set<number>();
  #steps = 0;
  /** The values answer all questions in every way that there is. */
  readonly complete: boolean;

  constructor(node: Node) {
    this.#gather(node);
    this.#shareProtocols();
    this.#addSums();
    this.complete = this.#addMasked() && this.#addLabels();
  }

  #gather(node: Node): void {
    if (node.kind === 'not') this.#gather(node.part);
    else if (node.kind !== 'question') for (const part of node.parts) this.#gather(part);
    else {
      const { slots, values, masked, labels = [] } = node.question;
      for (const slot of slots) {
        const all = this.#values.get(slot) ?? new Set(commonValues(slot));
        this.#values.set(slot, all);
        for (const value of values) all.add(value);
        if (masked !== undefined) this.#masked.set(slot, [...(this.#masked.get(slot) ?? []), masked]);
      }
      for (const label of labels) this.#labels.add(label);
    }
  }

  #addMasked(): boolean {
    for (const [slot, masked] of this.#masked) {
      const all = this.#values.get(slot)!;
      const starts = new Set([...all].filter((value) => typeof value === 'number').map((value) => value >>> 0));
      const values = valuesFor(distinct(masked), starts);
      if (values === undefined) return false;
      for (const value of values) all.add(value | 0);
    }
    return true;
  }

  #addLabels(): boolean {
    const labels = [...this.#labels];
    if (labels.length > MOST_LABELS) return false;
    for (let set = 1; set < 1 << labels.length; set++)
      this.#values.get(LABELS)!.add(labelWords(labels.filter((_, at) => ((set >> at) & 1) === 1)));
    return true;
  }

  /** Both directions have the same protocol. */
  #shareProtocols(): void {
    const orig = this.#values.get(ORIG.proto);
    const reply = this.#values.get(REPLY.proto);
    if (orig === undefined || reply === undefined) return;
    for (const value of orig) reply.add(value);
    for (const value of reply) orig.add(value);
  }

  /** Of both directions together and of one are asked for: the other is what is missing. */
  #addSums(): void {
    for (const pair of COUNTERS) {
      const [one, other] = pair.map((slot) => this.#values.get(slot));
      if (one === undefined || other === undefined) continue;
      const counts = [...new Set([...one, ...other])].filter((value) => typeof value === 'bigint');
      for (const sum of counts)
        for (const count of counts) if (sum > count) for (const values of [one, other]) values.add(sum - count);
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
      const { condition, slots } = node.question;
      return slots.every((slot) => this.#decided.has(slot)) ? condition.holds(this.#flow) : undefined;
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
  #tries({ condition, slots }: Question, holds: boolean, next: Goals | undefined, depth: number): boolean {
    const open = slots.filter((slot) => !this.#decided.has(slot));
    const tries = (place: number, value: SlotValue, beside: SlotValue): boolean => {
      const before = [...this.#decided];
      const flow = this.#flow.slice();
      // Of several that are looked at together one has the value, and of counters the other may have one, too.
      const possible = open.every((slot) => this.#decide(slot, slot === place ? value : beside));
      if (
        possible &&
        isPossible(this.#flow) &&
        condition.holds(this.#flow) === holds &&
        (next === undefined || this.finds(next, depth + 1))
      )
        return true;
      this.#decided.clear();
      for (const slot of before) this.#decided.add(slot);
      this.#flow.length = 0;
      this.#flow.push(...flow);
      return false;
    };
    const values = (slot: number): SlotValue[] => [...this.#values.get(slot)!];
    if (open.length === 2 && condition instanceof CounterCondition)
      return values(open[0]).some((value) => values(open[1]).some((beside) => tries(open[0], value, beside)));
    return open.some((slot) => values(slot).some((value) => tries(slot, value, undefined)));
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

function distinct(masked: readonly Masked[]): Masked[] {
  return [...new Map(masked.map((each) => [`${each.value}/${each.mask}`, each])).values()];
}
