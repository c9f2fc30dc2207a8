/** Requests from a stencil: always the bytes that the general way makes, and never where that refuses. */
import { inspect } from 'node:util';
import { expect } from 'chai';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { buildChange, type ChangeQuery, subjectIn } from '../../src/ctnetlink/request/flow.ts';
import { Stencils } from '../../src/ctnetlink/request/stencil.ts';
import { Batch } from '../../src/netlink/batch.ts';
import { bytesOf, type Request } from '../../src/netlink/request.ts';
import { Writer } from '../../src/netlink/writer.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { randomFlow } from '../support/random-flow.ts';
import { sized } from '../support/tier.ts';

const QUERIES: readonly ChangeQuery[] = ['create', 'createOrUpdate', 'update', 'delete'];
const seed = seedFromEnvironment();
/** Of a query. */
const ROUNDS = sized({ quick: 60, landing: 200, soak: 5000 });

const general = (query: ChangeQuery, item: object): Request => buildChange(query, Flow.from(item as FlowInit), true);

function stencils(query: ChangeQuery): Stencils {
  return new Stencils((item) => general(query, item));
}

/** What a stencil writes, into a buffer that was used before; undefined: none fits. */
function written(from: Stencils, item: object): Uint8Array | undefined {
  const writer = new Writer();
  writer.bytes.fill(0xa5);
  const request = from.fit(item);
  if (request === undefined) return undefined;
  request.write(writer, 77);
  return writer.finish().slice();
}

/** Undefined: refused. */
function expected(query: ChangeQuery, item: object): Uint8Array | undefined {
  try {
    return bytesOf(general(query, item), 77);
  } catch {
    return undefined;
  }
}

const udp = (n: number, more: object = {}): FlowInit => ({
  orig: { src: `10.0.${(n >> 8) & 255}.${n & 255}`, dst: '192.0.2.1', proto: 'udp', sport: n, dport: 53 },
  timeout: 60 + n,
  ...more,
});

/** Stencils that know flows like this one. */
function knowing(query: ChangeQuery, like: (n: number) => object): Stencils {
  const known = stencils(query);
  for (let n = 0; n < 16; n++) known.fit(like(n));
  expect(known.fit(like(16)), 'a stencil').to.not.equal(undefined);
  return known;
}

describe('stencils of requests', () => {
  it(`write the bytes of the general way, and nothing that it refuses (seed ${seed})`, () => {
    const random = new Random(seed);
    const fitted: Record<string, number> = {};
    for (const query of QUERIES) {
      for (let round = 0; round < ROUNDS; round++) {
        const known = stencils(query);
        // Few shapes, each with values of its own, and now and then something else in the place of a value.
        const shapes = Array.from({ length: random.between(1, 5) }, (_, n) => randomFlow(random, n));
        for (let n = 0; n < 120; n++) {
          const item = varied(random, random.pick(shapes));
          const bytes = written(known, item);
          if (bytes === undefined) continue;
          fitted[query] = (fitted[query] ?? 0) + 1;
          expect(bytes, JSON.stringify(item)).to.deep.equal(expected(query, item));
        }
      }
    }
    for (const query of QUERIES) expect(fitted[query], query).to.be.above(20 * ROUNDS);
  });

  it('are made for the flows of each protocol and family', () => {
    const shapes: Record<string, (n: number) => FlowInit> = {
      udp,
      'udp with a mark': (n) => udp(n, { mark: n }),
      tcp: (n) => ({
        orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: n, dport: 80 },
        tcp: { state: 'ESTABLISHED' },
        timeout: 9,
      }),
      'tcp with flags for its windows': (n) => ({
        orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: n, dport: 80 },
        tcp: { state: 'ESTABLISHED', flagsOrig: 8, maskOrig: 8, flagsReply: 8, maskReply: 8 },
        timeout: 9,
      }),
      icmpv6: (n) => ({
        orig: { src: `2001:db8::${n}`, dst: '2001:db8::a:1', proto: 'icmpv6', icmpType: 128, icmpCode: 0, icmpId: n },
        timeout: 9,
      }),
      'with a zone, a helper and NAT': (n) =>
        udp(n, { zone: 4, status: 2, helper: { name: 'tftp' }, snat: { minAddress: '203.0.113.9' } }),
      'with a reply of its own': (n) => udp(n, { reply: { src: `10.9.0.${n}`, dport: 999 } }),
    };
    for (const [name, shape] of Object.entries(shapes)) {
      const known = knowing('create', shape);
      for (const n of [17, 200, 255])
        expect(written(known, shape(n)), name).to.deep.equal(expected('create', shape(n)));
    }
  });

  it('are not made of what has more than single values', () => {
    for (const more of [{ status: ['ASSURED'] }, { labels: [3] }, { mark: undefined }, { unknown: [] }]) {
      const none = stencils('create');
      for (let n = 0; n < 100; n++) expect(none.fit(udp(n, more)), JSON.stringify(more)).to.equal(undefined);
    }
  });

  it('fit nothing that differs in more than free values', () => {
    const known = knowing('create', udp);
    const { orig, timeout } = udp(17);
    const others: object[] = [
      { orig: { ...orig, proto: 'tcp' }, timeout },
      { orig: { ...orig, proto: 17 }, timeout },
      { orig: { ...orig, src: '2001:db8::1' }, timeout },
      { orig: { ...orig, src: '10.0.0.256' }, timeout },
      { orig: { ...orig, src: 167772161 }, timeout },
      { orig: { ...orig, sport: 65536 }, timeout },
      { orig: { ...orig, sport: -1 }, timeout },
      { orig: { ...orig, sport: 1.5 }, timeout },
      { orig: { ...orig, sport: Number.NaN }, timeout },
      { orig: { ...orig, sport: '53' }, timeout },
      { orig: { ...orig, sport: 53n }, timeout },
      { orig: { ...orig, sport: undefined }, timeout },
      { orig: { ...orig, zone: 1 }, timeout },
      { orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1 }, timeout },
      { orig: { dst: '192.0.2.1', src: '10.0.0.1', proto: 'udp', sport: 1, dport: 2 }, timeout },
      { orig: Object.create(orig as object), timeout },
      // Nothing of its own: the general way has nothing to name a flow by.
      Object.create({ orig, timeout }),
      { orig, timeout: 2 ** 32 },
      // The general way decides about it.
      { orig, timeout: 0 },
      { orig, timeout, mark: 0 },
      { timeout, orig },
      { orig },
      { orig: null, timeout },
      { orig: 'udp', timeout },
      [],
      Object.assign(Object.create({ mark: 3 }), { orig, timeout }),
      Flow.from({ orig, timeout }),
    ];
    for (const other of [...others, null, undefined, 5, 'udp'])
      expect(known.fit(other), inspect(other)).to.equal(undefined);
    expect(written(known, { orig, timeout })).to.deep.equal(expected('create', { orig, timeout }));
    // Made by another realm, or without a prototype.
    expect(known.fit(Object.assign(Object.create(null), { orig, timeout }))).to.not.equal(undefined);
  });

  it('fit no property at another place than the known flows have it', () => {
    const { orig, timeout } = udp(17);
    const known = knowing('create', (n) => ({ orig: { ...udp(n).orig, zone: 3 }, timeout }));
    expect(known.fit({ orig, zone: 3, timeout })).to.equal(undefined);
  });

  it('read each property once', () => {
    let asked = 0;
    // What is read twice is two things.
    const counting = (n: number): object => ({
      orig: udp(n).orig,
      timeout: 5,
      get mark() {
        return asked++ % 5;
      },
      get zone() {
        return asked++ % 3;
      },
    });
    const known = stencils('create');
    let fitted = 0;
    for (let n = 0; n < 400; n++) {
      const before = asked;
      const bytes = written(known, counting(n));
      if (bytes === undefined) continue;
      fitted++;
      expect(asked).to.equal(before + 2);
      const item = { orig: udp(n).orig, timeout: 5, mark: before % 5, zone: (before + 1) % 3 };
      expect(bytes).to.deep.equal(expected('create', item));
    }
    expect(fitted).to.be.above(50);
  });

  it('have no hole where the bytes are not just the value', () => {
    const doubled = (item: object): object => ({ ...item, timeout: 2 * (item as { timeout: number }).timeout });
    const known = new Stencils((item) => general('create', doubled(item)));
    let fitted = 0;
    for (let n = 0; n < 100; n++) {
      const item = udp(n, { timeout: 1 + (n % 2) });
      const bytes = written(known, item);
      if (bytes === undefined) continue;
      fitted++;
      expect(bytes).to.deep.equal(expected('create', doubled(item)));
    }
    expect(fitted).to.be.above(20);
  });

  it('give up on flows that have nothing in common', () => {
    const none = stencils('create');
    let built = 0;
    const counted = new Stencils((item) => {
      built++;
      return general('create', item);
    });
    for (let n = 1; n <= 20_000; n++) {
      // A zone of its own decides about more than its bytes.
      expect(none.fit(udp(n, { zone: n }))).to.equal(undefined);
      counted.fit(udp(n, { zone: n }));
    }
    expect(built).to.be.below(200);
  });

  it('leave in a batch what each message is about', () => {
    const known = knowing('create', udp);
    const batch = new Batch();
    for (const n of [20, 21, 22]) batch.add(known.fit(udp(n))!);
    batch.add(general('create', udp(23)));
    expect([0, 1, 2, 3].map((index) => subjectIn(batch.bytes, index))).to.deep.equal(
      [20, 21, 22, 23].map((n) => general('create', udp(n)).subject()),
    );
  });
});

const ODD: readonly unknown[] = [undefined, null, -1, 0, 65536, 1.5, '', 'tcp', '10.1.2.3', '2001:db8::9', 7n, {}, []];

/** The same properties, some with other values. */
function varied(random: Random, shape: FlowInit): FlowInit {
  const item = structuredClone(shape) as Record<string, unknown>;
  const change = (holder: Record<string, unknown>): void => {
    for (const [name, value] of Object.entries(holder)) {
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        change(value as Record<string, unknown>);
      else if (random.oneIn(300)) holder[name] = random.pick(ODD);
      else if (name === 'src' || name === 'dst')
        holder[name] = String(value).includes(':')
          ? `fd00:${random.below(65536).toString(16)}::${random.below(65536).toString(16)}`
          : `10.${random.below(256)}.${random.below(256)}.${random.below(256)}`;
      else if (name === 'sport' || name === 'dport' || name === 'icmpId') holder[name] = random.below(65536);
      else if (name === 'mark' || name === 'timeout') holder[name] = random.uint32();
      else if (random.oneIn(100) && typeof value === 'number') holder[name] = random.below(8);
    }
  };
  change(item);
  return item as FlowInit;
}
