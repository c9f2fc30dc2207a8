/** What the kernel knows a flow by: the tuple of a direction and its zone, hashed and compared. */
import type { SlotValue } from '../../ctnetlink/attributes/kinds.ts';
import { partsOf } from '../../ctnetlink/protocols.ts';
import { ORIG, REPLY, type TupleSlots, ZONE } from '../../ctnetlink/slots.ts';

export interface Side {
  readonly tuple: TupleSlots;
  /** All slots that count. */
  readonly slots: readonly number[];
}

export const ORIGINAL: Side = side(ORIG);
export const REPLIED: Side = side(REPLY);

function side(tuple: TupleSlots): Side {
  return { tuple, slots: [...tuple.all, ZONE] };
}

/** A zone of both directions, or of this one; 0 is none. */
export function zoneIn(slots: readonly SlotValue[], tuple: TupleSlots): number {
  return (slots[ZONE] || slots[tuple.zone] || 0) as number;
}

/**
 * 32 bits. @param seed differs from table to table: whoever sends packets must not choose which flows share a chain
 */
export function hashTuple(slots: readonly SlotValue[], { tuple }: Side, seed: number): number {
  const proto = slots[tuple.proto] as number;
  let hash = mix(seed ^ zoneIn(slots, tuple), proto);
  if (slots[tuple.src4] !== undefined) {
    hash = mix(hash, slots[tuple.src4] as number);
    hash = mix(hash, slots[tuple.dst4] as number);
  } else {
    hash = mixBytes(hash, slots[tuple.src6] as Uint8Array | undefined);
    hash = mixBytes(hash, slots[tuple.dst6] as Uint8Array | undefined);
  }
  const parts = partsOf(proto);
  for (let i = 0; i < parts.length; i++) hash = mix(hash, (slots[tuple[parts[i]]] ?? 0) as number);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

function mixBytes(hash: number, bytes: Uint8Array | undefined): number {
  if (bytes === undefined) return hash;
  for (let i = 0; i < 16; i += 4)
    hash = mix(hash, bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24));
  return hash;
}

/** Whether the kernel takes both for one. */
export function sameTuple(a: readonly SlotValue[], b: readonly SlotValue[], { tuple }: Side): boolean {
  const { src4, dst4, src6, dst6, proto } = tuple;
  if (a[proto] !== b[proto] || a[src4] !== b[src4] || a[dst4] !== b[dst4]) return false;
  if (zoneIn(a, tuple) !== zoneIn(b, tuple)) return false;
  const parts = partsOf(a[proto] as number);
  for (let i = 0; i < parts.length; i++) if ((a[tuple[parts[i]]] ?? 0) !== (b[tuple[parts[i]]] ?? 0)) return false;
  return sameBytes(a[src6], b[src6]) && sameBytes(a[dst6], b[dst6]);
}

function sameBytes(a: SlotValue, b: SlotValue): boolean {
  if (a === b) return true;
  if (!(a instanceof Uint8Array && b instanceof Uint8Array)) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
