/** A filter as the program of a socket that events come to. */
import type { Label } from '../../netlink/bpf-assembler.ts';
import { BPF_B, BPF_H, BPF_W, SOCK_FILTER_LEN } from '../../uapi/filter.ts';
import { IPPROTO_ICMPV6 } from '../../uapi/in.ts';
import { NLA_HDRLEN } from '../../uapi/netlink.ts';
import * as cta from '../../uapi/nfnetlink_conntrack.ts';
import { ATTRIBUTES, type WirePath } from '../attributes/flow.ts';
import { KINDS } from '../attributes/kinds.ts';
import { labelByte } from '../labels.ts';
import type { TupleSlots } from '../slots.ts';
import { AllOf, AnyOf, type Condition, Not } from './condition.ts';
import { EventProgram } from './event-program.ts';
import { AddressCondition, CounterCondition, HelperCondition, IntegerCondition, LabelCondition } from './leaves.ts';
import { prefixMask } from './prefix.ts';
import { RangeSet } from './ranges.ts';
import type { Comparison, FilterTerms } from './terms.ts';

const IPV6_BITS = 128;
/**
 * Ranges of a set that the program tells apart: of several the first with which it fits. Each takes two branches; four
 * sets so large are a program that every kernel takes.
 */
const MOST_RANGES = [64, 16, 4];
const TUPLES: Readonly<Record<TupleSlots<'orig' | 'reply'>['group'], number>> = {
  orig: cta.CTA_TUPLE_ORIG,
  reply: cta.CTA_TUPLE_REPLY,
};
/** What loads a value of so many bytes. */
const LOADS: Readonly<Record<number, number>> = { 1: BPF_B, 2: BPF_H, 4: BPF_W };

/** Prefixes of IPv6 that are compared whole; of more only their first words. */
const MOST_IPV6 = 8;
/** Kernels before 6.9 have room for so many instructions in the filter of a socket (net.core.optmem_max). */
const MOST_INSTRUCTIONS = 1000;

/**
 * The program that lets through what CompiledFilter.matches takes of the events that the kernel sends, and few others:
 * it lets through what it cannot decide. Every event has the tuples and the status; one without a mark or a zone has 0.
 * Undefined where no program excludes anything.
 */
export function compileEventFilter(condition: AllOf): Uint8Array | undefined {
  for (const ranges of MOST_RANGES) {
    const program = new FilterProgram(ranges).compile(condition);
    if (program !== undefined && program.length <= MOST_INSTRUCTIONS * SOCK_FILTER_LEN) return program;
  }
  // The terms alone always fit.
  return condition.terms.any ? undefined : new FilterProgram(1).compile(new AllOf(condition.terms));
}

/** What falls through where a condition holds, and jumps where it does not. */
class FilterProgram {
  readonly #program = new EventProgram();
  readonly #ranges: number;

  /** @param ranges of a set that it tells apart */
  constructor(ranges: number) {
    this.#ranges = ranges;
  }

  /** Undefined if it is far too long. */
  compile(condition: AllOf): Uint8Array | undefined {
    const program = this.#program;
    const drop = program.label();
    this.#require(condition, true, drop);
    program.accept();
    program.place(drop);
    program.drop();
    return program.size > MOST_INSTRUCTIONS ? undefined : program.assemble();
  }

  /**
   * @param over what the program cannot decide counts as met (true) or as not met (false). Inside of a `not` it is the
   * other one, so that the whole never drops what matches.
   */
  #require(condition: Condition, over: boolean, no: Label): void {
    const program = this.#program;
    // It is not used.
    if (program.size > MOST_INSTRUCTIONS) return;
    if (condition instanceof AllOf) {
      this.#requireTerms(condition.terms, over, no);
      for (const each of condition.conditions) this.#require(each, over, no);
    } else if (condition instanceof AnyOf) {
      this.#requireAny(condition.conditions, no, (each, next) => this.#require(each, over, next));
    } else if (condition instanceof Not) {
      const unmet = program.label();
      this.#require(condition.condition, !over, unmet);
      program.goto(no);
      program.place(unmet);
    } else {
      this.#requireLeaf(condition, over, no);
    }
  }

  #requireTerms({ family, mark, status, zone, compared }: FilterTerms, over: boolean, no: Label): void {
    const program = this.#program;
    if (family !== undefined) {
      program.loadFamily();
      program.ifEqual(family, { no });
    }
    for (const [type, bits] of [
      [cta.CTA_MARK, mark],
      [cta.CTA_STATUS, status],
    ] as const) {
      if (bits === undefined) continue;
      program.loadFirst([[type]], BPF_W);
      program.mask(bits.mask);
      program.ifEqual(bits.value, { no });
    }
    if (zone !== undefined) {
      program.loadFirst([[cta.CTA_ZONE], zoneOf(cta.CTA_TUPLE_ORIG), zoneOf(cta.CTA_TUPLE_REPLY)], BPF_H);
      program.ifEqual(zone, { no });
    }
    for (const comparison of compared) this.#compare(comparison, compared, over, no);
  }

  #compare(each: Comparison, compared: readonly Comparison[], over: boolean, no: Label): void {
    const program = this.#program;
    const { tuple, slot, value, prefix, mask } = each;
    if (slot === tuple.zone) program.loadFirst([zoneOf(TUPLES[tuple.group]), [cta.CTA_ZONE]], BPF_H);
    else {
      const proto = compared.find((other) => other.slot === tuple.proto)?.value;
      const { path, icmpv6, kind } = ATTRIBUTES[slot];
      if (icmpv6 !== undefined && typeof proto !== 'number') {
        // ICMPv6 has them elsewhere.
        this.#cannotDecide(over, no);
        return;
      }
      program.follow(typesOf(icmpv6 !== undefined && proto === IPPROTO_ICMPV6 ? icmpv6 : path), no);
      if (value instanceof Uint8Array) {
        compareIpv6(program, value, prefix ?? IPV6_BITS, no);
        return;
      }
      program.load(LOADS[KINDS[kind].size!]);
    }
    if (value instanceof RangeSet) this.#within(value, over, no);
    else {
      if (mask !== -1) program.mask(mask);
      program.ifEqual(value as number, { no });
    }
  }

  /** That A is in the set; a large one has gaps that the program does not know. */
  #within(set: RangeSet, over: boolean, no: Label): void {
    if (over || set.bounds.length <= 2 * this.#ranges) this.#program.ifWithin(set.boundsOf(this.#ranges), no);
    else this.#cannotDecide(over, no);
  }

  #requireLeaf(leaf: Condition, over: boolean, no: Label): void {
    const program = this.#program;
    if (leaf instanceof IntegerCondition) {
      this.#requireAny(leaf.slots, no, (slot, next) => {
        const { path, kind } = ATTRIBUTES[slot];
        const size = LOADS[KINDS[kind].size!];
        if (leaf.absent === 0) program.loadFirst([typesOf(path)], size);
        else {
          program.follow(typesOf(path), next);
          program.load(size);
        }
        this.#within(leaf.set, over, next);
      });
    } else if (leaf instanceof AddressCondition) {
      this.#requireAddress(leaf, over, no);
    } else if (leaf instanceof LabelCondition) {
      program.follow([cta.CTA_LABELS], no);
      this.#requireAny(leaf.bits, no, (bit, next) => {
        const byte = labelByte(bit);
        // Older kernels have fewer of them.
        program.loadLength();
        program.ifAbove(NLA_HDRLEN + byte, next);
        program.load(BPF_B, byte);
        program.mask(1 << (bit & 7));
        program.ifEqual(1 << (bit & 7), { no: next });
      });
    } else if (leaf instanceof HelperCondition) {
      program.follow([cta.CTA_HELP, cta.CTA_HELP_NAME], no);
      this.#cannotDecide(over, no);
    } else if (leaf instanceof CounterCondition) {
      this.#requireAny(leaf.slots, no, (slot, next) => program.follow([typesOf(ATTRIBUTES[slot].path)[0]], next));
      this.#cannotDecide(over, no);
    } else {
      this.#cannotDecide(over, no);
    }
  }

  #requireAddress({ four, six, set }: AddressCondition, over: boolean, no: Label): void {
    const program = this.#program;
    const ranges = new RangeSet([...set.rangesOfIpv4()]);
    const prefixes = [...set.prefixesOfIpv6()];
    const words = new RangeSet([...set.firstWordsOfIpv6()]);
    const places: ((next: Label) => void)[] = [];
    if (ranges.bounds.length > 0) {
      for (const slot of four)
        places.push((next) => {
          program.follow(typesOf(ATTRIBUTES[slot].path), next);
          program.load(BPF_W);
          this.#within(ranges, over, next);
        });
    }
    if (prefixes.length > 0) {
      for (const slot of six)
        places.push((next) => {
          program.follow(typesOf(ATTRIBUTES[slot].path), next);
          if (prefixes.length <= MOST_IPV6)
            this.#requireAny(prefixes, next, ({ bytes, length }, other) => compareIpv6(program, bytes, length, other));
          else if (over) {
            program.load(BPF_W);
            this.#within(words, over, next);
          } else this.#cannotDecide(over, next);
        });
    }
    this.#requireAny(places, no, (require, next) => require(next));
  }

  #cannotDecide(over: boolean, no: Label): void {
    if (!over) this.#program.goto(no);
  }

  /** One of these, each of which falls through where it is met. */
  #requireAny<T>(items: readonly T[], no: Label, require: (item: T, no: Label) => void): void {
    const program = this.#program;
    const yes = program.label();
    items.forEach((item, index) => {
      const isLast = index === items.length - 1;
      const next = isLast ? no : program.label();
      require(item, next);
      if (isLast) return;
      program.goto(yes);
      program.place(next);
    });
    program.place(yes);
  }
}

function zoneOf(tuple: number): number[] {
  return [tuple, cta.CTA_TUPLE_ZONE];
}

function typesOf(path: WirePath): number[] {
  return path.map((name) => cta[name as keyof typeof cta]);
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
