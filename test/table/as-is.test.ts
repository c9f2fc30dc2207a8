/** Messages that are not decoded, beside the same that are: seeds of events, dumps and losses on a few flows. */
import { expect } from 'chai';
import type { EventType } from '../../src/ctnetlink/event.ts';
import { CompiledFilter } from '../../src/ctnetlink/filter/filter.ts';
import { Flow, type FlowInit, flowCodec } from '../../src/ctnetlink/flow.ts';
import { decodeFlowAttributes } from '../../src/ctnetlink/message.ts';
import { ORIG, REPLY, START } from '../../src/ctnetlink/slots.ts';
import { completeFrom } from '../../src/ctnetlink/tuple.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { Contents } from '../../src/table/contents.ts';
import {
  DEADLINE,
  EARLIER,
  GENERATION,
  LATER,
  SEEN,
  STATE,
  TOMBSTONE,
  TOUCHED,
} from '../../src/table/store/entries.ts';
import { encode } from '../../src/testing/messages.ts';
import { AF_INET, AF_INET6 } from '../../src/uapi/socket.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

interface Message {
  readonly view: DataView;
  readonly family: number;
}

/** Few flows and few values, so that the same comes again. */
function anyFlow(random: Random, timestamps: boolean): Flow {
  const proto = random.pick(['tcp', 'udp', 'icmp', 47] as const);
  const ipv6 = random.oneIn(3);
  const [src, dst] = ipv6 ? ['fd00::1', 'fd00::2'] : ['10.0.0.1', '10.0.0.2'];
  const rest = proto === 'icmp' ? { icmpType: 8, icmpCode: 0, icmpId: 1 } : { sport: random.between(1, 2), dport: 53 };
  const init: FlowInit = {
    orig: { src, dst, proto: ipv6 && proto === 'icmp' ? 'icmpv6' : proto, ...rest },
    status: random.pick([8, 8, 8, 14]),
    timeout: random.pick([10, 600]),
    id: random.oneIn(20) ? 2 : 1,
    ...(random.oneIn(5) ? {} : { mark: random.oneIn(5) ? 1 : 0 }),
    countersOrig: { packets: random.between(5, 6), bytes: random.pick([100, 2 ** 40]) },
    ...(timestamps
      ? {
          timestamp: random.pick([
            { start: 2n ** 60n },
            { start: 2n ** 60n },
            { event: 2n ** 60n },
            { stop: 2n ** 61n },
          ]),
        }
      : {}),
    ...(random.oneIn(30) ? { zone: 3 } : {}),
    ...(random.oneIn(30) ? { helper: { name: 'ftp' } } : {}),
    ...(random.oneIn(30) ? { labels: [1] } : {}),
    ...(random.oneIn(30) ? { unknown: [{ path: [], type: 60, value: '0102' }] } : {}),
    ...(random.oneIn(30) ? { countersReply: { packets: 1, bytes: 1 } } : {}),
    ...(proto === 'tcp'
      ? { tcp: { state: 'ESTABLISHED' as const, flagsOrig: random.pick([3, 3, 7]), maskOrig: 0 } }
      : {}),
  };
  const flow = Flow.from(init);
  completeFrom(flow.slots, ORIG, REPLY);
  if (random.oneIn(20)) flow.slots[REPLY.sport] = 99;
  if (random.oneIn(20) && flow.slots[START] !== undefined) flow.slots[START] = 2n ** 61n;
  return flow;
}

function messageOf(flow: Flow): Message {
  const view = viewOf(encode(flowCodec, flow.slots, flow.unknown));
  return { view, family: flow.family === 'ipv6' ? AF_INET6 : AF_INET };
}

/** Contents, and what they have reported. */
class Told {
  readonly reports: unknown[] = [];
  readonly contents: Contents;
  readonly #asIs: boolean;
  /** Messages that were not decoded. */
  readonly copied: Record<EventType | 'snapshot', number> = { new: 0, update: 0, destroy: 0, snapshot: 0 };

  /** @param wanted somebody reads the changes: then they are reported */
  constructor(asIs: boolean, wanted: boolean) {
    this.#asIs = asIs;
    this.contents = new Contents({
      filter: new CompiledFilter({}),
      maxFlows: 10,
      wanted: () => wanted,
      changed: ({ flow, old, ...rest }) =>
        this.reports.push({ ...rest, flow: flow.toJSON(), ...(old === undefined ? {} : { old: old.toJSON() }) }),
      full: () => this.reports.push('full'),
      doubt: (entry) => this.reports.push({ doubt: entry }),
    });
  }

  event(type: EventType, { view, family }: Message): void {
    if (this.#asIs && this.contents.eventAsIs(type, view, 0, view.byteLength, family)) this.copied[type]++;
    else this.contents.event(type, decodeFlowAttributes(view, 0, view.byteLength, family));
  }

  snapshot({ view, family }: Message, since: number): void {
    if (this.#asIs && this.contents.snapshotAsIs(view, 0, view.byteLength, family, since, 'resync'))
      this.copied.snapshot++;
    else this.contents.snapshot(decodeFlowAttributes(view, 0, view.byteLength, family), since, 'resync');
  }

  /** All that can be seen of it. */
  get all(): unknown {
    const { store } = this.contents;
    const { preListener, ambiguous, skipped, overdue } = this.contents.life;
    const { entries } = store;
    const flows = [...new Array(entries.used).keys()].map((entry) => {
      const fields = [GENERATION, TOUCHED, SEEN, DEADLINE, EARLIER, LATER].map((field) => entries.get(entry, field));
      // The number of the layout may differ, and what a tombstone has is nobody's business.
      const flags = entries.get(entry, STATE) & 0xffff;
      const flow = store.holds(entry) || (flags & TOMBSTONE) !== 0 ? store.flow(entry).toJSON() : undefined;
      const found = flow === undefined ? undefined : store.find(store.flow(entry).slots);
      const replied = store.holds(entry) ? store.findByReply(store.flow(entry).slots) >= 0 : undefined;
      return { flags, fields, flow, found, replied };
    });
    return { flows, size: store.size, preListener, ambiguous, skipped, overdue };
  }
}

describe('a message that is not decoded', () => {
  it('does the same as one that is', () => {
    const first = seedFromEnvironment();
    const copied = { new: 0, update: 0, destroy: 0, snapshot: 0 };
    for (let seed = first; seed < first + sized({ quick: 20, landing: 100, soak: 2000 }); seed++) {
      const random = new Random(seed);
      const timestamps = random.oneIn(2);
      const wanted = random.oneIn(2);
      const both = [new Told(true, wanted), new Told(false, wanted)];
      let moments: number[] = [];
      let dumping = false;
      for (let step = 0; step < 200; step++) {
        const message = messageOf(anyFlow(random, timestamps));
        const what = random.below(20);
        const type = random.pick(['new', 'update', 'destroy'] as const);
        const whole = random.oneIn(2);
        const since = moments.length > 0 ? random.pick(moments) : 0;
        for (const each of both) each.contents.life.now = Math.floor(step / 10);
        const made = both.map((each) => {
          const { contents } = each;
          if (what < 4) each.event(type, message);
          else if (what === 4) contents.life.moments.lose();
          else if (what === 5) return contents.life.moments.begin();
          else if (what === 6 && !dumping) return contents.life.beginDump();
          else if (what === 7 && dumping) {
            contents.life.endDump(whole);
            contents.life.forget(100);
          } else if (since > 0) each.snapshot(message, since);
          return undefined;
        });
        if (what === 6) dumping = true;
        if (what === 7) [dumping, moments] = [false, []];
        if (made[0] !== undefined) moments.push(made[0]);
        if (step % 5 === 0) expect(both[0].all, `seed ${seed}, step ${step}`).to.deep.equal(both[1].all);
      }
      expect(both[0].reports, `seed ${seed}`).to.deep.equal(both[1].reports);
      for (const kind of ['new', 'update', 'destroy', 'snapshot'] as const) copied[kind] += both[0].copied[kind];
    }
    for (const [kind, count] of Object.entries(copied)) expect(count, kind).to.be.above(20);
  });
});
