/** A filter as the program of a socket that events come to. */
import type { Label } from '../../netlink/bpf-assembler.ts';
import { BPF_B, BPF_H, BPF_W } from '../../uapi/filter.ts';
import { IPPROTO_ICMPV6 } from '../../uapi/in.ts';
import * as cta from '../../uapi/nfnetlink_conntrack.ts';
import { ATTRIBUTES } from '../attributes/flow.ts';
import { KINDS } from '../attributes/kinds.ts';
import type { TupleSlots } from '../slots.ts';
import { EventProgram } from './event-program.ts';
import { prefixMask } from './prefix.ts';
import { RangeSet } from './ranges.ts';
import type { Comparison, FilterTerms } from './terms.ts';

const IPV6_BITS = 128;
/**
 * Ranges of a set that the program tells apart. Each takes two branches; four sets so large are a program that every
 * kernel takes.
 */
const MOST_RANGES = 64;
const TUPLES: Readonly<Record<TupleSlots<'orig' | 'reply'>['group'], number>> = {
  orig: cta.CTA_TUPLE_ORIG,
  reply: cta.CTA_TUPLE_REPLY,
};
/** What loads a value of so many bytes. */
const LOADS: Readonly<Record<number, number>> = { 1: BPF_B, 2: BPF_H, 4: BPF_W };

/**
 * The program that lets through what CompiledFilter.matches takes of the events that the kernel sends, and no others
 * but for ICMP fields without one protocol (ICMPv6 has them elsewhere, so that both pass) and for what is between the
 * ranges of a large set. Every event has the tuples and the status; one without a mark or a zone has 0.
 */
export function compileEventFilter({ family, mark, status, zone, compared }: FilterTerms): Uint8Array {
  const program = new EventProgram();
  const drop = program.label();
  if (family !== undefined) {
    program.loadFamily();
    program.ifEqual(family, { no: drop });
  }
  for (const [type, bits] of [
    [cta.CTA_MARK, mark],
    [cta.CTA_STATUS, status],
  ] as const) {
    if (bits === undefined) continue;
    program.loadFirst([[type]], BPF_W);
    program.mask(bits.mask);
    program.ifEqual(bits.value, { no: drop });
  }
  if (zone !== undefined) {
    program.loadFirst([[cta.CTA_ZONE], zoneOf(cta.CTA_TUPLE_ORIG), zoneOf(cta.CTA_TUPLE_REPLY)], BPF_H);
    program.ifEqual(zone, { no: drop });
  }
  for (const comparison of compared) compare(program, comparison, compared, drop);
  program.accept();
  program.place(drop);
  program.drop();
  return program.assemble();
}

function zoneOf(tuple: number): number[] {
  return [tuple, cta.CTA_TUPLE_ZONE];
}

function compare(program: EventProgram, each: Comparison, compared: readonly Comparison[], drop: Label): void {
  const { tuple, slot, value, prefix, mask } = each;
  if (slot === tuple.zone) {
    program.loadFirst([zoneOf(TUPLES[tuple.group]), [cta.CTA_ZONE]], BPF_H);
    program.ifEqual(value as number, { no: drop });
    return;
  }
  const proto = compared.find((other) => other.slot === tuple.proto)?.value;
  const { path, icmpv6, kind } = ATTRIBUTES[slot];
  if (icmpv6 !== undefined && typeof proto !== 'number') return;
  const names = icmpv6 !== undefined && proto === IPPROTO_ICMPV6 ? icmpv6 : path;
  program.follow(
    names.map((name) => cta[name as keyof typeof cta]),
    drop,
  );
  if (typeof value === 'number') {
    program.load(LOADS[KINDS[kind].size!]);
    if (mask !== -1) program.mask(mask);
    program.ifEqual(value, { no: drop });
  } else if (value instanceof RangeSet) {
    program.load(LOADS[KINDS[kind].size!]);
    program.ifWithin(value.boundsOf(MOST_RANGES), drop);
  } else {
    compareIpv6(program, value, prefix ?? IPV6_BITS, drop);
  }
}

/** The words that the prefix has something of. */
function compareIpv6(program: EventProgram, bytes: Uint8Array, prefix: number, drop: Label): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let byte = 0; 8 * byte < prefix; byte += 4) {
    const mask = prefixMask(prefix - 8 * byte);
    program.load(BPF_W, byte);
    if (mask !== -1) program.mask(mask);
    program.ifEqual(view.getUint32(byte) & mask, { no: drop });
  }
}
