/** Random objects as lists of nfct_set_attr, and what is set in an object of ours, in the format of the oracle. */
import * as nfct from '../../../src/nfct/index.ts';
import { wireForm } from '../../../src/nfct/wire.ts';
import {
  IPPROTO_DCCP,
  IPPROTO_ESP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../../src/uapi/in.ts';
import { AF_INET, AF_INET6 } from '../../../src/uapi/socket.ts';
import type { Attr } from '../oracle/oracle.ts';
import type { Random } from '../random.ts';
import { encode } from '../samples.ts';
import { ALL_IDS, hex, is, memoryOf, randomMemory } from './memory.ts';

export type Setting = { id: number; value: Uint8Array };

const { ATTR_CONNLABELS, ATTR_CONNLABELS_MASK, ATTR_HELPER_INFO, ATTR_ICMP_TYPE, ATTR_SECCTX, ATTR_STATUS } = nfct;

const L3PROTOS = [nfct.ATTR_ORIG_L3PROTO, nfct.ATTR_REPL_L3PROTO, nfct.ATTR_MASTER_L3PROTO];
const L4PROTOS = [nfct.ATTR_ORIG_L4PROTO, nfct.ATTR_REPL_L4PROTO, nfct.ATTR_MASTER_L4PROTO];
const IPV4 = [0, 1, 2, 3, 20, 21, 37, 38];
const IPV6 = [4, 5, 6, 7, 39, 40, 70, 71];
const PORTS = [8, 9, 10, 11];
const ICMP = [12, 13, 14];
const PROTOINFO = { tcp: [19, 33, 34, 35, 36, 59, 60], sctp: [52, 53, 54], dccp: [56, 57, 58] };

/** What cannot be together in memory of C: addresses of two families, ports and ICMP, state of two protocols. */
export interface Shape {
  family: number;
  icmp: boolean;
  info: keyof typeof PROTOINFO;
}

export function randomShape(random: Random): Shape {
  return {
    family: random.pick([AF_INET, AF_INET6]),
    icmp: random.oneIn(3),
    info: random.pick(['tcp', 'sctp', 'dccp'] as const),
  };
}

/** The attributes that an object of this shape can have. */
export function idsOf({ family, icmp, info }: Shape): number[] {
  const not = new Set([
    ...(family === AF_INET ? IPV6 : IPV4),
    ...(icmp ? PORTS : ICMP),
    ...Object.entries(PROTOINFO).flatMap(([name, ids]) => (name === info ? [] : ids)),
  ]);
  return ALL_IDS.filter((id) => !not.has(id));
}

export function randomSetting(random: Random, { family, icmp }: Shape, id: number): Setting {
  const of = (...bytes: number[]): Setting => is(id, ...bytes) as Setting;
  if (L3PROTOS.includes(id)) return of(family);
  if (L4PROTOS.includes(id)) {
    const icmps = [IPPROTO_ICMP, IPPROTO_ICMPV6];
    const others = [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_GRE, IPPROTO_ESP, 0];
    return of(random.pick(icmp && id !== nfct.ATTR_MASTER_L4PROTO ? icmps : others));
  }
  if (id === ATTR_ICMP_TYPE) return of(random.pick(family === AF_INET ? [0, 8, 13, 14] : [128, 129]));
  // C stores none, so that all are equal to it.
  if (id === ATTR_SECCTX) return of(0x61, 0);
  // Lengths differ, what is set must often not.
  if (id === ATTR_CONNLABELS || id === ATTR_CONNLABELS_MASK) {
    const value = new Uint8Array(4 * random.between(1, 4));
    value[random.below(5) % value.length] = 1 << random.below(2);
    return { id, value };
  }
  return { id, value: randomMemory(random, id) };
}

/**
 * An object with each attribute of its shape in so many of a hundred, protocols first: ours derives an ICMP type from
 * them when they come, C never after the type.
 */
export function randomObject(random: Random, shape: Shape, percent = random.pick([10, 50, 90])): Setting[] {
  const ids = idsOf(shape);
  const first = ids.filter((id) => L3PROTOS.includes(id) || L4PROTOS.includes(id));
  return [...first, ...ids.filter((id) => !first.includes(id))]
    .filter(() => random.percent(percent))
    .map((id) => randomSetting(random, shape, id));
}

/** The same with both protocols of the original and the reply tuple, so that it can be sent. */
export function randomWhole(random: Random, shape: Shape): Setting[] {
  const { icmp, family } = shape;
  const proto = icmp
    ? family === AF_INET
      ? IPPROTO_ICMP
      : IPPROTO_ICMPV6
    : { tcp: IPPROTO_TCP, sctp: IPPROTO_SCTP, dccp: IPPROTO_DCCP }[shape.info];
  const not = [...L3PROTOS, ...L4PROTOS, ATTR_HELPER_INFO, 37, 38, 39, 40, 41, 42];
  return [
    ...[nfct.ATTR_ORIG_L3PROTO, nfct.ATTR_REPL_L3PROTO].map((id) => is(id, family) as Setting),
    ...[nfct.ATTR_ORIG_L4PROTO, nfct.ATTR_REPL_L4PROTO].map((id) => is(id, proto) as Setting),
    ...randomObject(random, shape).filter(({ id }) => !not.includes(id)),
  ];
}

/** Nearly the same: something is missing, other or new, but not much. */
export function varied(random: Random, list: readonly Setting[], shape: Shape): Setting[] {
  const changes = random.below(3);
  const result = [...list];
  for (let i = 0; i < changes; i++) {
    const id = random.pick(idsOf(shape));
    const at = result.findIndex((each) => each.id === id);
    if (at < 0) result.push(randomSetting(random, shape, id));
    else if (random.oneIn(2)) result.splice(at, 1);
    else if (id === ATTR_STATUS) result[at] = { id, value: result[at].value.map((byte) => byte | random.below(256)) };
    else result[at] = randomSetting(random, shape, id);
  }
  return result;
}

const HAS_NO_VALUE = [26, 27, 28, 29, 30, ATTR_SECCTX, 63, 64, ATTR_HELPER_INFO];

/** All that is set as `ID=HEX`, as the oracle's State has it. */
export function setIn(ct: nfct.Flow): string[] {
  return ALL_IDS.filter((id) => nfct.nfct_attr_is_set(ct, id) === 1).map((id) => {
    const value = HAS_NO_VALUE.includes(id) ? '' : hex(memoryOf(id, nfct.nfct_get_attr(ct, id)!));
    return `${id}=${value}`;
  });
}

/** What nfct_nlmsg_build makes of it. */
export function builtFrom(ct: nfct.Flow): string {
  return hex(encode(wireForm(ct).attributes));
}

export function textOf(...lists: (readonly Attr[])[]): string {
  return lists
    .map((list) => list.map((each) => ('opt' in each ? `opt=${each.opt}` : `${each.id}=${hex(each.value)}`)).join(' '))
    .join(' | ');
}
