import { expect } from 'chai';
import { EXPECTATION_ATTRIBUTES } from '../../src/ctnetlink/attributes/expectation.ts';
import type { ExpectationInit, ExpectationPath } from '../../src/ctnetlink/attributes/expectation-properties.ts';
import { Expectation, expectationCodec } from '../../src/ctnetlink/expectation.ts';
import { CompiledExpectationFilter } from '../../src/ctnetlink/filter/expectation.ts';
import { decodeExpectation, eventTypeOf, expectationEventTypeOf } from '../../src/ctnetlink/message.ts';
import {
  buildExpectationCreate,
  buildExpectationDelete,
  buildExpectationDump,
  buildExpectationFlush,
  buildExpectationGet,
  buildExpectationStats,
} from '../../src/ctnetlink/request/expectation.ts';
import { decodeExpectationCpuStats } from '../../src/ctnetlink/stats.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { bytesOf, type Request } from '../../src/netlink/request.ts';
import { NLM_F_CREATE } from '../../src/uapi/netlink.ts';
import * as cta from '../../src/uapi/nfnetlink_conntrack.ts';
import { AF_INET, AF_INET6, AF_UNSPEC } from '../../src/uapi/socket.ts';
import { concat, headerOf, int32, message, nlattr } from '../support/fake-transport.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { decodeAttributes, encodeExpectation, randomExpectation } from '../support/sample-expectations.ts';
import { initOf, nested, propertyOf, SAMPLES } from '../support/samples.ts';

const seed = seedFromEnvironment();

const TUPLE = { dst: '10.0.0.9', proto: 'tcp', dport: 5000 } as const;
const MASTER = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 1000, dport: 21 } as const;

/** A request as it is sent. */
function sent(request: Request): { bytes: Uint8Array; expectation: Expectation; type: number; flags: number } {
  const bytes = bytesOf(request, 7);
  const { nlmsg_type: type, nlmsg_flags: flags } = headerOf(bytes);
  return { bytes, expectation: decodeExpectation(viewOf(bytes), 0, bytes.length), type, flags };
}

describe('expectation: the table', () => {
  it('knows every CTA_EXPECT_ constant of the header', () => {
    const known = new Set(EXPECTATION_ATTRIBUTES.flatMap(({ path }) => [...path] as string[]));
    const names = Object.keys(cta).filter((name) => name.startsWith('CTA_EXPECT_') && !/UNSPEC|MAX/.test(name));
    expect(names.filter((name) => !known.has(name))).to.deep.equal([]);
    expect(names).to.have.length(13);
  });

  for (const [slot, row] of EXPECTATION_ATTRIBUTES.entries()) {
    it(`${row.property} (${row.kind}): set, encode, decode, clone, JSON, unset`, () => {
      for (const { value, payload } of SAMPLES[row.kind]) {
        const expectation = Expectation.from(initOf(row.property, value) as unknown as ExpectationInit);
        expect(expectation.slots[slot]).not.to.equal(undefined);
        expect(propertyOf(expectation, row.property)).to.deep.equal(value);
        const bytes = encodeExpectation(expectation);
        if (row.path.length === 0) expect(bytes).to.deep.equal(new Uint8Array(0));
        else {
          expect(bytes).to.deep.equal(nested(row.path, payload));
          const read = decodeAttributes(bytes);
          expect(read.slots[slot]).to.deep.equal(expectation.slots[slot]);
          expect(read.unknown).to.equal(undefined);
        }
        expect(Expectation.from(JSON.parse(JSON.stringify(expectation)))).to.deep.equal(expectation);
        const clone = expectation.clone();
        expect(clone).to.deep.equal(expectation);
        clone.slots.fill(undefined);
        expect(clone.toJSON()).to.deep.equal({});
        expect(propertyOf(expectation, row.property)).to.deep.equal(value);
      }
    });
  }

  it(`is the same after encoding and decoding: 2,000 random ones (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let i = 0; i < 2000; i++) {
      const expectation = randomExpectation(random);
      const bytes = encodeExpectation(expectation);
      expect(encodeExpectation(decodeAttributes(bytes))).to.deep.equal(bytes);
    }
  });

  it('keeps what it does not know, in every nest', () => {
    for (const path of [[], ['CTA_EXPECT_MASTER'], ['CTA_EXPECT_NAT', 'CTA_EXPECT_NAT_TUPLE']]) {
      const init = { ...initOf('timeout', 3), unknown: [{ path, type: 31, value: '0102' }] } as ExpectationInit;
      const expectation = Expectation.from(init);
      const read = decodeAttributes(encodeExpectation(expectation));
      expect(read.toJSON().unknown).to.deep.equal([{ path, type: 31, value: '0102' }]);
    }
  });

  it('has properties with their groups', () => {
    const expectation = new Expectation();
    expect(expectation.tuple.src).to.equal(undefined);
    expect(expectation.nat).to.equal(undefined);
    expect(expectation.family).to.equal(undefined);
    const path: ExpectationPath = 'nat.direction';
    expect(propertyOf(Expectation.from({ nat: { direction: 1 } }), path)).to.equal(1);
  });

  it('names what is wrong', () => {
    const from = (init: object) => () => Expectation.from(init as ExpectationInit);
    expect(from({ tuple: { sport: 70_000 } })).to.throw(RangeError, 'expectation.tuple.sport must be');
    expect(from({ orig: {} })).to.throw(TypeError, 'expectation.orig is not a property of an expectation');
    expect(from({ mask: { state: 1 } })).to.throw(TypeError, 'expectation.mask.state is not one of');
    expect(from({ tuple: { src: '10.0.0.1', dst: '::1' } })).to.throw(RangeError, 'expectation.tuple');
    expect(from([])).to.throw(TypeError, 'expectation must be an object');
  });
});

describe('expectation: messages', () => {
  it('have the family of nfgenmsg in each tuple', () => {
    const attributes = encodeExpectation(Expectation.from({ tuple: { proto: 6 }, master: { proto: 6 }, timeout: 1 }));
    const bytes = message(1, concat([AF_INET6, 0, 0, 0], attributes), { type: 0x200 });
    const { tuple, master, mask } = decodeExpectation(viewOf(bytes), 0, bytes.length);
    expect([tuple.family, master.family, mask.family]).to.deep.equal(['ipv6', 'ipv6', undefined]);
  });

  it('are distinguished from those about flows', () => {
    const header = (type: number, flags = 0) => headerOf(message(1, [2, 0, 0, 0], { type, flags }));
    expect(expectationEventTypeOf(header(0x200, NLM_F_CREATE))).to.equal('new');
    expect(expectationEventTypeOf(header(0x200))).to.equal('update');
    expect(expectationEventTypeOf(header(0x202))).to.equal('destroy');
    for (const type of [0x201, 0x203, 0x100, 0x102]) expect(expectationEventTypeOf(header(type))).to.equal(undefined);
    for (const type of [0x200, 0x202]) expect(eventTypeOf(header(type))).to.equal(undefined);
  });

  it('have statistics of a CPU', () => {
    const counters = [nlattr(1, int32(3)), nlattr(2, int32(0x80000000)), nlattr(3, int32(5)), nlattr(9, int32(1))];
    const bytes = message(1, concat([0, 0, 0, 4], ...counters.map((each) => swapped(each))), { type: 0x103 });
    expect(decodeExpectationCpuStats(viewOf(bytes), 0, bytes.length)).to.deep.equal({
      cpu: 4,
      new: 3,
      create: 0x80000000,
      delete: 5,
    });
  });
});

/** Counters are big-endian, and int32 is in the byte order of the host. */
function swapped(attribute: Uint8Array): Uint8Array {
  const copy = attribute.slice();
  copy.subarray(4).reverse();
  return copy;
}

describe('expectation: requests', () => {
  it('create fills in the source and a mask that follows from it', () => {
    const { expectation, type, flags } = sent(
      buildExpectationCreate(Expectation.from({ tuple: TUPLE, master: MASTER, timeout: 9 }), 'expectations.create'),
    );
    expect([type, flags]).to.deep.equal([0x200, 0x605]);
    expect(expectation.toJSON().tuple).to.deep.equal({ family: 'ipv4', src: '0.0.0.0', ...TUPLE, sport: 0 });
    expect(expectation.toJSON().mask).to.deep.equal({
      family: 'ipv4',
      src: '0.0.0.0',
      dst: '255.255.255.255',
      proto: 'tcp',
      sport: 0,
      dport: 65535,
    });
  });

  it('create counts what is given of the source', () => {
    const tuple = { ...TUPLE, dst: 'fd00::9', src: 'fd00::1', sport: 5 };
    const master = { ...MASTER, src: 'fd00::1', dst: 'fd00::2' };
    const { expectation, bytes } = sent(
      buildExpectationCreate(Expectation.from({ tuple, master, timeout: 9 }), 'expectations.createOrUpdate'),
    );
    expect(bytes[16]).to.equal(AF_INET6);
    expect(expectation.mask).to.include({ src: `${'ffff:'.repeat(7)}ffff`, sport: 65535 });
  });

  it('create fills in the NAT tuple, whose source counts', () => {
    const nat = { src: '10.7.7.7', sport: 42, direction: 1 };
    const build = (init: ExpectationInit) =>
      buildExpectationCreate(
        Expectation.from({ tuple: TUPLE, master: MASTER, timeout: 9, ...init }),
        'expectations.create',
      );
    const { expectation } = sent(build({ nat }));
    expect(expectation.toJSON().nat).to.deep.equal({ ...nat, family: 'ipv4', proto: 'tcp', dst: '0.0.0.0', dport: 0 });
    expect(() => build({ nat: { src: '10.7.7.7' } })).to.throw(TypeError, 'expectation.nat.direction is required');
  });

  it('create changes nothing of what it was given, and sends no id', () => {
    const given = Expectation.from({ tuple: TUPLE, master: MASTER, timeout: 9, id: 5 });
    const before = given.clone();
    const { expectation } = sent(buildExpectationCreate(given, 'expectations.create'));
    expect(given).to.deep.equal(before);
    expect(expectation.id).to.equal(undefined);
  });

  it('name what is missing', () => {
    const create = (init: ExpectationInit) => () =>
      buildExpectationCreate(Expectation.from(init), 'expectations.create');
    expect(create({ tuple: { proto: 'tcp' }, master: MASTER, timeout: 1 })).to.throw(
      TypeError,
      'expectation.tuple.src',
    );
    expect(create({ tuple: { dst: '10.0.0.2', proto: 'tcp' }, master: MASTER, timeout: 1 })).to.throw(
      TypeError,
      "expectation.tuple.dport is required with proto 'tcp'",
    );
    expect(create({ tuple: TUPLE, master: { ...MASTER, sport: undefined }, timeout: 1 })).to.throw(
      TypeError,
      "expectation.master.sport is required with proto 'tcp'",
    );
    expect(create({ tuple: TUPLE, timeout: 1 })).to.throw(TypeError, 'expectation.master.src is required');
    expect(create({ tuple: TUPLE, master: MASTER })).to.throw(TypeError, 'expectation.timeout is required');
  });

  it('are never a flush without a tuple', () => {
    for (const init of [{}, { id: 5 }, { helper: 'ftp' }, { tuple: { proto: 'tcp' } }, { master: MASTER }] as const) {
      for (const build of [buildExpectationDelete, buildExpectationGet])
        expect(() => build(Expectation.from(init)), JSON.stringify(init)).to.throw(TypeError, 'expectation.tuple');
    }
  });

  it('delete has the id and the zone, get the zone only', () => {
    const given = Expectation.from({ tuple: TUPLE, zone: 3, id: 5, timeout: 9, helper: 'ftp', flags: 1 });
    expect(sent(buildExpectationDelete(given)).expectation.toJSON()).to.have.all.keys('tuple', 'zone', 'id');
    const get = sent(buildExpectationGet(given));
    expect(get.expectation.toJSON()).to.have.all.keys('tuple', 'zone');
    expect([get.type, get.flags]).to.deep.equal([0x201, 5]);
  });

  it('flush has nothing but the helper; dump the family; statistics nothing', () => {
    expect(sent(buildExpectationFlush()).bytes).to.have.length(20);
    expect(sent(buildExpectationFlush('ftp')).expectation.toJSON()).to.deep.equal({ helper: 'ftp' });
    expect(sent(buildExpectationDump(AF_INET)).bytes.subarray(16)).to.deep.equal(Uint8Array.of(AF_INET, 0, 0, 0));
    expect(sent(buildExpectationStats()).type).to.equal(0x203);
  });
});

describe('expectation: filter', () => {
  const expectation = Expectation.from({ tuple: TUPLE, master: MASTER, helper: 'ftp' });

  it('matches what is equal', () => {
    const matches = (filter: ConstructorParameters<typeof CompiledExpectationFilter>[0]): boolean =>
      new CompiledExpectationFilter(filter).matches(expectation);
    for (const filter of [
      {},
      { family: 'ipv4' },
      { helper: 'ftp' },
      { master: MASTER },
      { master: { dport: 21 }, tuple: { dst: '10.0.0.9' } },
      { master: { dport: [20, { from: 21, to: 22 }] } },
      { master: { dport: { from: 21, to: 21 } }, tuple: { dst: '10.0.0.9', dport: { from: 0, to: 65535 } } },
    ] as const)
      expect(matches(filter), JSON.stringify(filter)).to.equal(true);
    for (const filter of [
      { family: 'ipv6' },
      { helper: 'sip' },
      { master: { ...MASTER, sport: 1 } },
      { tuple: { dst: '::1' } },
      { tuple: { src: '0.0.0.0' } },
      { master: { dport: [20, { from: 22, to: 65535 }] } },
      { master: { dport: 21 }, tuple: { dport: [1, 2] } },
      { tuple: { sport: { from: 0, to: 65535 } } },
    ] as const)
      expect(matches(filter), JSON.stringify(filter)).to.equal(false);
  });

  it('asks the kernel for the family', () => {
    expect(new CompiledExpectationFilter({}).family).to.equal(AF_UNSPEC);
    expect(new CompiledExpectationFilter({ family: 'ipv6' }).family).to.equal(AF_INET6);
    expect(new CompiledExpectationFilter({ tuple: { src: '::1' } }).family).to.equal(AF_INET6);
  });

  it('names what is wrong', () => {
    const compile = (filter: unknown) => () => new CompiledExpectationFilter(filter as object);
    expect(compile(null)).to.throw(TypeError, 'filter must be an object');
    expect(compile({ mark: 1 })).to.throw(TypeError, 'filter.mark is not one of family, helper, master, tuple');
    expect(compile({ family: 'ipx' })).to.throw(RangeError, 'filter.family');
    expect(compile({ helper: 1 })).to.throw(TypeError, 'filter.helper');
    expect(compile({ master: { dport: -1 } })).to.throw(RangeError, 'filter.master.dport');
    expect(compile({ tuple: { sport: { from: 2, to: 1 } } })).to.throw(RangeError, 'filter.tuple.sport must have from');
    expect(compile({ tuple: { sport: [] } })).to.throw(RangeError, 'filter.tuple.sport is an empty list');
  });
});

describe('expectation: the codec', () => {
  it('is another one than that of flows, with slots of its own', () => {
    expect(expectationCodec.rows).to.equal(EXPECTATION_ATTRIBUTES);
    expect(new Expectation().slots).to.have.length(EXPECTATION_ATTRIBUTES.length);
  });
});
