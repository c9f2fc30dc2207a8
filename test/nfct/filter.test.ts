/** struct nfct_filter: its programs beside those of the C library, and what callers get wrong. */
import { expect } from 'chai';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { BpfProgram } from '../../src/netlink/bpf.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { ClosedError, TransportError } from '../../src/netlink/errors.ts';
import { kindsOf } from '../../src/nfct/filter.ts';
import { compileFilter } from '../../src/nfct/filter-program.ts';
import * as nfct from '../../src/nfct/index.ts';
import { IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../../src/uapi/in.ts';
import { FakeTransport } from '../support/fake-transport.ts';
import { programs, type Step } from '../support/oracle/filter.ts';
import { describeOracle } from '../support/oracle.ts';
import { DESTROY, flow, flowMessage, NEW } from '../support/played.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

const { NFCT_FILTER_L4PROTO: L4PROTO, NFCT_FILTER_L4PROTO_STATE: STATE, NFCT_FILTER_MARK: MARK } = nfct;
const { NFCT_FILTER_SRC_IPV4: SRC4, NFCT_FILTER_DST_IPV4: DST4, NFCT_FILTER_ZONE: ZONE } = nfct;
const { NFCT_FILTER_SRC_IPV6: SRC6, NFCT_FILTER_DST_IPV6: DST6 } = nfct;
const POSITIVE = nfct.NFCT_FILTER_LOGIC_POSITIVE;
const NEGATIVE = nfct.NFCT_FILTER_LOGIC_NEGATIVE;
const STATES = [IPPROTO_TCP, IPPROTO_DCCP, IPPROTO_SCTP];

/** The value of ours that has these integers in C. */
function structOf(kind: number, words: readonly number[]): nfct.nfct_filter_value {
  switch (kind) {
    case STATE:
      return { proto: words[0], state: words[1] };
    case SRC4:
    case DST4:
      return { addr: words[0], mask: words[1] };
    case SRC6:
    case DST6:
      return { addr: words.slice(0, 4), mask: Uint32Array.from(words.slice(4)) };
    case MARK:
      return { val: words[0], mask: words[1] };
    default:
      return words[0];
  }
}

function filterOf(steps: readonly Step[]): nfct.nfct_filter {
  const filter = nfct.nfct_filter_create();
  for (const step of steps) {
    if ('logic' in step) expect(nfct.nfct_filter_set_logic(filter, step.kind, step.logic)).to.equal(0);
    else nfct.nfct_filter_add_attr(filter, step.kind, structOf(step.kind, step.words));
  }
  return filter;
}

function compiled(steps: readonly Step[]): Uint8Array {
  return compileFilter(kindsOf(filterOf(steps)));
}

/** Instructions of a program as text, to be read in a failure. */
function listing(program: Uint8Array): string[] {
  const view = viewOf(program);
  return Array.from({ length: program.length / 8 }, (_, pc) => {
    const code = view.getUint16(8 * pc, HOST_LITTLE_ENDIAN).toString(16);
    return `${pc}: ${code} ${program[8 * pc + 2]} ${program[8 * pc + 3]} ${view.getUint32(8 * pc + 4, HOST_LITTLE_ENDIAN).toString(16)}`;
  });
}

describeOracle('nfct: filters are the programs of the C library', () => {
  const random = new Random(seedFromEnvironment());

  const word = (): number => (random.oneIn(3) ? random.uint32() : random.pick([0, 1, 5, 0xff, 0x7f000001, 0xffffffff]));
  const words: Record<number, () => number[]> = {
    [L4PROTO]: () => [random.oneIn(2) ? random.pick([1, 6, 17, 58, 132]) : random.below(256)],
    [SRC4]: () => [word(), word()],
    [DST4]: () => [word(), word()],
    [SRC6]: () => Array.from({ length: 8 }, word),
    [DST6]: () => Array.from({ length: 8 }, word),
    [MARK]: () => [word(), word()],
  };

  /** The largest number of values with jumps that fit into 8 bits; beyond it, C's programs jump somewhere else. */
  const most: Record<number, number> = { [L4PROTO]: 200, [SRC4]: 80, [DST4]: 80, [SRC6]: 1, [DST6]: 1, [MARK]: 80 };

  function randomFilter(): Step[] {
    const steps: Step[] = [];
    for (const kind of [L4PROTO, STATE, SRC4, DST4, SRC6, DST6, MARK]) {
      if (!random.oneIn(3)) continue;
      if (random.oneIn(2)) steps.push({ kind, logic: random.below(2) });
      const proto = random.pick(STATES);
      const count = random.oneIn(8)
        ? random.below((most[kind] ?? 16) + 1)
        : random.below(Math.min(4, (most[kind] ?? 4) + 1));
      for (let n = 0; n < count; n++)
        steps.push({ kind, words: kind === STATE ? [proto, random.below(16)] : words[kind]() });
    }
    // In any order; a logic may be set before and after the values, but only once.
    return steps.sort(() => random.below(3) - 1);
  }

  it('for thousands of them', () => {
    const filters = [[], ...Array.from({ length: 4000 }, randomFilter)];
    const theirs = programs(filters);
    let longest = 0;
    for (const [index, steps] of filters.entries()) {
      const ours = compiled(steps);
      longest = Math.max(longest, ours.length / 8);
      const context = `seed ${random.seed}, filter ${index}: ${JSON.stringify(steps)}`;
      expect(theirs[index], context).to.be.instanceOf(Uint8Array);
      if (Buffer.compare(ours, theirs[index] as Uint8Array) !== 0)
        expect(listing(ours), context).to.deep.equal(listing(theirs[index] as Uint8Array));
      // The kernel took theirs; our checker takes it too.
      new BpfProgram(theirs[index] as Uint8Array);
    }
    expect(longest).to.be.above(300);
  });

  it('but for several IPv6 addresses: C gives up at the first word that differs', () => {
    const one = [0xfd000000, 0, 0, 1, ...new Array<number>(4).fill(0xffffffff)];
    const other = [0xfe000000, 0, 0, 2, ...new Array<number>(4).fill(0xffffffff)];
    for (const logic of [POSITIVE, NEGATIVE]) {
      const steps = [{ kind: SRC6, logic }, ...[one, other].map((each) => ({ kind: SRC6, words: each }))];
      const ours = compiled(steps);
      const [theirs] = programs([steps]) as [Uint8Array];
      // Everything is equal, except where a difference leads to.
      const withoutJf = (program: Uint8Array): string[] =>
        listing(program.map((byte, at) => (at % 8 === 3 ? 0 : byte)));
      expect(withoutJf(ours)).to.deep.equal(withoutJf(theirs));
      const event = flowMessage(0, {
        ...flow(1),
        orig: { src: 'fe00::2', dst: '::1', proto: 'udp' },
        reply: undefined,
      });
      expect(new BpfProgram(ours).run(viewOf(event))).to.equal(logic === POSITIVE ? 0xffffffff : 0);
      expect(new BpfProgram(theirs).run(viewOf(event)), 'in C').to.equal(logic === POSITIVE ? 0 : 0xffffffff);
    }
  });

  it('but for states of several protocols: C forgets all but one', () => {
    const steps = [
      { kind: STATE, words: [IPPROTO_TCP, 3] },
      { kind: STATE, words: [IPPROTO_SCTP, 4] },
    ];
    const [theirs] = programs([steps]) as [Uint8Array];
    const passes = (program: Uint8Array, more: FlowInit): boolean =>
      new BpfProgram(program).run(viewOf(flowMessage(0, { ...flow(1), ...more }))) !== 0;
    const tcp = (state: 'ESTABLISHED' | 'SYN_SENT'): FlowInit => ({ tcp: { state } });
    const sctp = (state: 'ESTABLISHED' | 'CLOSED'): FlowInit => ({ sctp: { state } });
    for (const [more, ours, inC] of [
      [tcp('ESTABLISHED'), true, true],
      [tcp('SYN_SENT'), false, true],
      [sctp('ESTABLISHED'), true, true],
      [sctp('CLOSED'), false, false],
      [{}, true, true],
    ] as const) {
      expect(passes(compiled(steps), more), JSON.stringify(more)).to.equal(ours);
      expect(passes(theirs, more), `in C: ${JSON.stringify(more)}`).to.equal(inC);
    }
  });

  it('but for jumps of more than 255 instructions: C cuts them to 8 bits', () => {
    const steps = Array.from({ length: 127 }, (_, n) => ({ kind: SRC4, words: [0x0a000000 + n, 0xffffffff] }));
    const [theirs] = programs([steps]) as [Uint8Array];
    const at = (program: Uint8Array, n: number): boolean =>
      new BpfProgram(program).run(viewOf(flowMessage(0, flow(n)))) !== 0;
    const ours = compiled(steps);
    for (let n = 0; n < 127; n++) expect(at(ours, n), String(n)).to.equal(true);
    expect(at(ours, 127)).to.equal(false);
    const wrong = Array.from({ length: 127 }, (_, n) => n).filter((n) => !at(theirs, n));
    expect(wrong, 'in C').not.to.deep.equal([]);
  });

  it('and has its limits', () => {
    const limits: [kind: number, limit: number][] = [
      [SRC4, 127],
      [DST4, 127],
      [SRC6, 20],
      [DST6, 20],
      [MARK, 127],
    ];
    const lengths = programs(
      limits.flatMap(([kind, limit]) =>
        [limit - 1, limit, limit + 1, limit + 9].map((count) =>
          Array.from({ length: count }, (_, n) => ({ kind, words: [n, ...new Array<number>(7).fill(0xffffffff)] })),
        ),
      ),
    ).map((program) => (program as Uint8Array).length);
    for (const [index, [kind, limit]] of limits.entries()) {
      const [before, at, beyond, far] = lengths.slice(4 * index);
      expect([at > before, beyond === at, far === at], `C, kind ${kind}`).to.deep.equal([true, true, true]);
      const filter = nfct.nfct_filter_create();
      const value = structOf(kind, [0, 0, 0, 0, 0, 0, 0, 0]);
      for (let n = 0; n < limit; n++) nfct.nfct_filter_add_attr(filter, kind, value);
      expect(() => nfct.nfct_filter_add_attr(filter, kind, value)).to.throw(
        RangeError,
        `filter already has ${limit} of NFCT_FILTER_`,
      );
      expect(kindsOf(filter)[kind].values).to.have.length(limit);
    }
  });
});

/** What passes, of events that differ in one thing. */
describe('nfct: filters let through', () => {
  const v4 = flow(1);
  const v6: FlowInit = { ...v4, orig: { src: 'fd00::1', dst: 'fd00::2', proto: 'udp' }, reply: undefined };

  function passes(steps: readonly Step[], init: FlowInit): boolean {
    return new BpfProgram(compiled(steps)).run(viewOf(flowMessage(0, init, NEW))) !== 0;
  }

  /** Under both logics. */
  function both(steps: readonly Step[], init: FlowInit): [positive: boolean, negative: boolean] {
    const negative = [...new Set(steps.map(({ kind }) => kind))].map((kind) => ({ kind, logic: NEGATIVE }));
    return [passes(steps, init), passes([...steps, ...negative], init)];
  }

  const MATCHES = [true, false];
  const DIFFERS = [false, true];
  const HAS_NONE = [true, true];

  it('protocols', () => {
    const steps = [IPPROTO_TCP, IPPROTO_UDP].map((proto) => ({ kind: L4PROTO, words: [proto] }));
    expect(both(steps, v4)).to.deep.equal(MATCHES);
    expect(both(steps, { ...v4, orig: { ...v4.orig, proto: 'sctp' } })).to.deep.equal(DIFFERS);
    expect(both(steps, { mark: 1 })).to.deep.equal(HAS_NONE);
  });

  it('states, and events without a state', () => {
    const steps = [{ kind: STATE, words: [IPPROTO_TCP, 3] }];
    expect(both(steps, { ...v4, tcp: { state: 'ESTABLISHED' } })).to.deep.equal(MATCHES);
    expect(both(steps, { ...v4, tcp: { state: 'CLOSE' } })).to.deep.equal(DIFFERS);
    expect(both(steps, { ...v4, sctp: { state: 'CLOSED' } })).to.deep.equal(HAS_NONE);
    expect(both(steps, v4)).to.deep.equal(HAS_NONE);
  });

  it('IPv4 addresses under a mask; of IPv6 what C lets through', () => {
    const source = [{ kind: SRC4, words: [0x0a0000ff, 0xff000000] }];
    const destination = [{ kind: DST4, words: [0x0a0000ff, 0xff000000] }];
    expect(both(source, v4)).to.deep.equal(MATCHES);
    expect(both(destination, v4)).to.deep.equal(DIFFERS);
    expect(both([{ kind: DST4, words: [0xc0000201, 0xffffffff] }], v4)).to.deep.equal(MATCHES);
    expect(both(source, v6)).to.deep.equal(HAS_NONE);
    expect(both(destination, v6)).to.deep.equal(DIFFERS);
    expect(both([{ kind: DST4, words: [0x05000100, 0xffffffff] }], v6)).to.deep.equal(MATCHES);
  });

  it('IPv6 addresses under a mask, and IPv4', () => {
    const prefix = [0xfd000000, 0, 0, 0, 0xff000000, 0, 0, 0];
    for (const kind of [SRC6, DST6]) {
      expect(both([{ kind, words: prefix }], v6)).to.deep.equal(MATCHES);
      expect(both([{ kind, words: [0xfe000000, ...prefix.slice(1)] }], v6)).to.deep.equal(DIFFERS);
      expect(both([{ kind, words: prefix }], v4)).to.deep.equal(HAS_NONE);
    }
    const last = [0, 0, 0, 2, 0, 0, 0, 0xffffffff];
    expect(both([{ kind: SRC6, words: last }], v6)).to.deep.equal(DIFFERS);
    expect(both([{ kind: DST6, words: last }], v6)).to.deep.equal(MATCHES);
  });

  it('marks under a mask; none is 0', () => {
    const steps = [{ kind: MARK, words: [0x101, 0xff] }];
    expect(both(steps, { ...v4, mark: 0xf01 })).to.deep.equal(MATCHES);
    expect(both(steps, { ...v4, mark: 2 })).to.deep.equal(DIFFERS);
    expect(both(steps, { ...v4, mark: undefined })).to.deep.equal(DIFFERS);
    expect(both([{ kind: MARK, words: [0, 0xff] }], { ...v4, mark: undefined })).to.deep.equal(MATCHES);
  });

  it('zones; none, or one of a direction only, is 0', () => {
    const steps = [7, 9].map((zone) => ({ kind: ZONE, words: [zone] }));
    expect(both(steps, { ...v4, zone: 9 })).to.deep.equal(MATCHES);
    expect(both(steps, { ...v4, zone: 0x109 })).to.deep.equal(DIFFERS);
    expect(both(steps, v4)).to.deep.equal(DIFFERS);
    expect(both([{ kind: ZONE, words: [0] }], v4)).to.deep.equal(MATCHES);
    expect(both([{ kind: ZONE, words: [0] }], { ...v4, orig: { ...v4.orig, zone: 9 } })).to.deep.equal(MATCHES);
    expect(both([{ kind: ZONE, words: [0xffff] }], { ...v4, zone: 0xffff })).to.deep.equal(MATCHES);
  });

  it('what matches in every kind', () => {
    const steps: Step[] = [
      { kind: L4PROTO, words: [IPPROTO_UDP] },
      { kind: SRC4, words: [0x0a000001, 0xffffffff] },
      { kind: MARK, words: [1, 0xffffffff] },
    ];
    expect(passes(steps, v4)).to.equal(true);
    for (const kind of [L4PROTO, SRC4, MARK]) expect(passes([...steps, { kind, logic: NEGATIVE }], v4)).to.equal(false);
    expect(passes([...steps, { kind: L4PROTO, words: [IPPROTO_TCP] }], v4)).to.equal(true);
    expect(passes(steps, { ...v4, mark: 2 })).to.equal(false);
  });

  it('everything where there are no values, and what is no message about flows', () => {
    expect(passes([{ kind: MARK, logic: NEGATIVE }], v4)).to.equal(true);
    const program = new BpfProgram(compiled([{ kind: MARK, words: [77, 0xffffffff] }]));
    expect(program.run(viewOf(flowMessage(0, v4)))).to.equal(0);
    for (const type of [0, 2, 3, 0x200, 0x802])
      expect(program.run(viewOf(flowMessage(0, v4, { type }))), `type ${type}`).to.equal(0xffffffff);
    expect(program.run(viewOf(new Uint8Array(3))), 'no message').to.equal(0);
  });

  it('what passes also with the most that there may be of every kind', () => {
    const steps: Step[] = [];
    for (let n = 0; n < 127; n++) {
      for (const kind of [SRC4, DST4, MARK, ZONE]) steps.push({ kind, words: [0xac000000 + n, 0xffffffff] });
      if (n < 20)
        for (const kind of [SRC6, DST6])
          steps.push({ kind, words: [n, 2, 3, 4, ...new Array<number>(4).fill(0xffffffff)] });
    }
    for (let proto = 0; proto < 256; proto++) steps.push({ kind: L4PROTO, words: [proto] });
    for (const proto of STATES)
      for (let state = 0; state < 16; state++) steps.push({ kind: STATE, words: [proto, state] });
    const zoned = steps.map((step) =>
      step.kind === ZONE && 'words' in step ? { kind: ZONE, words: [step.words[0] & 0xff] } : step,
    );
    const init: FlowInit = {
      orig: { src: '172.0.0.126', dst: '172.0.0.0', proto: 'tcp' },
      mark: 0xac00007e,
      zone: 126,
      tcp: { state: 'TIME_WAIT' },
    };
    expect(passes(zoned, init)).to.equal(true);
    const { orig } = init;
    for (const more of [
      { orig: { ...orig, src: '172.0.0.127' } },
      { orig: { ...orig, dst: '172.0.0.127' } },
      { mark: 0xac00007f },
      { zone: 127 },
    ]) {
      expect(passes(zoned, { ...init, ...more }), JSON.stringify(more)).to.equal(false);
    }
  });
});

describe('nfct: filters refuse by name', () => {
  const filter = nfct.nfct_filter_create();
  const add = (attr: unknown, value: unknown) => (): void =>
    nfct.nfct_filter_add_attr(filter, attr as number, value as number);
  const mask = { addr: [0, 0, 0, 1], mask: [0, 0, 0] };
  const REFUSED: [call: () => unknown, error: typeof TypeError | typeof RangeError, text: string][] = [
    [
      () => nfct.nfct_filter_add_attr({} as never, 0, 0),
      TypeError,
      'filter must be the result of nfct_filter_create()',
    ],
    [() => nfct.nfct_filter_set_logic(nfct.nfct_filter_dump_create() as never, 0, 0), TypeError, 'filter must be'],
    [add(8, 0), RangeError, 'attr must be an integer from 0 to 7, not 8'],
    [add('0', 0), TypeError, "attr must be a number, not '0'"],
    [add(L4PROTO, 256), RangeError, 'value of NFCT_FILTER_L4PROTO must be an integer from 0 to 255'],
    [add(L4PROTO, { proto: 6, state: 1 }), TypeError, 'value of NFCT_FILTER_L4PROTO must be a number'],
    [add(STATE, 6), TypeError, 'value of NFCT_FILTER_L4PROTO_STATE must be { proto, state }, not 6'],
    [add(STATE, { proto: 17, state: 1 }), RangeError, 'NFCT_FILTER_L4PROTO_STATE.proto must be IPPROTO_TCP'],
    [
      add(STATE, { proto: 6, state: 16 }),
      RangeError,
      'NFCT_FILTER_L4PROTO_STATE.state must be an integer from 0 to 15',
    ],
    [add(SRC4, 1), TypeError, 'value of NFCT_FILTER_SRC_IPV4 must be { addr, mask }, not 1'],
    [add(DST4, { addr: 1 }), TypeError, 'value of NFCT_FILTER_DST_IPV4.mask must be a number, not undefined'],
    [add(SRC6, { addr: 1, mask: 2 }), TypeError, 'NFCT_FILTER_SRC_IPV6.addr must be four 32-bit integers, not 1'],
    [add(DST6, mask), RangeError, 'NFCT_FILTER_DST_IPV6.mask must be four 32-bit integers, not 3'],
    [add(DST6, { ...mask, addr: [0, 0, 0, -1] }), RangeError, 'NFCT_FILTER_DST_IPV6.addr[3] must be an integer'],
    [add(MARK, { addr: 1, mask: 2 }), TypeError, 'value of NFCT_FILTER_MARK.val must be a number'],
    [add(ZONE, 65536), RangeError, 'value of NFCT_FILTER_ZONE must be an integer from 0 to 65535'],
    [
      () => nfct.nfct_filter_add_attr_u32(filter, MARK, 5),
      TypeError,
      'value of NFCT_FILTER_MARK must be { val, mask }',
    ],
    [() => nfct.nfct_filter_add_attr_u32(filter, L4PROTO, -1), RangeError, 'value must be an integer from 0'],
    [() => nfct.nfct_filter_set_logic(filter, 0, 2), RangeError, 'logic must be an integer from 0 to 1, not 2'],
    [() => nfct.nfct_filter_set_logic(filter, 8, 0), RangeError, 'attr must be an integer from 0 to 7, not 8'],
    [() => nfct.nfct_filter_attach({} as never, filter), TypeError, 'h must be the result of nfct_open()'],
    [() => nfct.nfct_filter_detach(3 as never), TypeError, 'h must be the result of nfct_open()'],
  ];
  for (const [index, [call, error, text]] of REFUSED.entries()) {
    it(`${index + 1}: ${text}`, () => expect(call).to.throw(error, text));
  }

  it('and nothing of it is in the filter', () => {
    for (const [call] of REFUSED) expect(call).to.throw();
    expect(compileFilter(kindsOf(filter))).to.deep.equal(compileFilter(kindsOf(nfct.nfct_filter_create())));
    nfct.nfct_filter_destroy(filter);
  });
});

describe('nfct: a filter on a handle', () => {
  const marked = (mark: number): nfct.nfct_filter => filterOf([{ kind: MARK, words: [mark, 0xffffffff] }]);

  function listen(): { h: nfct.NfctHandle; fake: FakeTransport; seen: number[] } {
    const fake = new FakeTransport();
    const h = nfct.nfct_open_nfnl(fake, 0, nfct.NFCT_ALL_CT_GROUPS);
    const seen: number[] = [];
    nfct.nfct_callback_register(h, nfct.NFCT_T_ALL, (_type, ct) => {
      seen.push(nfct.nfct_get_attr_u32(ct, nfct.ATTR_MARK));
      return nfct.NFCT_CB_CONTINUE;
    });
    void nfct.nfct_catch(h).catch(() => {});
    return { h, fake, seen };
  }

  const deliver = (fake: FakeTransport, ...marks: number[]): void => {
    for (const mark of marks) fake.deliver(flowMessage(0, flow(mark), mark % 2 === 0 ? NEW : DESTROY));
  };

  it('is applied here where the transport cannot, until it is taken away or another comes', () => {
    const { h, fake, seen } = listen();
    deliver(fake, 1, 2);
    expect(nfct.nfct_filter_attach(h, marked(2))).to.equal(0);
    deliver(fake, 1, 2, 3);
    expect(nfct.nfct_filter_attach(h, marked(3))).to.equal(0);
    deliver(fake, 1, 2, 3);
    expect(nfct.nfct_filter_detach(h)).to.equal(0);
    deliver(fake, 1);
    expect(seen).to.deep.equal([1, 2, 2, 3, 1]);
    nfct.nfct_close(h);
  });

  it('is what it was when it was attached', () => {
    const { h, fake, seen } = listen();
    const filter = marked(2);
    nfct.nfct_filter_attach(h, filter);
    nfct.nfct_filter_add_attr(filter, MARK, { val: 1, mask: 0xffffffff });
    deliver(fake, 1, 2);
    expect(seen).to.deep.equal([2]);
    nfct.nfct_close(h);
  });

  it('is given to a transport that can', () => {
    const given: (Uint8Array | undefined)[] = [];
    const fake = Object.assign(new FakeTransport(), {
      attachFilter: (program: Uint8Array | undefined) => void given.push(program),
    });
    const h = nfct.nfct_open_nfnl(fake, 0, nfct.NFCT_ALL_CT_GROUPS);
    const filter = marked(2);
    nfct.nfct_filter_attach(h, filter);
    nfct.nfct_filter_detach(h);
    expect(given).to.deep.equal([compileFilter(kindsOf(filter)), undefined]);
    nfct.nfct_close(h);
  });

  it('that is not there cannot be taken away: ENOENT', () => {
    const { h } = listen();
    for (let times = 0; times < 2; times++) {
      expect(() => nfct.nfct_filter_detach(h))
        .to.throw(TransportError)
        .that.includes({ code: 'ENOENT', syscall: 'setsockopt' });
    }
    nfct.nfct_close(h);
    expect(() => nfct.nfct_filter_detach(h)).to.throw(ClosedError);
    expect(() => nfct.nfct_filter_attach(h, marked(1))).to.throw(ClosedError);
  });

  it('judges a datagram by its first message, as in the kernel', () => {
    const { h, fake, seen } = listen();
    nfct.nfct_filter_attach(h, marked(2));
    const both = [2, 3].map((mark) => flowMessage(0, flow(mark), NEW));
    fake.deliver(...both);
    fake.deliver(...both.reverse());
    expect(seen).to.deep.equal([2, 3]);
    nfct.nfct_close(h);
  });
});
