/** Random requests about few flows, right ones and wrong ones, to be made of two kernels. */
import type { ExpectationInit } from '../../src/ctnetlink/attributes/expectation-properties.ts';
import type { FlowInit, TupleInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import type { UnknownAttribute } from '../../src/ctnetlink/attributes/kinds.ts';
import { Expectation } from '../../src/ctnetlink/expectation.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { buildExpectationMessage, type ExpectationQuery } from '../../src/ctnetlink/request/expectation.ts';
import { buildMessage, type QueryName } from '../../src/ctnetlink/request/flow.ts';
import { MARK_MASK, ORIG, REPLY, STATUS_MASK, slotOfProperty } from '../../src/ctnetlink/slots.ts';
import { completeFrom } from '../../src/ctnetlink/tuple.ts';
import type { Request } from '../../src/netlink/request.ts';
import * as cta from '../../src/uapi/nfnetlink_conntrack.ts';
import { AF_INET, AF_INET6 } from '../../src/uapi/socket.ts';
import type { Random } from './random.ts';

const FLAGS_ORIG = slotOfProperty('filter.origFlags');
const FLAGS_REPLY = slotOfProperty('filter.replyFlags');

/** Whole thousands, so that the seconds of a run do not count. */
const TIMEOUTS = [1000, 2000, 3000, 0xffffffff];

/** Every port and id of ICMP in a request. */
export const PORTS: readonly number[] = [0, 1, 2, 9, 21, 700, 3000, 3001, 4000, 5000, 0xff, 0xffff];

export class RandomRequests {
  readonly #random: Random;
  /** The first tuple of each flow that was asked for: what exists is asked for again. */
  readonly #known: FlowInit[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  next(): { readonly what: string; readonly request: Request } {
    const random = this.#random;
    const name = random.pick([
      ...(['create', 'create', 'create', 'createOrUpdate', 'update', 'update', 'update', 'get', 'delete'] as const),
      ...(['reset', 'flush', 'dump', 'dump', 'dumpReset', 'stats', 'dumpDying'] as const),
      ...(['expectations.create', 'expectations.create', 'expectations.createOrUpdate'] as const),
      ...(['expectations.get', 'expectations.delete', 'expectations.dump', 'expectations.flush'] as const),
    ]);
    if (name.startsWith('expectations')) return this.#ofExpectation(name as ExpectationQuery);
    return this.#ofFlow(name as QueryName);
  }

  #maybe<T>(oneIn: number, value: () => T): T | undefined {
    return this.#random.oneIn(oneIn) ? value() : undefined;
  }

  #tuple(): TupleInit & { src: string } {
    const random = this.#random;
    const v6 = random.oneIn(4);
    const net = v6 ? 'fd00::' : '10.0.0.';
    const ends = { src: `${net}${random.between(1, 2)}`, dst: `${net}${random.between(1, 3)}` };
    const proto = random.pick([
      'tcp',
      'tcp',
      'tcp',
      'udp',
      'udp',
      'sctp',
      'gre',
      'udplite',
      v6 ? 'icmpv6' : 'icmp',
      89,
    ] as const);
    if (proto === 89) return { ...ends, proto };
    if (proto === 'icmp' || proto === 'icmpv6')
      return {
        ...ends,
        proto,
        icmpType: random.pick(v6 ? [128, 129, 3] : [8, 0, 13, 3]),
        icmpCode: 0,
        icmpId: random.between(1, 2),
      };
    return { ...ends, proto, sport: random.pick([1, 2, 700, 5000]), dport: random.pick([1, 2, 21]) };
  }

  #flow(): FlowInit {
    const random = this.#random;
    if (this.#known.length > 0 && !random.oneIn(3)) return random.pick(this.#known);
    const zone = this.#maybe(6, () => random.pick([0, 5, 7]));
    const orig = this.#tuple();
    const flow: FlowInit = { orig: { ...orig, ...(random.oneIn(12) ? { zone: 5 } : {}) } };
    if (zone !== undefined) flow.zone = zone;
    this.#known.push(flow);
    if (this.#known.length > 12) this.#known.shift();
    return flow;
  }

  /** What a request may have beside the tuples of a flow. */
  #more(): FlowInit {
    const random = this.#random;
    const all: FlowInit = {
      timeout: random.oneIn(8) ? undefined : random.pick(TIMEOUTS),
      mark: this.#maybe(3, () => random.pick([0, 1, 7, 0xffffffff])),
      status: this.#maybe(3, () => 8 | random.pick([0, 2, 6, 0x400, 0x10, 0x200, 1, 0x2000, 0x10000, 4])),
      labels: this.#maybe(8, () => [random.between(0, 127)]),
      helper: this.#maybe(6, () => ({
        name: random.pick(['ftp', 'ftp', 'sip', 'irc', '', 'none', 'tftp', 'a-name-too-long-for-it']),
      })),
      tcp: this.#maybe(3, () => ({
        state: random.pick([0, 1, 3, 9, 10, 200]),
        ...(random.oneIn(2) ? { flagsOrig: random.below(256), maskOrig: random.below(256) } : {}),
        ...(random.oneIn(2) ? { flagsReply: 1, maskReply: 1 } : {}),
        ...(random.oneIn(2) ? { wscaleOrig: random.pick([2, 14, 15]), wscaleReply: 3 } : {}),
      })),
      sctp: this.#maybe(8, () => ({
        state: random.pick([0, 4, 8, 9]),
        ...(random.oneIn(3) ? {} : { vtagOrig: 1, vtagReply: 2 }),
      })),
      snat: this.#maybe(8, () => this.#nat()),
      dnat: this.#maybe(8, () => this.#nat()),
      seqadjOrig: this.#maybe(20, () => ({
        correctionPos: 1,
        offsetBefore: 2,
        ...(random.oneIn(3) ? {} : { offsetAfter: 3 }),
      })),
      synproxy: this.#maybe(20, () => ({ isn: 1, its: 2, ...(random.oneIn(3) ? {} : { tsoff: 3 }) })),
    };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as FlowInit;
  }

  #nat(): FlowInit['snat'] {
    const random = this.#random;
    const port = random.pick([3000, 3001]);
    return {
      minAddress: random.pick(['192.0.2.1', '192.0.2.1', '10.0.0.1', 'fd00::9']),
      // Ranges of one, since the kernel picks of several at random.
      ...(random.oneIn(2) ? { minPort: port, maxPort: port } : {}),
    };
  }

  #ofFlow(name: QueryName): { what: string; request: Request } {
    const random = this.#random;
    const init = this.#flow();
    const changes = name.startsWith('create') || name === 'update';
    const filters = name === 'flush' || name.startsWith('dump');
    const flow = Flow.from({ ...(filters ? {} : init), ...(changes ? this.#more() : {}) } as FlowInit);
    const { slots } = flow;
    if (name.startsWith('create')) completeFrom(slots, ORIG, REPLY);
    if (changes && random.oneIn(6)) slots[MARK_MASK] = random.pick([0, 1, -1]);
    if (name.startsWith('create') && random.oneIn(10)) slots[REPLY.dport] = 4000;
    if (random.oneIn(12))
      slots[random.pick([ORIG.src4, ORIG.proto, ORIG.sport, REPLY.dst4, REPLY.proto, ORIG.icmpType])] = undefined;
    if (random.oneIn(12)) slots[random.pick([ORIG.zone, REPLY.zone])] = random.pick([0, 5]);
    if (name.startsWith('create') && random.oneIn(10)) Object.assign(slots, this.#master());
    let family = (slots[ORIG.family] ?? 0) as number;
    if (random.oneIn(20)) family = random.pick([0, 1, AF_INET, AF_INET6, 28]);
    let filter: FlowInit | undefined;
    if (filters) ({ filter, family } = this.#filter(flow));
    flow.unknown = this.#maybe(10, () => [this.#wrong()]);
    const version = name === 'flush' ? random.below(2) : 0;
    const what = `${name} family ${family} version ${version} ${text(flow)} ${text(filter)}`;
    return { what, request: buildMessage(name, family, flow, version) };
  }

  /** A flow that exists, perhaps. */
  #master(): Record<number, unknown> {
    const { slots } = Flow.from({ master: this.#flow().orig } as FlowInit);
    return Object.fromEntries([...slots.entries()].filter(([, value]) => value !== undefined));
  }

  #filter(flow: Flow): { filter: FlowInit | undefined; family: number } {
    const random = this.#random;
    const { slots } = flow;
    const mark = this.#maybe(3, () => random.pick([0, 1, 7]));
    const status = this.#maybe(4, () => random.pick([0, 2, 6, 8]));
    const zone = this.#maybe(5, () => random.pick([0, 5]));
    const filter = Object.fromEntries(
      Object.entries({ mark, status, zone }).filter(([, value]) => value !== undefined),
    ) as FlowInit;
    Object.assign(
      slots,
      Object.fromEntries([...Flow.from(filter).slots.entries()].filter(([, value]) => value !== undefined)),
    );
    if (random.oneIn(5)) slots[MARK_MASK] = random.pick([0, 1, 3]);
    if (random.oneIn(5)) slots[STATUS_MASK] = random.pick([0, 2, 6]);
    let family = random.pick([0, AF_INET, AF_INET6, AF_INET]);
    if (random.oneIn(2)) {
      const named = Flow.from(random.pick([this.#flow(), { orig: this.#tuple() }]));
      completeFrom(named.slots, ORIG, REPLY);
      for (const slot of [...ORIG.all, ...REPLY.all])
        if (slot !== ORIG.zone && slot !== REPLY.zone && named.slots[slot] !== undefined)
          slots[slot] = named.slots[slot];
      if (!random.oneIn(6)) family = named.slots[ORIG.family] as number;
      const bits = (): number => {
        let flags = 0;
        for (let bit = 0; bit < 12; bit++) if (bit !== 2 && random.oneIn(3)) flags |= 1 << bit;
        return flags | (random.oneIn(2) ? cta.CTA_FILTER_F_CTA_PROTO_NUM : 0) | (random.oneIn(40) ? 0x1000 : 0);
      };
      if (!random.oneIn(4)) slots[FLAGS_ORIG] = bits();
      if (random.oneIn(3)) slots[FLAGS_REPLY] = bits();
    }
    return { filter, family };
  }

  /** An attribute that is too short, too long, or of a type that nobody may send. */
  #wrong(): UnknownAttribute {
    const random = this.#random;
    const type = random.pick([
      ...[cta.CTA_TIMEOUT, cta.CTA_MARK, cta.CTA_STATUS, cta.CTA_ZONE, cta.CTA_LABELS, cta.CTA_ID, cta.CTA_HELP],
      ...[cta.CTA_TIMESTAMP_EVENT, cta.CTA_TUPLE_ORIG, cta.CTA_PROTOINFO, cta.CTA_SYNPROXY, 40, cta.CTA_SECMARK],
    ]);
    return { level: 0, type, value: new Uint8Array(random.pick([0, 1, 3, 20])).fill(1) };
  }

  #ofExpectation(name: ExpectationQuery): { what: string; request: Request } {
    const random = this.#random;
    const master = this.#flow();
    const tuple = this.#tuple();
    const init: ExpectationInit = { tuple: { ...tuple, ...('sport' in tuple ? { sport: random.pick([0, 1]) } : {}) } };
    if (name.includes('create')) {
      init.timeout = random.pick(TIMEOUTS);
      init.master = master.orig as TupleInit;
      init.mask = {
        ...tuple,
        src: tuple.src.includes(':')
          ? random.pick(['::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'])
          : random.pick(['0.0.0.0', '255.255.255.255']),
      };
      if ('sport' in tuple) Object.assign(init.mask, { sport: random.pick([0, 0xffff]) });
      if (random.oneIn(4)) init.class = random.pick([0, 1, 3, 4]);
      if (random.oneIn(4)) init.helper = random.pick(['ftp', 'sip', 'none', '']);
      if (random.oneIn(4)) init.flags = random.pick([0, 1, 2, 4, 8]);
      if (random.oneIn(6)) init.fn = random.pick(['nat-follow-master', 'none']);
      if (random.oneIn(5))
        init.nat = { ...tuple, ...(random.oneIn(4) ? {} : { direction: random.below(2) }) } as ExpectationInit['nat'];
    }
    if (random.oneIn(6)) init.zone = 5;
    if (name === 'expectations.flush') {
      delete init.tuple;
      if (random.oneIn(2)) init.helper = random.pick(['ftp', 'sip']);
    }
    if (name === 'expectations.dump') {
      delete init.tuple;
      if (random.oneIn(3)) init.master = master.orig as TupleInit;
    }
    const expectation = Expectation.from(init);
    const slots = expectation.slots as unknown[];
    if (random.oneIn(10)) slots[random.below(slots.length)] = undefined;
    const family = tuple.src.includes(':') ? AF_INET6 : AF_INET;
    const what = `${name} family ${family} ${text(expectation)}`;
    return { what, request: buildExpectationMessage(name, random.oneIn(20) ? 0 : family, expectation) };
  }
}

function text(value: unknown): string {
  return JSON.stringify(value, (_key, each) => (typeof each === 'bigint' ? String(each) : each));
}
