/**
 * struct nfct_filter as the classic BPF program that libnetfilter_conntrack makes of it, instruction by instruction.
 */
import { EventProgram } from '../ctnetlink/filter/event-program.ts';
import type { Label } from '../netlink/bpf-assembler.ts';
import { BPF_B, BPF_H, BPF_MISC, BPF_TXA, BPF_W } from '../uapi/filter.ts';
import { IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_TCP } from '../uapi/in.ts';
import * as nfct from '../uapi/libnetfilter_conntrack.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';

/** What a filter has of one kind. */
export interface FilterKind {
  /** Each as the 32-bit integers of its C structure, in their order there. */
  readonly values: number[][];
  /** NFCT_FILTER_LOGIC_NEGATIVE: what has one of the values is dropped, and not what has none. */
  negative: boolean;
}

/** The nests of CTA_PROTOINFO whose first attribute is a state. */
export const STATE_NESTS: ReadonlyMap<number, number> = new Map([
  [IPPROTO_TCP, cta.CTA_PROTOINFO_TCP],
  [IPPROTO_DCCP, cta.CTA_PROTOINFO_DCCP],
  [IPPROTO_SCTP, cta.CTA_PROTOINFO_SCTP],
]);

type Writer = (program: EventProgram, kind: FilterKind) => void;

/**
 * In the order in which C tests the kinds; ZONE, which the 1.0.9 that this was compared with does not have, is the
 * last.
 */
const WRITERS: readonly (readonly [kind: number, write: Writer])[] = [
  [nfct.NFCT_FILTER_L4PROTO, l4proto],
  [nfct.NFCT_FILTER_SRC_IPV4, (program, kind) => ipv4(program, kind, cta.CTA_IP_V4_SRC)],
  [nfct.NFCT_FILTER_DST_IPV4, (program, kind) => ipv4(program, kind, cta.CTA_IP_V4_DST)],
  [nfct.NFCT_FILTER_SRC_IPV6, (program, kind) => ipv6(program, kind, cta.CTA_IP_V6_SRC)],
  [nfct.NFCT_FILTER_DST_IPV6, (program, kind) => ipv6(program, kind, cta.CTA_IP_V6_DST)],
  [nfct.NFCT_FILTER_L4PROTO_STATE, l4protoState],
  [nfct.NFCT_FILTER_MARK, mark],
  [nfct.NFCT_FILTER_ZONE, zone],
];

/** @param kinds by NFCT_FILTER_* */
export function compileFilter(kinds: readonly FilterKind[]): Uint8Array {
  const program = new EventProgram();
  for (const [number, write] of WRITERS) if (kinds[number].values.length > 0) write(program, kinds[number]);
  program.accept();
  return program.assemble();
}

/** Drops what `tests` does not send to `match` (or what it does), but for what it sends past all. */
function judge(program: EventProgram, negative: boolean, tests: (match: Label, past: Label) => void): void {
  const match = program.label();
  const past = program.label();
  tests(match, past);
  if (negative) {
    program.goto(past);
    program.place(match);
    program.drop();
  } else {
    program.drop();
    program.place(match);
  }
  program.place(past);
}

/**
 * X = the attribute at the end of this path. As in C what is missing of it is looked for in all that follows, also
 * outside of the nest; only IPv6 addresses are not.
 */
function wander(program: EventProgram, path: readonly number[], missing: Label): void {
  program.toAttributes();
  for (const [depth, type] of path.entries()) {
    if (depth > 0) program.enter();
    program.find(type, missing);
  }
  program.hold();
}

/** Those of an array of bits, as C keeps them. */
function sorted(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function l4proto(program: EventProgram, { values, negative }: FilterKind): void {
  judge(program, negative, (match, past) => {
    wander(program, [cta.CTA_TUPLE_ORIG, cta.CTA_TUPLE_PROTO, cta.CTA_PROTO_NUM], past);
    program.load(BPF_B);
    for (const proto of sorted(values.map(([each]) => each))) program.ifEqual(proto, { yes: match });
  });
}

/**
 * A protocol that is not named passes. (C tests the states of one of the named ones only, whichever has the highest
 * number.)
 */
function l4protoState(program: EventProgram, { values, negative }: FilterKind): void {
  for (const proto of sorted(values.map(([each]) => each))) {
    const states = values.filter(([each]) => each === proto).map(([, state]) => state);
    judge(program, negative, (match, past) => {
      wander(program, [cta.CTA_PROTOINFO, STATE_NESTS.get(proto)!, cta.CTA_PROTOINFO_TCP_STATE], past);
      program.load(BPF_B);
      for (const state of sorted(states)) program.ifEqual(state, { yes: match });
    });
  }
}

function ipv4(program: EventProgram, { values, negative }: FilterKind, type: number): void {
  judge(program, negative, (match, past) => {
    wander(program, [cta.CTA_TUPLE_ORIG, cta.CTA_TUPLE_IP, type], past);
    for (const [address, bits] of values) {
      program.load(BPF_W);
      program.mask(bits);
      program.ifEqual(address & bits, { yes: match });
    }
  });
}

function ipv6(program: EventProgram, { values, negative }: FilterKind, type: number): void {
  judge(program, negative, (match, past) => {
    program.follow([cta.CTA_TUPLE_ORIG, cta.CTA_TUPLE_IP, type], past);
    for (const words of values) {
      // Of several addresses C gives up at the first word that differs, without a look at the others.
      const next = program.label();
      for (let word = 0; word < 4; word++) {
        program.load(BPF_W, 4 * word);
        program.mask(words[4 + word]);
        program.ifEqual(words[word] & words[4 + word], word < 3 ? { no: next } : { yes: match });
      }
      program.place(next);
    }
  });
}

function mark(program: EventProgram, { values, negative }: FilterKind): void {
  judge(program, negative, (match) => {
    program.loadFirst([[cta.CTA_MARK]], BPF_W);
    program.hold();
    for (const [value, bits] of values) {
      program.mask(bits);
      program.ifEqual(value & bits, { yes: match });
      program.add(BPF_MISC | BPF_TXA);
    }
  });
}

function zone(program: EventProgram, { values, negative }: FilterKind): void {
  judge(program, negative, (match) => {
    program.loadFirst([[cta.CTA_ZONE]], BPF_H);
    for (const [value] of values) program.ifEqual(value, { yes: match });
  });
}
