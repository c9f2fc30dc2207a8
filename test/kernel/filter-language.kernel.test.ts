/**
 * Random filters of every form on the real kernel, against the plain language: dumps yield what matches, flushes leave
 * the rest, and the program of a socket lets through the same events in the kernel as in this process.
 */
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { CompiledFilter, type Filter } from '../../src/ctnetlink/filter/filter.ts';
import type { Flow } from '../../src/ctnetlink/flow.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { BpfProgram } from '../../src/netlink/bpf.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { koffi, programsInKernel } from '../support/event-sockets.ts';
import { type Entry, selects } from '../support/filters/plain.ts';
import { RandomFilters, randomKernelFlow } from '../support/filters/random.ts';
import { describeKernel, resetNamespace, sh, sysctl } from '../support/kernel.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

const seed = seedFromEnvironment();

function entryOf(flow: Flow): Entry {
  return flow.toJSON() as unknown as Entry;
}

/** What tells flows apart. */
function keys(entries: readonly Entry[]): string[] {
  return entries.map(({ orig, reply, zone }) => JSON.stringify([orig, reply, zone])).sort();
}

/** Sets have no JSON. */
function text(filter: unknown): string {
  return JSON.stringify(filter, (_key, value) => (value instanceof Set ? [...value] : value));
}

describeKernel('filters of every form on the kernel', ['nft', 'conntrack'], () => {
  let ct: Conntrack;
  const random = new Random(seed);
  const made = new RandomFilters(random);
  const flows = Array.from({ length: 300 }, () => randomKernelFlow(random));

  /** A filter that can be compiled. */
  function compile(): { filter: Filter | Filter[]; compiled: CompiledFilter } {
    for (;;) {
      const filter = made.any();
      try {
        return { filter, compiled: new CompiledFilter(filter) };
      } catch (error) {
        if (!/both families/.test(String(error))) throw error;
      }
    }
  }

  async function fill(): Promise<Entry[]> {
    // Some of them are the same, or each other's reply.
    await ct.createMany(flows, { onError: () => {} });
    return (await ct.dump().toArray()).map(entryOf);
  }

  before(async () => {
    resetNamespace();
    sysctl('nf_conntrack_acct', 1);
    sh('nft', 'add table inet labels; add chain inet labels c { type filter hook input priority 0; }');
    sh('nft', 'add rule inet labels c ct label set 1');
    ct = await Conntrack.open({ transport: koffi });
  });
  after(async () => {
    await ct?.close();
    resetNamespace();
  });

  it(`are what a dump yields (seed ${seed})`, async () => {
    const all = await fill();
    expect(all.length).to.be.above(150);
    for (const name of ['labels', 'helper', 'tcp', 'mark', 'zone'] as const)
      expect(all.filter((each) => each[name] !== undefined).length, name).to.be.above(10);
    expect(
      all.filter(({ status }) => status?.some((bit) => bit === 'SRC_NAT' || bit === 'DST_NAT')).length,
    ).to.be.above(5);
    const seen = { some: 0, none: 0, all: 0 };
    const count = sized({ quick: 40, landing: 120, soak: 3000 });
    for (let n = count; n > 0; n--) {
      const { filter, compiled } = compile();
      const wanted = keys(all.filter((entry) => selects(filter, entry)));
      expect(keys((await ct.dump(compiled).toArray()).map(entryOf)), text(filter)).to.deep.equal(wanted);
      seen[wanted.length === 0 ? 'none' : wanted.length === all.length ? 'all' : 'some']++;
    }
    expect(seen.some).to.be.above(count / 8);
  });

  it(`are what a flush takes, and nothing else (seed ${seed})`, async () => {
    const seen = { exact: 0, each: 0 };
    const count = sized({ quick: 12, landing: 30, soak: 600 });
    for (let n = count; n > 0; ) {
      const { filter, compiled } = compile();
      if (compiled.empty) continue;
      n--;
      const all = await fill();
      const deleted = await ct.flush(compiled);
      const wanted = all.filter((entry) => !selects(filter, entry));
      expect(keys((await ct.dump().toArray()).map(entryOf)), text(filter)).to.deep.equal(keys(wanted));
      if (deleted === undefined) seen.exact++;
      else expect(deleted, text(filter)).to.equal(all.length - wanted.length);
      seen[deleted === undefined ? 'exact' : 'each']++;
    }
    expect(seen.each).to.be.above(count / 12);
  });

  it(`let the same events through a socket in the kernel and here, and none less than match (seed ${seed})`, async () => {
    await ct.flushAll();
    const filters = Array.from({ length: sized({ quick: 25, landing: 60, soak: 600 }) }, compile);
    const programs = filters.map(({ compiled }) => compiled.forEvents());
    const { all, filtered } = await programsInKernel(programs, async () => {
      const [known] = [await fill()];
      await ct.updateMany(
        (await ct.dump().toArray()).map(({ orig, zone }) => ({ orig, zone, mark: random.below(4) })),
        { onError: () => {} },
      );
      expect(known.length).to.be.above(150);
      await ct.flushAll();
    });
    expect(all.length).to.be.above(500);
    const seen = { wanted: 0, surplus: 0 };
    for (const [index, { filter, compiled }] of filters.entries()) {
      const bytes = programs[index];
      const program = bytes === undefined ? undefined : new BpfProgram(bytes);
      const passed = all.filter((event) => program === undefined || program.run(viewOf(event)) !== 0);
      expect(filtered[index].length, text(filter)).to.equal(passed.length);
      expect(Buffer.concat(filtered[index]).equals(Buffer.concat(passed)), text(filter)).to.equal(true);
      const left = new Set(passed);
      for (const event of all) {
        const flow = decodeFlow(viewOf(event), 0, event.length);
        const wanted = selects(filter, entryOf(flow));
        expect(compiled.matches(flow), text(filter)).to.equal(wanted);
        if (wanted && !left.has(event)) expect.fail(`${text(filter)} drops ${JSON.stringify(flow)}`);
        if (wanted) seen.wanted++;
        else if (left.has(event)) seen.surplus++;
      }
    }
    expect(seen.wanted).to.be.above(500);
    expect(seen.surplus).to.be.below(seen.wanted / 2);
  });
});
