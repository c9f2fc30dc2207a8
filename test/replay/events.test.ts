/** Events of captures: each once, and when. */
import { expect } from 'chai';
import { Conntrack } from '../../src/index.ts';
import { runtime } from '../../src/netlink/runtime.ts';
import { Duplicates } from '../../src/replay/events.ts';
import type { ReplayOptions } from '../../src/replay/options.ts';
import { replay } from '../../src/replay.ts';
import { CAPTURES, captureBytes } from '../support/captures.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

/** An event of a flow: what is equal about equal events, and whether it cannot come twice in a row. */
type Sent = { event: number; flow: number; unique: boolean };

/** What happens to some flows: each begins, changes and ends, and may change to what it was. */
function history(random: Random, length: number): Sent[] {
  const sent: Sent[] = [];
  const alive = new Map<number, number>();
  for (let n = 0; n < length; n++) {
    const flow = random.below(5);
    const life = alive.get(flow);
    if (life === undefined) {
      alive.set(flow, n);
      sent.push({ event: n * 100, flow, unique: true });
    } else if (random.oneIn(4)) {
      alive.delete(flow);
      sent.push({ event: life * 100 + 99, flow, unique: true });
    } else {
      // Often the same as before: a mark that is set again.
      sent.push({ event: life * 100 + 1 + random.below(2), flow, unique: false });
    }
  }
  return sent;
}

describe('events of a capture', () => {
  const seed = seedFromEnvironment();

  it(`come once where sockets are told apart, whatever each has read (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 300; round++) {
      const sent = history(random, random.between(1, 60));
      // Each socket has all from some moment on, and reads when it likes.
      const sockets = Array.from({ length: random.between(1, 4) }, (_, index) => {
        const start = index === 0 ? 0 : random.below(sent.length);
        return { portid: 100 + index, start, at: start, listens: false };
      });
      const duplicates = new Duplicates();
      const given: number[] = [];
      while (sockets.some(({ at }) => at < sent.length)) {
        // Whoever begins to listen has read nothing, and all others what came before.
        const read = Math.min(...sockets.filter(({ listens }) => listens).map(({ at }) => at));
        for (const each of sockets) {
          if (each.listens || each.start > (read === Number.POSITIVE_INFINITY ? 0 : read)) continue;
          each.listens = true;
          duplicates.listens(each.portid);
        }
        const waiting = Math.min(...sockets.filter(({ listens }) => !listens).map(({ start }) => start));
        const socket = random.pick(sockets.filter(({ listens, at }) => listens && at < Math.min(sent.length, waiting)));
        const { event, flow, unique } = sent[socket.at++];
        if (duplicates.isNew(event, flow, unique, socket.portid)) given.push(event);
      }
      expect(given, `round ${round}`).to.deep.equal(sent.map(({ event }) => event));
    }
  });

  it(`come once where nlmon saw them once for each listener (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 300; round++) {
      const sent = history(random, random.between(1, 60));
      const listeners = random.between(1, 3);
      const duplicates = new Duplicates();
      const given: number[] = [];
      for (const { event, flow, unique } of sent)
        for (let n = 0; n < listeners; n++) if (duplicates.isNew(event, flow, unique, undefined)) given.push(event);
      expect(given, `round ${round}, ${listeners} listeners`).to.deep.equal(sent.map(({ event }) => event));
    }
  });

  it('that are equal are two behind a loss', () => {
    const duplicates = new Duplicates();
    expect(duplicates.isNew(1, 1, true, undefined)).to.equal(true);
    expect(duplicates.isNew(1, 1, true, undefined)).to.equal(false);
    duplicates.forget();
    expect(duplicates.isNew(1, 1, true, undefined)).to.equal(true);
  });

  describe('at their own pace', () => {
    const original = { ...runtime };
    let clock = 0;
    let waits: { milliseconds: number; callback: () => void }[] = [];

    beforeEach(() => {
      clock = 1000;
      waits = [];
      Object.assign(runtime, {
        now: () => clock,
        setTimeout: (callback: () => void, milliseconds: number) => {
          const wait = { milliseconds, callback };
          waits.push(wait);
          return wait;
        },
        clearTimeout: (wait: unknown) => {
          waits = waits.filter((each) => each !== wait);
        },
      });
    });
    afterEach(() => void Object.assign(runtime, original));

    async function seen(options: ReplayOptions): Promise<[waited: number, type: string][]> {
      clock = 1000;
      await using ct = await Conntrack.open({
        transport: replay(captureBytes('E.pcap'), { events: 'timed', ...options }),
      });
      const stream = await ct.events();
      const events: [number, string][] = [];
      for (;;) {
        let settled = false;
        const next = stream.next().finally(() => {
          settled = true;
        });
        // All that happens without the clock.
        for (let turn = 0; turn < 20 && !settled; turn++) await new Promise((resolve) => setImmediate(resolve));
        if (!settled) {
          expect(waits).to.have.length(1);
          const [wait] = waits.splice(0);
          clock += wait.milliseconds;
          wait.callback();
        }
        const { value, done } = await next;
        if (done) return events;
        events.push([Math.round(clock - 1000), value.type]);
      }
    }

    it('come after as long as they did, and as many times faster', async () => {
      const events = await seen({});
      expect(events).to.have.length(14);
      expect(events[0]).to.deep.equal([0, 'new']);
      expect(events[1]).to.deep.equal([14, 'update']);
      expect(events[9]).to.deep.equal([2692, 'new']);
      expect(events[13]).to.deep.equal([4034, 'destroy']);
      expect((await seen({ speed: 10 }))[13]).to.deep.equal([403, 'destroy']);
    });
  });

  it('and what has been used are those of each Conntrack, where that was asked for', async () => {
    const shared = replay(`${CAPTURES}L.pcap`);
    const own = replay(`${CAPTURES}L.pcap`, { perSocket: true });
    const counts = async (transport: typeof own): Promise<unknown[]> => {
      const found: unknown[] = [];
      for (let n = 0; n < 2; n++) {
        await using ct = await Conntrack.open({ transport });
        found.push(
          await ct
            .dump()
            .toArray()
            .then(
              ({ length }) => length,
              ({ name }) => name,
            ),
        );
      }
      return found;
    };
    expect(await counts(shared)).to.deep.equal([7, 'ReplayError']);
    expect(await counts(own)).to.deep.equal([7, 7]);
  });
});
