/** What names a flow to the kernel, and whether the flow that it found is the one that was meant. */
import type { SlotHolder } from './attributes/kinds.ts';
import { type Allowed, contradicts, contradictsTuple } from './contradiction.ts';
import { Flow, flowCodec } from './flow.ts';
import { ID, ORIG, REPLY, START, TUPLE_PARTS, ZONE } from './slots.ts';
import { checkTuple, hasTuple, origZone } from './tuple.ts';

const BY_ORIG = [ORIG.family, ...ORIG.all, ZONE];
const BY_REPLY = [REPLY.family, ...REPLY.all, ZONE];
/** Where the reply tuple has what the original one has. */
const MIRRORED: readonly (readonly [from: number, to: number])[] = TUPLE_PARTS.map((name) => [ORIG[name], REPLY[name]]);

/** Any zone but 0: it keeps the kernel from comparing reply tuples, and is looked at for nothing else. */
export const SOME_ZONE = 0xffff;

/**
 * How a flow is named. 'usual' is what the C library sends, and finds any flow with that tuple and zone in either
 * direction: of a flow with a zone in one direction only, that may be another flow, whose reply tuple it is. 'exact'
 * finds nothing but this original tuple.
 */
export type Naming = 'usual' | 'exact';

/**
 * The attributes that name a flow: its original tuple, else its reply, and the exact zone.
 * @throws TypeError when there is no whole tuple
 */
export function identity(flow: SlotHolder, argument: string, naming: Naming = 'usual'): Flow {
  const { slots } = flow;
  checkNamed(flow, argument);
  const tuple = hasTuple(slots, ORIG) ? ORIG : REPLY;
  checkTuple(slots, tuple, argument, slots[ID] !== undefined);
  // A flow with only common slots.
  const copy = new Flow(flowCodec.emptyCommonSlots.slice());
  if (naming === 'exact' && tuple === ORIG) {
    nameExactly(slots, copy.slots);
    return copy;
  }
  const names = tuple === ORIG ? BY_ORIG : BY_REPLY;
  for (let i = 0; i < names.length; i++) copy.slots[names[i]] = slots[names[i]];
  return copy;
}

/** @throws TypeError when there is no tuple at all */
export function checkNamed({ slots }: SlotHolder, argument: string): void {
  if (hasTuple(slots, ORIG) || hasTuple(slots, REPLY)) return;
  throw new TypeError(
    `${argument}.orig.src is required, with dst, proto and what the protocol has, or those of ${argument}.reply: the kernel finds a flow by its tuple and zone`,
  );
}

/**
 * The kernel compares each direction of a flow with the zone that a request gives for that direction
 * (nf_ct_zone_equal), and looks first where the zone of the original direction puts the tuple (nf_conntrack_find_get).
 * So the zone goes into the tuple: then the other direction has zone 0, which a tuple of another zone is not. To look
 * in zone 0, the tuple is written as a reply with a zone of its own, because which of the two tuples it is makes no
 * difference to the kernel.
 */
function nameExactly(from: Flow['slots'], to: Flow['slots']): void {
  const zone = origZone(from);
  if (zone !== 0) {
    to[ORIG.family] = from[ORIG.family];
    for (let i = 0; i < ORIG.all.length; i++) to[ORIG.all[i]] = from[ORIG.all[i]];
    to[ORIG.zone] = zone;
    return;
  }
  for (let i = 0; i < MIRRORED.length; i++) to[MIRRORED[i][1]] = from[MIRRORED[i][0]];
  to[REPLY.zone] = SOME_ZONE;
}

/**
 * The flow can be named exactly, and something of it says whether another was found: the id of one that was in the
 * table, or its reply.
 */
export function mayBeHidden({ slots }: SlotHolder): boolean {
  return hasTuple(slots, ORIG) && (slots[ID] !== undefined || hasTuple(slots, REPLY));
}

/** Something beside the name of the flow says which one is meant: another may have its place by now. */
export function isParticular(flow: SlotHolder): boolean {
  return flow.slots[ID] !== undefined || mayBeHidden(flow);
}

/**
 * What was found is what was meant, as far as that says. A reply that is given beside the original tuple must be that
 * of the flow. A flow with an id was in the table: then its start decides, if it has one, else what contradicts it.
 */
export function isSameFlow(meant: Flow, found: Flow, allowed?: Allowed): boolean {
  const a = meant.slots;
  const b = found.slots;
  if (hasTuple(a, ORIG) && contradictsTuple(a, b, REPLY)) return false;
  if (a[START] !== undefined && a[START] !== b[START]) return false;
  if (a[ID] === undefined) return true;
  return a[ID] === b[ID] && (a[START] !== undefined || !contradicts(a, b, allowed));
}
