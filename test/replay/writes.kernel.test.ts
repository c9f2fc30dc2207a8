/** What was answered before a write is no answer after it, as long as there is a later one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Conntrack } from '../../src/index.ts';
import { record, replay } from '../../src/replay.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';

const ORIG = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'udp', sport: 1, dport: 53 } as const;
const OTHER = { ...ORIG, sport: 2 } as const;

type Step = 'get' | 'get other' | 'dump' | 'dump marked' | 'update' | 'flush' | 'create';

const STEPS: Readonly<Record<Step, (ct: Conntrack) => Promise<unknown>>> = {
  get: async (ct) => (await ct.get({ orig: ORIG }))?.mark,
  'get other': async (ct) => (await ct.get({ orig: OTHER }))?.mark,
  dump: async (ct) => (await ct.dump().toArray()).map(({ mark }) => mark).sort(),
  'dump marked': async (ct) => (await ct.dump({ mark: 5 }).toArray()).length,
  update: (ct) => ct.update({ orig: ORIG, mark: 5 }),
  flush: (ct) => ct.flush({ mark: 5 }),
  create: (ct) => ct.create({ orig: ORIG, timeout: 600 }),
};

const RECORDED: readonly Step[] = [
  'get',
  'get other',
  'dump',
  'update',
  'get',
  'dump',
  'flush',
  'get',
  'get other',
  'dump',
  'create',
  'get',
  'dump',
];

describeKernel('replays beside writes', [], () => {
  let folder: string;
  let path: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-writes-'));
    path = join(folder, 'recorded.pcap');
    resetNamespace();
    await using ct = await Conntrack.open({ transport: record(path) });
    await ct.create({ orig: ORIG, timeout: 600, mark: 1 });
    await ct.create({ orig: OTHER, timeout: 600, mark: 2 });
    for (const step of RECORDED) await STEPS[step](ct);
  });
  after(() => {
    rmSync(folder, { recursive: true });
    resetNamespace();
  });

  const CASES: readonly (readonly [steps: readonly Step[], expected: readonly unknown[]])[] = [
    [
      ['get', 'get'],
      [1, 5],
    ],
    [['update', 'get'], [5]],
    [
      ['update', 'get other', 'get'],
      [2, 5],
    ],
    [['update', 'dump'], [[2, 5]]],
    [['update', 'dump marked'], [1]],
    [
      ['dump marked', 'update', 'dump marked'],
      [0, 1],
    ],
    [
      ['update', 'flush', 'get', 'dump'],
      [undefined, [2]],
    ],
    [
      ['update', 'flush', 'create', 'get', 'dump'],
      [0, [0, 2]],
    ],
    // Better an old answer than none: requests that are made at once come in any order.
    [
      ['flush', 'create', 'get', 'get'],
      [0, 1],
    ],
  ];
  for (const [steps, expected] of CASES)
    it(steps.join(', '), async () => {
      await using ct = await Conntrack.open({ transport: replay(path, { match: 'meaning' }) });
      const told: unknown[] = [];
      for (const step of steps) {
        const result = await STEPS[step](ct);
        if (step.startsWith('get') || step.startsWith('dump')) told.push(result);
      }
      expect(told).to.deep.equal(expected);
    });
});
