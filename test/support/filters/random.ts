/** Random filters, in every form of the language, and flows with few different values: many match, many do not. */
import type { FlowInit, TupleInit } from '../../../src/ctnetlink/attributes/flow-properties.ts';
import type { Filter, NatTerm } from '../../../src/ctnetlink/filter/filter.ts';
import type { Random } from '../random.ts';

const ADDRESSES = {
  ipv4: ['10.0.0.1', '10.0.0.2', '10.1.0.3', '192.168.7.9', '203.0.113.5'],
  ipv6: ['fd00::1', 'fd00::2', 'fd00:1::3', '2001:db8::9', 'fe80::1:2:3'],
} as const;
const HELPERS = ['ftp', 'sip', 'tftp'] as const;
const STATES = ['SYN_SENT', 'ESTABLISHED', 'FIN_WAIT', 'TIME_WAIT'] as const;
const LABELS = [0, 1, 7, 31, 32, 100, 127] as const;
const PROTOCOLS = ['tcp', 'udp', 'sctp', 'icmp', 'icmpv6', 'gre', 'udplite', 89] as const;
const STATUS = ['SEEN_REPLY', 'ASSURED', 'FIXED_TIMEOUT', 'EXPECTED', 'SRC_NAT', 'DST_NAT'] as const;

type Make<T> = () => T;

export class RandomFilters {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A filter, or several; smaller ones inside of it the deeper it goes. */
  any(depth = 2): Filter | Filter[] {
    if (depth > 0 && this.#random.oneIn(4)) return this.#list(() => this.filter(depth - 1));
    return this.filter(depth);
  }

  filter(depth = 2): Filter {
    const filter: Record<string, unknown> = {};
    const terms = this.#terms();
    const count = this.#random.pick([0, 1, 1, 1, 2, 2, 3]);
    for (let n = 0; n < count; n++) {
      const name = this.#random.pick(Object.keys(terms));
      filter[name] = terms[name]();
    }
    if (depth > 0 && this.#random.oneIn(3)) filter.not = this.any(depth - 1);
    if (depth > 0 && this.#random.oneIn(5)) filter.all = this.#list(() => this.any(depth - 1));
    return filter as Filter;
  }

  #list<T>(make: Make<T>): T[] {
    return Array.from({ length: this.#random.between(1, 3) }, make);
  }

  /** A value, a list, or either in `{ not }`. */
  #form<T>(make: Make<T>): unknown {
    const form = this.#random.below(4);
    if (form === 0) return this.#list(make);
    if (form === 1) return { not: this.#random.oneIn(2) ? make() : this.#list(make) };
    return make();
  }

  /** An integer, or a range of them. */
  #ranged(make: Make<number>): unknown {
    return this.#form(() => {
      if (!this.#random.oneIn(3)) return make();
      const ends = [make(), make()].sort((a, b) => a - b);
      return { from: ends[0], to: ends[1] };
    });
  }

  #address(): string {
    const { ipv4, ipv6 } = ADDRESSES;
    const random = this.#random;
    if (random.oneIn(2))
      return random.oneIn(2)
        ? random.pick(ipv4)
        : `${random.pick(ipv4)}/${random.oneIn(2) ? random.below(33) : random.pick([8, 16, 24, 31])}`;
    return random.oneIn(2)
      ? random.pick(ipv6)
      : `${random.pick(ipv6)}/${random.pick([0, 7, 16, 32, 48, 64, 127, 128])}`;
  }

  #addresses(): unknown {
    const form = this.#form(() => this.#address());
    return Array.isArray(form) && this.#random.oneIn(2) ? new Set(form) : form;
  }

  #masked(bits: number): { value: number; mask: number } {
    return { value: this.#random.below(bits), mask: this.#random.below(bits) };
  }

  #names(): string[] {
    const random = this.#random;
    return Array.from({ length: random.between(1, 2) }, () => random.pick(STATUS));
  }

  #tuple(): Record<string, unknown> {
    const random = this.#random;
    const parts: Record<string, Make<unknown>> = {
      src: () => this.#addresses(),
      dst: () => this.#addresses(),
      proto: () => this.#form(() => random.pick(PROTOCOLS)),
      sport: () => this.#ranged(() => random.below(4)),
      dport: () => this.#ranged(() => random.below(4)),
      icmpType: () => this.#form(() => random.pick([0, 3, 8, 13, 128, 129])),
      icmpCode: () => this.#form(() => random.below(2)),
      icmpId: () => this.#form(() => random.below(3)),
      zone: () => this.#form(() => random.below(3)),
    };
    const names = Object.keys(parts);
    const tuple: Record<string, unknown> = {};
    for (let n = random.between(1, 3); n > 0; n--) {
      const name = random.pick(names);
      tuple[name] = parts[name]();
    }
    return tuple;
  }

  #terms(): Record<string, Make<unknown>> {
    const random = this.#random;
    const count = (): unknown => this.#ranged(() => random.below(4));
    return {
      family: () => this.#form(() => random.pick(['ipv4', 'ipv6'])),
      mark: () =>
        this.#form(() => {
          const ends = [random.below(5), random.below(5)].sort();
          return random.pick([random.pick([0, 1, 2, 3, 0xffffffff]), this.#masked(4), { from: ends[0], to: ends[1] }]);
        }),
      status: () =>
        this.#form(() => {
          // An array of names beside others is a value of a list, and alone it is one value.
          const values = [this.#names(), random.pick([0, 2, 4, 6]), this.#masked(8)];
          return random.pick([...values, { value: this.#names(), mask: 0xffff }, { value: 0, mask: this.#names() }]);
        }),
      zone: () => this.#form(() => random.below(4)),
      orig: () => this.#tuple(),
      reply: () => this.#tuple(),
      host: () => this.#addresses(),
      port: () => this.#ranged(() => random.below(4)),
      labels: () => this.#form(() => random.pick(LABELS)),
      tcp: () => ({ state: this.#form(() => random.pick(STATES)) }),
      sctp: () => ({ state: this.#form(() => random.pick(['CLOSED', 'ESTABLISHED', 'COOKIE_WAIT'])) }),
      helper: () => this.#form(() => random.pick(HELPERS)),
      nat: () => this.#form(() => random.pick<NatTerm>(['src', 'dst', 'any', 'none'])),
      timeout: () => this.#ranged(() => random.pick([0, 10, 100, 1000, 0xffffffff])),
      counters: () =>
        random.pick([
          () => ({ packets: count() }),
          () => ({ bytes: count(), orig: { packets: count() } }),
          () => ({ reply: { bytes: count() } }),
        ])(),
      expected: () => this.#form(() => random.oneIn(2)),
    };
  }
}

function randomTuple(random: Random, family: 'ipv4' | 'ipv6'): TupleInit {
  let proto = random.pick(PROTOCOLS);
  if (proto === 'icmp' || proto === 'icmpv6') proto = family === 'ipv4' ? 'icmp' : 'icmpv6';
  const icmp = proto === 'icmp' || proto === 'icmpv6';
  return {
    src: random.pick(ADDRESSES[family]),
    dst: random.pick(ADDRESSES[family]),
    proto,
    ...(icmp
      ? { icmpType: random.pick([0, 8, 13, 128, 129]), icmpCode: random.below(2), icmpId: random.below(3) }
      : proto === 89
        ? {}
        : { sport: random.below(4), dport: random.below(4) }),
    ...(random.oneIn(5) ? { zone: random.between(1, 2) } : {}),
  };
}

/** A flow with all that a filter can ask about; of each message some, as in events. */
export function randomFlow(random: Random): FlowInit {
  const family = random.pick(['ipv4', 'ipv6'] as const);
  const maybe = (init: FlowInit, times = 2): FlowInit => (random.oneIn(times) ? init : {});
  const orig = randomTuple(random, family);
  const zoned = orig.zone !== undefined;
  const counters = (): FlowInit['countersOrig'] => ({ packets: random.below(3), bytes: random.below(4) });
  return {
    orig,
    reply: randomTuple(random, family),
    status: random.pick([
      [],
      ['SEEN_REPLY'],
      ['SEEN_REPLY', 'ASSURED'],
      ['SRC_NAT', 'EXPECTED'],
      ['DST_NAT'],
      ['SRC_NAT', 'DST_NAT'],
    ]),
    ...maybe({ mark: random.pick([0, 1, 2, 3, 4, 0xffffffff]) }),
    ...(zoned ? {} : maybe({ zone: random.between(1, 3) }, 4)),
    ...maybe({ timeout: random.pick([0, 10, 100, 1000, 0xffffffff]) }),
    ...maybe({ labels: [random.pick(LABELS), random.pick(LABELS)] }),
    ...maybe({ helper: { name: random.pick(HELPERS) } }),
    ...maybe({ tcp: { state: random.pick(STATES) } }),
    ...maybe({ sctp: { state: random.pick(['CLOSED', 'ESTABLISHED'] as const) } }, 4),
    ...maybe({ countersOrig: counters()! }),
    ...maybe({ countersReply: counters()! }),
  };
}

const TIMEOUTS = [500, 50_000];

/** A flow that a kernel creates, in a namespace with a rule that uses labels. Few are like another. */
export function randomKernelFlow(random: Random): FlowInit {
  const family = random.pick(['ipv4', 'ipv6'] as const);
  const orig = { ...randomTuple(random, family) };
  if (orig.icmpType !== undefined) orig.icmpType = family === 'ipv4' ? random.pick([8, 13]) : 128;
  const maybe = (init: FlowInit, times = 2): FlowInit => (random.oneIn(times) ? init : {});
  const nat = { minAddress: random.pick(ADDRESSES[family]) };
  return {
    orig,
    // None of them is over before a test is.
    timeout: random.pick(TIMEOUTS),
    ...maybe({ status: random.pick([['SEEN_REPLY'], ['SEEN_REPLY', 'ASSURED'], ['FIXED_TIMEOUT']] as const) }),
    ...maybe({ mark: random.pick([0, 1, 2, 3, 4, 0xffffffff]) }),
    ...(orig.zone === undefined ? maybe({ zone: random.between(1, 3) }, 4) : {}),
    ...maybe({ labels: [random.pick(LABELS), random.pick(LABELS)] }, 3),
    ...(orig.proto === 'tcp' ? { tcp: { state: random.pick(STATES) } } : {}),
    ...(orig.proto === 'tcp' ? maybe({ helper: { name: 'ftp' } }, 3) : {}),
    ...(orig.proto === 'udp' ? maybe({ helper: { name: random.pick(['sip', 'tftp']) } }, 3) : {}),
    ...(orig.proto === 'tcp' || orig.proto === 'udp' ? maybe(random.oneIn(2) ? { snat: nat } : { dnat: nat }, 4) : {}),
  };
}
