/** The storage of a table, beside a Map of flows that a seed fills. */
import { expect } from 'chai';
import { CompiledFilter, type Filter } from '../../src/ctnetlink/filter/filter.ts';
import { Flow, type FlowInit } from '../../src/ctnetlink/flow.ts';
import { ORIG, REPLY } from '../../src/ctnetlink/slots.ts';
import { completeFrom } from '../../src/ctnetlink/tuple.ts';
import { Deadlines, NEVER } from '../../src/table/store/deadlines.ts';
import { DEADLINE, Entries } from '../../src/table/store/entries.ts';
import { Records } from '../../src/table/store/records.ts';
import { matching } from '../../src/table/store/search.ts';
import { Store } from '../../src/table/store/store.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

function anyFlow(random: Random, at: number): Flow {
  const proto = random.pick(['tcp', 'udp', 'icmp', 'sctp', 47] as const);
  const ipv6 = random.oneIn(3);
  const [src, dst] = ipv6 ? [`fd00::${(at % 50).toString(16)}`, 'fd00::ffff'] : [`10.0.0.${at % 50}`, '192.0.2.1'];
  const rest = proto === 'icmp' ? { icmpType: 8, icmpCode: 0, icmpId: at } : { sport: at, dport: 53 };
  const init: FlowInit = {
    orig: { src, dst, proto: ipv6 && proto === 'icmp' ? 'icmpv6' : proto, ...rest },
    status: random.below(16),
    timeout: random.below(1000),
    id: random.uint32(),
    ...(random.oneIn(4) ? { zone: random.between(1, 3) } : {}),
    ...(random.oneIn(2) ? { mark: random.uint32() } : {}),
    ...(random.oneIn(3) ? { helper: { name: random.pick(['ftp', 'sip']) }, labels: [random.below(128)] } : {}),
    ...(random.oneIn(3) ? { countersOrig: { packets: random.uint32() * 5000, bytes: 2n ** 63n + BigInt(at) } } : {}),
    ...(random.oneIn(3) ? { timestamp: { start: 1764235540123456789n } } : {}),
    ...(random.oneIn(8) ? { unknown: [{ path: [], type: 60, value: '0102' }] } : {}),
    ...(proto === 'tcp' ? { tcp: { state: 'ESTABLISHED' as const, wscaleOrig: 7, flagsOrig: 3, maskOrig: 0 } } : {}),
  };
  const flow = Flow.from(init).clone();
  completeFrom(flow.slots, ORIG, REPLY);
  return flow;
}

describe('the storage of a table', () => {
  it('gives back what was put in, by both tuples, through inserts, replacements and removals', () => {
    const seed = seedFromEnvironment();
    const random = new Random(seed);
    const store = new Store();
    const flows = new Map<string, Flow>();
    const entries = new Map<string, number>();
    for (let step = 0; step < 8000; step++) {
      const flow = anyFlow(random, random.below(2000));
      const key = flow.key();
      const entry = store.find(flow.slots);
      expect(entry, `seed ${seed}, ${key}`).to.equal(entries.get(key) ?? -1);
      if (entry < 0) {
        entries.set(key, store.insert(flow.slots, flow.unknown));
        flows.set(key, flow);
      } else if (random.oneIn(2)) {
        store.replace(entry, flow.slots, flow.unknown);
        flows.set(key, flow);
      } else {
        store.remove(entry);
        entries.delete(key);
        flows.delete(key);
      }
    }
    expect(store.size).to.equal(flows.size);
    for (const [key, flow] of flows) {
      const entry = entries.get(key)!;
      expect(store.flow(entry).toJSON(), key).to.deep.equal(flow.toJSON());
      expect(store.findByReply(flow.slots), key).to.equal(entry);
    }
  });

  it('finds what a filter matches, as the filter does on each flow', () => {
    const random = new Random(3);
    const store = new Store();
    const flows: Flow[] = [];
    for (let at = 0; at < 3000; at++) {
      const flow = anyFlow(random, at);
      store.insert(flow.slots, flow.unknown);
      flows.push(flow);
    }
    const filters: Filter[] = [
      {},
      { zone: 2 },
      { status: 6 },
      { mark: { value: 1, mask: 3 } },
      { family: 'ipv6', orig: { proto: 'udp' } },
      { orig: { src: '10.0.0.16/29' }, reply: { sport: [53, { from: 60, to: 70 }] } },
      { orig: { src: 'fd00::10/124', proto: 'tcp' } },
      { reply: { dst: 'fd00::11' }, zone: 1 },
    ];
    for (const filter of filters) {
      const compiled = new CompiledFilter(filter);
      const wanted = flows.filter((flow) => compiled.matches(flow)).map((flow) => flow.key());
      const found = [...matching(store, compiled)].map((entry) => store.flow(entry).key());
      expect(found, JSON.stringify(filter)).to.deep.equal(wanted);
    }
    class Odd extends CompiledFilter {
      override matches(flow: Flow): boolean {
        return super.matches(flow) && ((flow.orig.sport ?? 0) & 1) === 1 && flow.helper?.name === 'ftp';
      }
    }
    const odd = new Odd({ orig: { proto: 'tcp' } });
    expect([...matching(store, odd)]).to.have.lengthOf(flows.filter((flow) => odd.matches(flow)).length);
  });

  it('gives back the addresses of a reply behind NAT, and has one that comes twice once', () => {
    const store = new Store();
    const [a, b, c] = ['fd00::1', 'fd00::2', 'fd00:0:0:1::1'];
    const pairs = [
      [a, b, b, a],
      [a, b, b, c],
      [a, b, c, a],
      [a, a, a, a],
      [a, c, c, b],
    ];
    for (const [at, [src, dst, from, to]] of pairs.entries()) {
      const flow = Flow.from({
        orig: { src, dst, proto: 'udp', sport: at, dport: 53 },
        reply: { src: from, dst: to, proto: 'udp', sport: 53, dport: at },
      }).clone();
      const { orig, reply, slots } = store.flow(store.insert(flow.slots));
      expect([orig.src, orig.dst, reply.src, reply.dst]).to.deep.equal([src, dst, from, to]);
      expect(slots[REPLY.src6] === slots[ORIG.dst6], `pair ${at}`).to.equal(from === dst);
    }
  });

  it('keeps the place of a buried flow among original tuples only', () => {
    const store = new Store();
    const flow = anyFlow(new Random(1), 1);
    const entry = store.insert(flow.slots);
    store.bury(entry);
    expect([store.size, store.find(flow.slots), store.findByReply(flow.slots), store.holds(entry)]).to.deep.equal([
      ...[0, entry, -1, false],
    ]);
    store.revive(entry, flow.slots);
    expect([store.size, store.findByReply(flow.slots), store.holds(entry)]).to.deep.equal([1, entry, true]);
    store.remove(entry);
    expect([store.size, store.find(flow.slots)]).to.deep.equal([0, -1]);
  });

  it('uses the memory of records again, and gives back chunks that nothing is in', () => {
    const records = new Records(8);
    const places = Array.from({ length: 5000 }, () => records.allocate());
    expect(new Set(places).size).to.equal(5000);
    for (const place of places.splice(0, 4000)) records.release(place);
    const again = Array.from({ length: 4000 }, () => records.allocate());
    expect(new Set([...places, ...again]).size).to.equal(5000);
    expect(Math.max(...again)).to.be.below(5120);
  });

  it('gives each entry when it is due, in seconds, and no earlier', () => {
    const random = new Random(5);
    const entries = new Entries();
    const deadlines = new Deadlines(entries);
    const due = new Map<number, number>();
    const change = (entry: number, now: number, add: boolean): void => {
      const second = random.oneIn(20) ? NEVER : now + random.pick([0, 1, 30, 4095, 4096, 5000, 432_000, 8_589_934]);
      if (add) deadlines.add(entry, second);
      else deadlines.move(entry, second);
      due.set(entry, second);
    };
    let now = 0;
    for (let step = 0; step < 600; step++) {
      for (let i = 0; i < 4; i++) change(entries.allocate(), now, true);
      for (let i = 0; i < 4; i++) {
        const entry = random.below(entries.used);
        if (due.has(entry)) change(entry, now, false);
      }
      now += random.pick([1, 1, 2, 5, random.oneIn(100) ? 100_000 : 2]);
      const given: number[] = [];
      // A few at a time, as it is in a large table.
      while (!deadlines.due(now, 3, (entry) => given.push(entry)));
      for (const entry of given) expect(due.get(entry), `entry ${entry} at ${now}`).to.be.at.most(now);
      for (const entry of given) due.delete(entry);
      for (const [entry, second] of due) {
        if (second <= now || entries.get(entry, DEADLINE) !== second)
          throw new Error(`entry ${entry} was due at ${second}, and it is ${now}`);
      }
    }
  });
});
