import { inspect } from 'node:util';
import { expect } from 'chai';
import { ATTRIBUTES } from '../../src/ctnetlink/attributes/flow.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow, flowFrom } from '../../src/ctnetlink/flow.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { encode, randomFlow, slotsOf } from '../support/samples.ts';

const seed = seedFromEnvironment();

const TCP: FlowInit = {
  orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 1000, dport: 80 },
  reply: { src: '10.0.0.2', dst: '10.0.0.1', proto: 'tcp', sport: 80, dport: 1000 },
  timeout: 300,
  status: ['SEEN_REPLY', 'CONFIRMED'],
  mark: 0,
  tcp: { state: 'ESTABLISHED' },
  labels: [1, 127],
  countersOrig: { packets: 3n, bytes: 2n ** 60n },
  helper: { name: 'ftp', info: Uint8Array.of(1, 2) },
};

describe('flow: properties', () => {
  it('are undefined where nothing is set; the two directions are always there', () => {
    const flow = new Flow();
    expect(flow.orig).to.be.an('object');
    expect(flow.reply.src).to.equal(undefined);
    for (const name of ['master', 'tcp', 'sctp', 'dccp', 'helper', 'snat', 'dnat', 'countersOrig', 'countersReply']) {
      expect(flow[name as keyof Flow], name).to.equal(undefined);
    }
    for (const name of ['seqadjOrig', 'seqadjReply', 'timestamp', 'synproxy', 'filter', 'mark', 'labels', 'unknown']) {
      expect(flow[name as keyof Flow], name).to.equal(undefined);
    }
    expect(flow.family).to.equal(undefined);
  });

  it('are what was given', () => {
    const flow = Flow.from(TCP);
    expect(flow.family).to.equal('ipv4');
    expect(flow.orig.src).to.equal('10.0.0.1');
    expect(flow.status).to.equal(10);
    expect(flow.mark, '0 is a value').to.equal(0);
    expect(flow.tcp?.state).to.equal('ESTABLISHED');
    expect(flow.tcp?.wscaleOrig).to.equal(undefined);
    expect(flow.labels).to.deep.equal([1, 127]);
    expect(flow.countersOrig).to.deep.include({ packets: 3n, bytes: 2n ** 60n });
    expect(flow.helper?.info).to.deep.equal(Uint8Array.of(1, 2));
  });

  it('cannot be assigned', () => {
    const flow = Flow.from(TCP) as unknown as Record<string, unknown>;
    expect(() => {
      flow.mark = 1;
    }).to.throw(TypeError);
    expect(() => {
      (flow.orig as Record<string, unknown>).src = '1.1.1.1';
    }).to.throw(TypeError);
  });

  it('of the family follow from the addresses of each tuple', () => {
    const flow = Flow.from({ orig: { src: '::1' }, reply: { dst: '1.2.3.4' }, master: { src: '::2', dst: '::3' } });
    expect([flow.orig.family, flow.reply.family, flow.master?.family]).to.deep.equal(['ipv6', 'ipv4', 'ipv6']);
    expect(flow.family).to.equal('ipv6');
    expect(Flow.from({ reply: { src: '::1' } }).family).to.equal('ipv6');
    expect(Flow.from({ orig: { proto: 'udp' } }).family).to.equal(undefined);
    expect(Flow.from({ orig: { family: 'ipv6', proto: 'udp' } }).family).to.equal('ipv6');
  });

  it('can be listed: a group shows what it has', () => {
    const flow = Flow.from(TCP);
    expect(inspect(flow)).to.include("src: '10.0.0.1'").and.include('bytes: 1152921504606846976n');
    expect(inspect(flow)).not.to.include('undefined');
    expect(inspect(flow.tcp)).to.equal("{ state: 'ESTABLISHED' }");
  });
});

describe('flow: from', () => {
  it('takes a flow as it is: it does not change', () => {
    const flow = Flow.from(TCP);
    expect(Flow.from(flow)).to.equal(flow);
  });

  it('takes the groups of another flow', () => {
    const flow = Flow.from(TCP);
    const turned = Flow.from({ orig: flow.reply, reply: flow.orig, tcp: flow.tcp });
    expect(turned.orig.src).to.equal('10.0.0.2');
    expect(turned.reply.dport).to.equal(80);
    expect(turned.tcp?.state).to.equal('ESTABLISHED');
  });

  it('takes undefined for not given', () => {
    const flow = Flow.from({ mark: undefined, orig: { src: undefined, proto: 'udp' }, tcp: undefined, reply: {} });
    expect(flow.toJSON()).to.deep.equal({ orig: { proto: 'udp' } });
  });

  it('keeps no bytes of the caller', () => {
    const info = Buffer.from([1, 2, 3]);
    const value = Buffer.from([4]);
    const flow = Flow.from({ helper: { name: 'x', info }, unknown: [{ path: [], type: 99, value }] });
    info.fill(0);
    value.fill(0);
    expect([...flow.helper!.info!]).to.deep.equal([1, 2, 3]);
    expect([...flow.unknown![0].value]).to.deep.equal([4]);
  });

  const REFUSED: readonly (readonly [init: unknown, error: typeof TypeError | typeof RangeError, message: string])[] = [
    [null, TypeError, 'flow must be an object, not null'],
    [undefined, TypeError, 'flow must be an object, not undefined'],
    ['10.0.0.1', TypeError, "flow must be an object, not '10.0.0.1'"],
    [{ makr: 1 }, TypeError, 'flow.makr is not a property of a flow'],
    [{ '': {} }, TypeError, 'flow. is not a property of a flow'],
    [{ family: 'ipv4' }, TypeError, 'flow.family is not a property of a flow'],
    [{ toString: 1 }, TypeError, 'flow.toString is not a property of a flow'],
    [{ mark: '1' }, TypeError, "flow.mark must be a number, not '1'"],
    [{ mark: null }, TypeError, 'flow.mark must be a number, not null'],
    [{ mark: -1 }, RangeError, 'flow.mark must be an integer from 0 to 4294967295, not -1'],
    [{ zone: 65536 }, RangeError, 'flow.zone must be an integer from 0 to 65535, not 65536'],
    [{ status: ['X'] }, RangeError, 'flow.status must have names of'],
    [{ labels: [128] }, RangeError, 'flow.labels: bit 128'],
    [{ orig: '10.0.0.1' }, TypeError, "flow.orig must be an object, not '10.0.0.1'"],
    [{ orig: null }, TypeError, 'flow.orig must be an object, not null'],
    [{ orig: { sport: 65536 } }, RangeError, 'flow.orig.sport must be an integer from 0 to 65535, not 65536'],
    [{ orig: { source: '::1' } }, TypeError, 'flow.orig.source is not one of family, src, dst, proto'],
    [{ orig: { src: 'x' } }, RangeError, "flow.orig.src must be an IPv4 or IPv6 address, not 'x'"],
    [{ orig: { src: 1 } }, TypeError, 'flow.orig.src must be a string, not 1'],
    [{ orig: { src: '1.2.3.4\0' } }, RangeError, 'flow.orig.src must be an IPv4 or IPv6 address'],
    [
      { orig: { src: '1.2.3.4', dst: '::1' } },
      RangeError,
      'flow.orig has an ipv6 address and something of another family',
    ],
    [
      { orig: { src: '1.2.3.4', family: 'ipv6' } },
      RangeError,
      'flow.orig has an ipv4 address and something of another',
    ],
    [
      { orig: { proto: 'TCP' } },
      RangeError,
      'flow.orig.proto must be a number or one of tcp, udp, udplite, icmp, icmpv6',
    ],
    [{ snat: { minAddress: 'x' } }, RangeError, "flow.snat.minAddress must be an IPv4 or IPv6 address, not 'x'"],
    [{ tcp: { state: 'established' } }, RangeError, 'flow.tcp.state must be a number or one of NONE, SYN_SENT'],
    [{ tcp: { wscaleOrig: 256 } }, RangeError, 'flow.tcp.wscaleOrig must be an integer from 0 to 255, not 256'],
    [{ helper: { name: 'a\0' } }, RangeError, 'flow.helper.name must not contain NUL'],
    [{ countersOrig: { bytes: -1n } }, RangeError, 'flow.countersOrig.bytes must be from 0 to 2^64 - 1, not -1'],
    [{ unknown: {} }, TypeError, 'flow.unknown must be an array, not an object'],
    [{ unknown: [null] }, TypeError, 'flow.unknown[0] must be an object, not null'],
    [{ unknown: [{ type: 1, value: '' }] }, RangeError, 'flow.unknown[0].path is not the path of a nest'],
    [{ unknown: [{ path: 'CTA_HELP', type: 1, value: '' }] }, RangeError, 'flow.unknown[0].path is not'],
    [{ unknown: [{ path: ['CTA_MARK'], type: 1, value: '' }] }, RangeError, 'flow.unknown[0].path is not'],
    [{ unknown: [{ path: [], type: 65536, value: '' }] }, RangeError, 'flow.unknown[0].type must be an integer'],
    [{ unknown: [{ path: [], type: 1, value: 'x' }] }, TypeError, 'flow.unknown[0].value must be a Uint8Array'],
  ];

  for (const [init, error, message] of REFUSED) {
    it(`refuses ${inspect(init, { breakLength: 200 })}`, () => {
      expect(() => Flow.from(init as FlowInit)).to.throw(error, message);
    });
  }

  it('names the argument as its caller calls it', () => {
    expect(() => flowFrom({ mark: -1 }, 'filter')).to.throw(RangeError, /^filter\.mark must/);
    expect(() => flowFrom({ orig: { sport: -1 } }, 'a[3]')).to.throw(RangeError, /^a\[3\]\.orig\.sport must/);
  });
});

describe('flow: clone', () => {
  it('shares nothing that can change', () => {
    const flow = Flow.from({ ...TCP, unknown: [{ path: ['CTA_HELP'], type: 50, value: '0102' }] });
    const clone = flow.clone();
    expect(clone).to.be.instanceOf(Flow);
    expect(encode(clone)).to.deep.equal(encode(flow));
    clone.helper!.info!.fill(0);
    clone.unknown![0].value.fill(0);
    clone.unknown![0].type = 51;
    clone.unknown!.push({ level: 0, type: 60, value: new Uint8Array(0) });
    clone.slots.fill(undefined);
    expect(flow.toJSON()).to.deep.equal(
      Flow.from({ ...TCP, unknown: [{ path: ['CTA_HELP'], type: 50, value: '0102' }] }).toJSON(),
    );
  });

  it('of a flow without unknown attributes has none', () => {
    expect(Flow.from({ mark: 1 }).clone().unknown).to.equal(undefined);
  });
});

describe('flow: JSON', () => {
  it('is plain, and without what is not set', () => {
    expect(JSON.parse(JSON.stringify(Flow.from(TCP)))).to.deep.equal({
      orig: { family: 'ipv4', src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 1000, dport: 80 },
      reply: { family: 'ipv4', src: '10.0.0.2', dst: '10.0.0.1', proto: 'tcp', sport: 80, dport: 1000 },
      tcp: { state: 'ESTABLISHED' },
      helper: { name: 'ftp', info: '0102' },
      countersOrig: { packets: 3, bytes: '1152921504606846976' },
      status: ['SEEN_REPLY', 'CONFIRMED'],
      timeout: 300,
      mark: 0,
      labels: [1, 127],
    });
    expect(JSON.stringify(new Flow())).to.equal('{}');
  });

  it('of one group can be had too', () => {
    expect(JSON.stringify(Flow.from(TCP).tcp)).to.equal('{"state":"ESTABLISHED"}');
    expect(JSON.stringify(new Flow().orig)).to.equal('{}');
  });

  it(`comes back as the same flow: any flow (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let n = 0; n < 2000; n++) {
      const flow = randomFlow(random, ATTRIBUTES, random.between(1, 6));
      const again = Flow.from(JSON.parse(JSON.stringify(flow)));
      expect(slotsOf(again)).to.deep.equal(slotsOf(flow));
      expect(encode(again)).to.deep.equal(encode(flow));
    }
  });
});
