/** The whole language of filters against a plain reimplementation: in the process, and as socket filters. */
import { expect } from 'chai';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { CompiledFilter, type Filter } from '../../src/ctnetlink/filter/filter.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { ORIG, REPLY } from '../../src/ctnetlink/slots.ts';
import { completeFrom } from '../../src/ctnetlink/tuple.ts';
import { BpfProgram } from '../../src/netlink/bpf.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { type Entry, selects } from '../support/filters/plain.ts';
import { RandomFilters, randomFlow } from '../support/filters/random.ts';
import { DESTROY, flowMessage, NEW, UPDATE } from '../support/played.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { randomFlow as requested } from '../support/random-flow.ts';
import { sized } from '../support/tier.ts';

const seed = seedFromEnvironment();

interface Event {
  readonly view: DataView;
  readonly flow: Flow;
  readonly entry: Entry;
}

function randomEvent(random: Random): Event {
  const view = viewOf(flowMessage(0, randomFlow(random), random.pick([NEW, UPDATE, DESTROY])));
  const flow = decodeFlow(view, 0, view.byteLength);
  return { view, flow, entry: flow.toJSON() as unknown as Entry };
}

/** Sets have no JSON. */
function text(filter: unknown): string {
  return JSON.stringify(filter, (_key, value) => (value instanceof Set ? [...value] : value));
}

/** Properties of flows that a filter takes in the same form. */
const NAMEABLE = ['orig', 'reply', 'mark', 'timeout', 'tcp', 'sctp', 'zone'];

/** As the kernel has it: with both directions, and a state where there is one. */
function traffic(random: Random, n: number): FlowInit {
  const { orig, tcp, sctp, zone, mark, timeout } = requested(random, n);
  const flow = Flow.from({ orig: { ...orig, zone: undefined }, timeout: timeout! });
  completeFrom(flow.slots, ORIG, REPLY);
  const { orig: forth, reply } = flow.toJSON();
  return {
    orig: forth,
    reply,
    timeout: timeout!,
    ...(mark !== undefined && { mark }),
    ...(zone !== undefined && { zone }),
    ...(tcp?.state !== undefined && { tcp: { state: tcp.state } }),
    ...(sctp?.state !== undefined && { sctp: { state: sctp.state } }),
  } as FlowInit;
}

/** Where the program cannot decide, it lets through. */
const UNDECIDED = /"(?:helper|counters|icmp\w+)"/;

/** Filters that can be compiled: some are of both families at once. */
function* filters(count: number): Generator<{ filter: Filter | Filter[]; compiled: CompiledFilter }> {
  const made = new RandomFilters(new Random(seed));
  let refused = 0;
  for (let n = 0; n < count; n++) {
    const filter = made.any();
    try {
      yield { filter, compiled: new CompiledFilter(filter) };
    } catch (error) {
      if (!/both families/.test(String(error))) throw error;
      refused++;
    }
  }
  expect(refused).to.be.below(count / 5);
}

describe('filters of every form', () => {
  const random = new Random(seed + 1);
  const events = Array.from({ length: 150 }, () => randomEvent(random));

  it(`match what the plain language matches, and a socket filter never drops it (seed ${seed})`, () => {
    const seen = { matched: 0, unmatched: 0, passed: 0, decided: 0 };
    for (const { filter, compiled } of filters(sized({ quick: 250, landing: 600, soak: 20_000 }))) {
      const bytes = compiled.forEvents();
      const program = bytes === undefined ? undefined : new BpfProgram(bytes);
      const decided = !UNDECIDED.test(text(filter));
      for (const { view, flow, entry } of events) {
        const wanted = selects(filter, entry);
        const matches = compiled.matches(flow);
        const passes = program === undefined || program.run(view) !== 0;
        if (matches !== wanted || (wanted && !passes) || (decided && passes !== wanted))
          expect({ matches, passes }, `${text(filter)} ${text(entry)}`).to.deep.equal({
            matches: wanted,
            passes: wanted,
          });
        seen[matches ? 'matched' : 'unmatched']++;
        if (passes && !matches) seen.passed++;
        if (decided) seen.decided++;
      }
    }
    expect(seen.matched).to.be.above(10_000);
    expect(seen.unmatched).to.be.above(10_000);
    expect(seen.decided).to.be.above(10_000);
    // Where a program cannot decide, it says what it can.
    expect(seen.passed).to.be.below(seen.unmatched / 5);
  });

  it(`are the same after JSON (seed ${seed})`, () => {
    for (const { filter, compiled } of filters(sized({ quick: 200, landing: 500, soak: 5000 }))) {
      const json = JSON.parse(JSON.stringify(compiled)) as Filter;
      const again = new CompiledFilter(json);
      expect(again.toJSON(), text(filter)).to.deep.equal(json);
      expect(json, text(filter)).to.deep.equal(JSON.parse(text(filter)));
      for (const { flow } of events.slice(0, 60))
        if (again.matches(flow) !== compiled.matches(flow)) expect.fail(`${text(filter)} is not ${text(json)}`);
    }
  });

  it(`exclude something exactly if a flow of the kernel does not match (seed ${seed})`, () => {
    // Every flow of the kernel has these.
    const flows = Array.from({ length: 1500 }, () => Flow.from(randomFlow(random)));
    const seen = { empty: 0, other: 0 };
    const count = sized({ quick: 600, landing: 1500, soak: 10_000 });
    for (const { filter, compiled } of filters(count)) {
      const missed = flows.find((flow) => !compiled.matches(flow));
      if (compiled.empty && missed !== undefined) expect.fail(`${text(filter)} excludes ${text(missed)}`);
      seen[compiled.empty ? 'empty' : 'other']++;
    }
    expect(seen.empty).to.be.above(count / 150);
    expect(seen.other).to.be.above(count / 3);
  });

  it(`exclude something if they name anything that one flow has (seed ${seed})`, () => {
    for (let n = 0; n < sized({ quick: 1500, landing: 3000, soak: 20_000 }); n++) {
      const flow = traffic(random, n) as Record<string, unknown>;
      const named: Record<string, unknown> = {};
      for (const [name, value] of Object.entries(flow)) {
        if (!NAMEABLE.includes(name)) continue;
        if (typeof value !== 'object') {
          if (random.oneIn(2)) named[name] = value;
          continue;
        }
        const parts = Object.entries(value as object).filter(() => random.oneIn(2));
        if (parts.length > 0) named[name] = Object.fromEntries(parts);
      }
      const filter = { not: named } as Filter;
      if (Object.keys(named).length === 0) continue;
      if (new CompiledFilter(filter).empty) expect.fail(`${text(filter)} excludes ${text(flow)}`);
    }
  });
});
