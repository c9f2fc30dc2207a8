/**
 * The hash table of nf_conntrack_core.c: each flow is in it by both of its tuples, and each tuple in the zone of its
 * direction. What is looked up is found by either.
 */
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { ORIG, REPLY, type TupleSlots, ZONE } from '../ctnetlink/slots.ts';

type Slots = readonly SlotValue[];
/** Of the original direction, and of the reply. */
type Zones = readonly [number, number];

/** struct nf_conntrack_zone: a zone of one direction is 0 in the other. */
export function zonesOf(slots: Slots): Zones {
  const both = slots[ZONE] ?? 0;
  return [(slots[ORIG.zone] ?? both) as number, (slots[REPLY.zone] ?? both) as number];
}

function text(slots: Slots, tuple: TupleSlots): string {
  const { src4, src6, dst4, dst6, proto, sport, dport, icmpType, icmpCode, icmpId } = tuple;
  const src = slots[src4] ?? String(slots[src6]);
  const dst = slots[dst4] ?? String(slots[dst6]);
  const icmp = slots[icmpType] === undefined ? '' : ` ${slots[icmpType]}.${slots[icmpCode]}.${slots[icmpId]}`;
  return `${slots[proto]} ${src}.${slots[sport]} ${dst}.${slots[dport]}${icmp}`;
}

/** What names a flow: the zone of its original direction, and that tuple. */
export function keyOf(slots: Slots): string {
  return `${zonesOf(slots)[0]} ${text(slots, ORIG)}`;
}

/** An entry, and the direction whose tuple was looked up: 0 is the original one. */
export interface Hit<E> {
  readonly entry: E;
  readonly direction: 0 | 1;
}

export class TupleTable<E extends { readonly slots: Slots }> {
  /** By zone and tuple; the newest first, as hlist_nulls_add_head_rcu puts it. */
  readonly #hits = new Map<string, Hit<E>[]>();

  /** nf_conntrack_find_get: whatever is found by this tuple where the zones of the request put it. */
  find(slots: Slots, tuple: TupleSlots): E | undefined {
    return this.locate(slots, tuple)?.entry;
  }

  /** The same with the direction that has the tuple. */
  locate(slots: Slots, tuple: TupleSlots): Hit<E> | undefined {
    const zones = zonesOf(slots);
    const name = text(slots, tuple);
    const [orig, reply] = zones;
    const found = this.#at(orig, name, zones);
    return found !== undefined || reply === orig ? found : this.#at(reply, name, zones);
  }

  /** nf_conntrack_hash_check_insert: whether an existing flow excludes a flow like this. */
  clashes(slots: Slots): boolean {
    const zones = zonesOf(slots);
    return this.#at(zones[0], text(slots, ORIG), zones) !== undefined || this.taken(slots);
  }

  /** nf_conntrack_tuple_taken: whether an answer to a flow like this would be one to another. */
  taken(slots: Slots): boolean {
    const zones = zonesOf(slots);
    return this.#at(zones[1], text(slots, REPLY), zones) !== undefined;
  }

  add(entry: E): void {
    for (const direction of DIRECTIONS) {
      const key = placeOf(entry, direction);
      const hits = this.#hits.get(key);
      if (hits === undefined) this.#hits.set(key, [{ entry, direction }]);
      else hits.unshift({ entry, direction });
    }
  }

  remove(entry: E): void {
    for (const direction of DIRECTIONS) {
      const key = placeOf(entry, direction);
      // Both tuples of a flow from one end to itself are one.
      const hits = (this.#hits.get(key) ?? []).filter((hit) => hit.entry !== entry);
      if (hits.length > 0) this.#hits.set(key, hits);
      else this.#hits.delete(key);
    }
  }

  #at(zone: number, name: string, zones: Zones): Hit<E> | undefined {
    const hits = this.#hits.get(`${zone} ${name}`);
    if (hits === undefined) return undefined;
    // nf_ct_zone_equal
    for (const hit of hits) if (zonesOf(hit.entry.slots)[hit.direction] === zones[hit.direction]) return hit;
    return undefined;
  }
}

const DIRECTIONS = [0, 1] as const;

function placeOf({ slots }: { readonly slots: Slots }, direction: 0 | 1): string {
  return `${zonesOf(slots)[direction]} ${text(slots, direction === 0 ? ORIG : REPLY)}`;
}
