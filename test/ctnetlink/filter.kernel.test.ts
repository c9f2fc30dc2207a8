/**
 * What a filter claims about the kernel, compared with the kernel: a dump never loses what matches here, a filter that
 * claims to be exact gives exactly that, and a flush by it leaves exactly the rest. A flush that takes more than it
 * says cannot be undone.
 */
import { expect } from 'chai';
import type { FlowInit, TupleInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { CompiledFilter, type Filter } from '../../src/ctnetlink/filter/filter.ts';
import { kernelSupport } from '../../src/ctnetlink/filter/support.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { buildCreate, buildDump, buildFlush } from '../../src/ctnetlink/request/flow.ts';
import { KernelError } from '../../src/netlink/errors.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import { openTransport } from '../../src/transport/open.ts';
import { describeKernel } from '../support/kernel.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

const seed = seedFromEnvironment();
const ADDRESSES = {
  ipv4: ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
  ipv6: ['fd00::1', 'fd00::2', 'fd00::3'],
} as const;
const PROTOCOLS = ['tcp', 'udp', 'icmp', 'icmpv6', 'sctp', 'gre', 'udplite', 89] as const;

function randomFlow(random: Random): FlowInit {
  const family = random.pick(['ipv4', 'ipv6'] as const);
  const src = random.pick(ADDRESSES[family]);
  const dst = random.pick(ADDRESSES[family]);
  let proto = random.pick(PROTOCOLS);
  if (proto === 'icmp' || proto === 'icmpv6') proto = family === 'ipv4' ? 'icmp' : 'icmpv6';
  const orig: TupleInit = { src, dst, proto };
  if (proto === 'icmp' || proto === 'icmpv6') {
    orig.icmpType = proto === 'icmp' ? random.pick([8, 13]) : 128;
    orig.icmpCode = random.below(2);
    orig.icmpId = random.below(3);
  } else if (proto !== 89) {
    orig.sport = random.below(4);
    orig.dport = random.below(4);
  }
  const status = random.pick([[], ['ASSURED'], ['SEEN_REPLY'], ['SEEN_REPLY', 'ASSURED']] as const);
  const init: FlowInit = { orig, timeout: 1000, mark: random.pick([0, 1, 2, 3, 0xffffffff]), status };
  if (!random.oneIn(3)) return init;
  return random.oneIn(2) ? { ...init, zone: random.between(1, 2) } : { ...init, orig: { ...orig, zone: 2 } };
}

function randomFilter(random: Random): Filter {
  const family = random.pick(['ipv4', 'ipv6'] as const);
  const filter: Filter = {};
  if (random.oneIn(2)) filter.family = family;
  if (random.oneIn(4))
    filter.mark = random.pick([0, 1, { value: 1, mask: 3 }, { value: 4, mask: 3 }, { value: 0, mask: 0 }]);
  if (random.oneIn(4)) {
    const masked = [
      { value: 0, mask: ['ASSURED'] },
      { value: 2, mask: 6 },
      { value: 6, mask: 2 },
      { value: 4, mask: 0 },
    ] satisfies Filter['status'][];
    filter.status = random.pick([['ASSURED'], 0, ...masked]);
  }
  if (random.oneIn(4)) filter.zone = random.below(4);
  for (const direction of ['orig', 'reply'] as const) {
    if (!random.oneIn(2)) continue;
    const tuple: TupleInit = {};
    if (random.oneIn(3)) tuple.src = random.pick(ADDRESSES[family]);
    if (random.oneIn(3)) tuple.dst = random.pick(ADDRESSES[family]);
    if (random.oneIn(2)) tuple.proto = random.pick(PROTOCOLS);
    if (random.oneIn(4)) tuple.sport = random.below(4);
    if (random.oneIn(4)) tuple.dport = random.below(4);
    if (random.oneIn(6)) tuple.icmpType = random.pick([0, 3, 8, 13, 14, 128, 129]);
    if (random.oneIn(6)) tuple.icmpCode = random.below(2);
    if (random.oneIn(6)) tuple.icmpId = random.below(3);
    if (random.oneIn(8)) tuple.zone = random.below(3);
    filter[direction] = tuple;
  }
  return filter;
}

/** What tells flows apart, and does not change when the same one is created again. */
function key({ orig, reply, zone, mark, status }: Flow): string {
  return JSON.stringify([orig, reply, zone, mark, status]);
}

function keys(flows: readonly Flow[]): string[] {
  return flows.map(key).sort();
}

describeKernel('filter: against the kernel', () => {
  let socket: NetlinkSocket;
  const random = new Random(seed);
  const inits = Array.from({ length: 150 }, () => randomFlow(random));

  async function dump(filter?: ReturnType<CompiledFilter['forKernel']>): Promise<Flow[]> {
    const flows: Flow[] = [];
    const sink = {
      message: (_header: unknown, view: DataView, offset: number, end: number) => {
        flows.push(decodeFlow(view, offset, end));
      },
    };
    await socket.request(buildDump('dump', filter), { sink });
    return flows;
  }

  async function fill(): Promise<Flow[]> {
    await socket.request(buildFlush());
    for (const init of inits) {
      try {
        await socket.request(buildCreate(Flow.from(init), 'create'));
      } catch (error) {
        // Some of them are the same, or each other's reply.
        if (!(error instanceof KernelError && error.code === 'EEXIST')) throw error;
      }
    }
    return await dump();
  }

  before(async () => {
    socket = new NetlinkSocket(await openTransport());
  });
  after(async () => {
    await socket.request(buildFlush());
    socket.close();
  });

  it(`a dump has all that matches, and nothing else where it is exact (seed ${seed})`, async () => {
    const support = kernelSupport(socket.transport.release);
    const all = await fill();
    expect(all.length).to.be.above(80);
    let exact = 0;
    for (let n = 0; n < 300; n++) {
      const filter = randomFilter(random);
      const compiled = new CompiledFilter(filter);
      const kernel = compiled.forKernel('dump', support);
      const got = await dump(kernel);
      const wanted = keys(all.filter((flow) => compiled.matches(flow)));
      expect(keys(got.filter((flow) => compiled.matches(flow))), JSON.stringify(filter)).to.deep.equal(wanted);
      if (!kernel.exact) continue;
      exact++;
      expect(keys(got), `exact: ${JSON.stringify(filter)}`).to.deep.equal(wanted);
    }
    expect(exact).to.be.above(support.dumpTuple ? 60 : 0);
  });

  it(`a flush leaves what does not match (seed ${seed})`, async () => {
    const support = kernelSupport(socket.transport.release);
    let flushes = 0;
    for (let n = 0; n < 2000 && flushes < 40; n++) {
      const filter = randomFilter(random);
      const compiled = new CompiledFilter(filter);
      const kernel = compiled.forKernel('flush', support);
      if (!kernel.exact || compiled.empty) continue;
      const all = await fill();
      await socket.request(buildFlush(kernel));
      const left = all.filter((flow) => !compiled.matches(flow));
      expect(keys(await dump()), JSON.stringify(filter)).to.deep.equal(keys(left));
      flushes++;
    }
    expect(flushes).to.equal(40);
  });
});
