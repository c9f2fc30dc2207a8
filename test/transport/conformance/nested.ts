/**
 * Calls inside of dumps and beside them: whatever a program nests, on small and large tables, all of it comes to its
 * end.
 */
import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Conntrack, type Flow } from '../../../src/index.ts';
import { record, replay } from '../../../src/replay.ts';
import { until } from '../../support/kernel.ts';
import { Random, seedFromEnvironment } from '../../support/random.ts';
import type { Case, Context } from './case.ts';
import { distinct, fill, flow } from './flows.ts';
import { leavesNothing, witnessOf } from './witness.ts';

/** Programs; by hand 60. */
const PROGRAMS = Number(process.env.CTNETLINK_PROGRAMS ?? 4);
const TABLES = [10, 5_000] as const;
/** Milliseconds after which a call hangs: most take some. */
const LIMIT = 120_000;
/** Sockets of a Conntrack with nothing to do: that of requests, and those kept for dumps. */
const MOST_IDLE = 5;
/** What no kernel filters by a prefix in a flush: it is dumped, and nothing matches. */
const NOWHERE = { orig: { src: '10.99.0.0/16' } } as const;

/** @throws with what was under way when it is not over in time */
async function within<T>(what: () => string, body: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`hangs: ${what()}`)), LIMIT);
  });
  try {
    return await Promise.race([body, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A table of so many flows, and a Conntrack that leaves nothing behind. */
async function onTable(context: Context, count: number, body: (ct: Conntrack) => Promise<void>): Promise<void> {
  const witness = witnessOf(context);
  witness.flush();
  await fill(context, count);
  await leavesNothing(context, async () => {
    const before = witness.sockets();
    const ct = await Conntrack.open({ transport: context.open });
    try {
      await body(ct);
      // What is drained, and what nobody reads on, is still under way.
      await ct.stats();
      const sockets = (): number => witness.sockets() - before;
      const most = MOST_IDLE + leftOf(ct).size;
      await until(() => sockets() <= most, { what: `at most ${most} sockets` });
    } finally {
      await ct.close();
    }
  });
}

/** Dumps that a program left half read: each keeps its socket. */
const left = new WeakMap<Conntrack, Set<unknown>>();
const leftOf = (ct: Conntrack): Set<unknown> => {
  if (!left.has(ct)) left.set(ct, new Set());
  return left.get(ct)!;
};

async function whole(ct: Conntrack, count: number): Promise<void> {
  assert.equal(distinct(await ct.dump().toArray()), count);
}

/** What somebody does inside of a loop over a dump, or beside it. */
const INSIDE: readonly (readonly [name: string, call: (ct: Conntrack, count: number) => Promise<void>])[] = [
  ['a dump', whole],
  ['a dump of expectations', async (ct) => assert.deepEqual(await ct.expectations.dump().toArray(), [])],
  ['statistics of each CPU', async (ct) => assert.ok((await ct.cpuStats()).length > 0)],
  ['statistics of expectations', async (ct) => assert.ok((await ct.expectations.stats()).length > 0)],
  ['a flush that dumps', async (ct) => void (await ct.flush(NOWHERE))],
  [
    'two zipped dumps',
    async (ct, count) => {
      const [one, other] = [ct.dump()[Symbol.asyncIterator](), ct.dump()[Symbol.asyncIterator]()];
      const flows: Flow[] = [];
      for (;;) {
        const [first, second] = [await one.next(), await other.next()];
        assert.equal(first.done, second.done);
        if (first.done === true) break;
        flows.push(first.value);
      }
      assert.equal(distinct(flows), count);
    },
  ],
  [
    'a dump that is left without return()',
    async (ct, count) => {
      const flows = ct.dump()[Symbol.asyncIterator]();
      assert.equal((await flows.next()).done, count === 0);
      leftOf(ct).add(flows);
      await whole(ct, count);
    },
  ],
  [
    'a slow client beside ten others',
    async (ct, count) => {
      const slow = ct.dump()[Symbol.asyncIterator]();
      await slow.next();
      await Promise.all(Array.from({ length: 10 }, () => whole(ct, count)));
      for (let read = 1; (await slow.next()).done !== true; ) assert.ok(++read <= count);
    },
  ],
];

/** What a random program is made of. Every seed is a program of its own. */
class RandomProgram {
  readonly #random: Random;
  readonly #ct: Conntrack;
  readonly #count: number;
  /** It reads every dump to its end. */
  readonly #tidy: boolean;
  readonly #underWay = new Set<string>();
  calls = 0;

  constructor(seed: number, ct: Conntrack, count: number, tidy: boolean) {
    this.#random = new Random(seed);
    this.#ct = ct;
    this.#count = count;
    this.#tidy = tidy;
  }

  get underWay(): string {
    return [...this.#underWay].join(', ');
  }

  /** @param depth of loops that this may be inside of */
  async run(calls: number, depth: number): Promise<void> {
    for (let call = 0; call < calls; call++) await this.#call(depth);
  }

  async #call(depth: number): Promise<void> {
    const random = this.#random;
    const names = ['get', 'update', 'stats', 'toArray', 'inside', 'loop', 'together', 'aborted'] as const;
    const name = random.pick(depth > 0 ? names : names.slice(0, 4));
    const noted = `${name} ${++this.calls}`;
    this.#underWay.add(noted);
    await this.#make(name, depth);
    this.#underWay.delete(noted);
  }

  async #make(name: string, depth: number): Promise<void> {
    const random = this.#random;
    const ct = this.#ct;
    const count = this.#count;
    const n = random.between(1, Math.max(1, count));
    switch (name) {
      case 'get':
        assert.equal((await ct.get(flow(n)))?.mark, count === 0 ? undefined : n);
        return;
      case 'update':
        if (count > 0) await ct.update({ orig: flow(n).orig, mark: n });
        return;
      case 'stats':
        assert.equal((await ct.stats()).entries, count);
        return;
      case 'toArray':
        assert.equal((await ct.dump({ mark: n }).toArray()).length, Math.min(1, count));
        return;
      case 'inside': {
        const [what, call] = random.pick(this.#tidy ? INSIDE.filter(([each]) => !each.includes('left')) : INSIDE);
        this.#underWay.add(what);
        await call(ct, count);
        this.#underWay.delete(what);
        return;
      }
      case 'loop':
        await this.#loop(depth);
        return;
      case 'together':
        // What they choose must not depend on who is answered first: each has numbers of its own.
        await Promise.all(Array.from({ length: random.between(2, 4) }, () => this.#branch(depth)));
        return;
      default:
        if (!this.#tidy) await this.#abort();
    }
  }

  async #branch(depth: number): Promise<void> {
    const branch = new RandomProgram(this.#random.uint32(), this.#ct, this.#count, this.#tidy);
    await branch.run(2, depth - 1);
  }

  async #loop(depth: number): Promise<void> {
    const random = this.#random;
    const at = random.between(0, this.#count);
    const breaks = !this.#tidy && random.oneIn(4);
    const expected = this.#count;
    const branch = random.uint32();
    let read = 0;
    for await (const _flow of this.#ct.dump()) {
      if (read++ !== at) continue;
      await new RandomProgram(branch, this.#ct, this.#count, this.#tidy).run(2, depth - 1);
      if (breaks) return;
    }
    assert.equal(read, expected);
  }

  async #abort(): Promise<void> {
    const controller = new AbortController();
    const reason = new Error('enough');
    const { signal } = controller;
    const calls = [
      this.#ct.dump({}, { signal }).toArray(),
      this.#ct.cpuStats({ signal }),
      this.#ct.get(flow(1), { signal }),
    ];
    const settled = Promise.allSettled(calls);
    if (this.#random.oneIn(2)) await Promise.resolve();
    controller.abort(reason);
    for (const each of await settled) if (each.status === 'rejected') assert.equal(each.reason, reason);
  }
}

async function random(context: Context): Promise<void> {
  const first = seedFromEnvironment();
  let calls = 0;
  for (let seed = first; seed < first + PROGRAMS; seed++) {
    const count = new Random(seed).pick([0, 1, 10, 100, 300, 1_000, 5_000]);
    await onTable(context, count, async (ct) => {
      const program = new RandomProgram(seed, ct, count, false);
      await within(() => `CTNETLINK_SEED=${seed}: ${program.underWay}`, program.run(8, 3));
      calls += program.calls;
    });
  }
  context.note?.(`${PROGRAMS} programs from seed ${first} on, ${calls} calls in their outermost blocks`);
}

/** Records a program, and replays it: a request is answered whatever socket it was recorded on. */
async function recorded(context: Context): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
  try {
    const first = seedFromEnvironment();
    for (let seed = first; seed < first + PROGRAMS; seed++) {
      const path = join(folder, `${seed}.pcap`);
      const count = new Random(seed).pick([0, 1, 10, 300, 2_000]);
      const recorder = record(path, { transport: context.open });
      await onTable({ ...context, open: recorder }, count, async (ct) => {
        await new RandomProgram(seed, ct, count, true).run(6, 2);
        // What is still under way is recorded, too; the file was opened after the descriptors were counted.
        await ct.stats();
        recorder.close();
      });
      const ct = await Conntrack.open({ transport: replay(path) });
      const program = new RandomProgram(seed, ct, count, true);
      await within(() => `CTNETLINK_SEED=${seed}, replayed: ${program.underWay}`, program.run(6, 2));
      await ct.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const NESTED: readonly Case[] = [
  ...TABLES.flatMap((count) =>
    INSIDE.map(
      ([name, call]): Case => ({
        name: `inside of a dump of ${count} flows: ${name}`,
        extent: name === 'a slow client beside ten others' ? 'least' : 'brief',
        run: async (context) => {
          await onTable(context, count, async (ct) => {
            let read = 0;
            for await (const _flow of ct.dump()) if (++read === 5) await within(() => name, call(ct, count));
            assert.equal(read, count);
          });
        },
      }),
    ),
  ),
  { name: 'random programs of nested calls come to their end', extent: 'whole', run: random },
  { name: 'random programs of nested calls come to their end on a replay, too', extent: 'whole', run: recorded },
];
