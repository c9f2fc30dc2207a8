/**
 * The order in which flows can be created again. Where a zone is of one direction only, the kernel takes a flow for
 * another one, and answers EEXIST, although packets make both: it finds a tuple in either direction of a flow, and
 * compares the zones of the direction that it found (nf_ct_zone_equal), not those of the two tuples. In the other order
 * it creates both, unless each would be taken for the other.
 */
import type { SlotValue } from './attributes/kinds.ts';
import type { Flow } from './flow.ts';
import { ORIG, REPLY, TUPLE_PARTS, type TupleSlots, ZONE } from './slots.ts';
import { origZone } from './tuple.ts';

type Slots = readonly SlotValue[];

/**
 * The places of all flows: those last that keep others from being created. Undefined if the order does not matter,
 * which is so unless a flow has a zone of one direction.
 * @param flows undefined for what cannot be created
 */
export function creationOrder(flows: readonly (Flow | undefined)[]): number[] | undefined {
  const partly = flows.filter((flow): flow is Flow => flow !== undefined && hasZoneOfOne(flow.slots));
  if (partly.length === 0) return undefined;
  const had = new Set(partly.flatMap(({ slots }) => namesOf(slots)));
  /** Names under which a flow would be found to exist. */
  const wanted = new Set(partly.flatMap(({ slots }) => wantedBy(slots)));
  for (const flow of flows)
    for (const name of flow === undefined ? [] : wantedBy(flow.slots)) if (had.has(name)) wanted.add(name);
  const order: number[] = [];
  let later: number[] = [];
  for (const [at, flow] of flows.entries())
    (flow !== undefined && namesOf(flow.slots).some((name) => wanted.has(name)) ? later : order).push(at);
  if (later.length === 0) return undefined;
  while (later.length > 0) {
    const waiting = new Set(later.flatMap((at) => wantedBy(flows[at]!.slots)));
    const mustWait = (at: number): boolean => namesOf(flows[at]!.slots).some((name) => waiting.has(name));
    const still = later.filter(mustWait);
    // Each keeps another one from being created.
    if (still.length === later.length) return [...order, ...later];
    order.push(...later.filter((at) => !mustWait(at)));
    later = still;
  }
  return order;
}

/** A zone of one direction only. */
export function hasZoneOfOne(slots: Slots): boolean {
  return slots[ORIG.zone] !== undefined || slots[REPLY.zone] !== undefined;
}

/**
 * The names that the kernel looks for before it creates this flow: its original tuple as the reply of another
 * (nf_conntrack_find_get), and its reply as the original tuple of another (nf_conntrack_hash_check_insert), which is in
 * the place of this zone.
 */
function wantedBy(slots: Slots): string[] {
  const zone = replyZone(slots);
  const asReply = nameOf(slots, ORIG, 'reply', zone);
  return origZone(slots) === zone ? [asReply, nameOf(slots, REPLY, 'orig', zone)] : [asReply];
}

/** The names that it is found by then. */
function namesOf(slots: Slots): string[] {
  return [nameOf(slots, REPLY, 'reply', replyZone(slots)), nameOf(slots, ORIG, 'orig', origZone(slots))];
}

function nameOf(slots: Slots, tuple: TupleSlots, found: 'orig' | 'reply', zone: number): string {
  return `${found} ${zone} ${TUPLE_PARTS.map((name) => slots[tuple[name]] ?? '').join('/')}`;
}

function replyZone(slots: Slots): number {
  return (slots[ZONE] || slots[REPLY.zone] || 0) as number;
}
