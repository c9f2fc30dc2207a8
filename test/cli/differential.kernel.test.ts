/** Every command line beside conntrack(8)'s: standard output, messages, exit status, and the table afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { describeKernel } from '../support/kernel.ts';
import { sized } from '../support/tier.ts';
import { DIFFERENCES } from './differential/differences.ts';
import { compareAll, Pair } from './differential/run.ts';
import { TOPICS } from './differential/topics.ts';

/** Two processes a line take their time: of every so many lines one, in a soak all. */
const STRIDE = sized({ quick: 8, landing: 8, soak: 1 });

describeKernel('Beside conntrack(8)', ['root', 'conntrack', 'nft', 'nsenter', 'ip'], function () {
  this.timeout(900_000);
  const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-differential-'));
  let pairs: Pair[] = [];

  before(async () => {
    pairs = await Promise.all([Pair.open(folder), Pair.open(folder)]);
  });

  after(async () => {
    await Promise.all(pairs.map((pair) => pair.close()));
    rmSync(folder, { recursive: true });
  });

  for (const whole of TOPICS) {
    const topic = { ...whole, lines: whole.lines.filter((_line, index) => index % STRIDE === 0) };
    it(`${topic.title} (${topic.lines.length} lines)`, async () => {
      const found = await compareAll(pairs, topic);
      const unexpected = [...found].filter(([line]) => !DIFFERENCES.has(line));
      expect(unexpected.map(([line, how]) => `${line}\n    ${how}`).join('\n'), 'lines that differ').to.equal('');
      const known = topic.lines.map((line) => String(line)).filter((line) => DIFFERENCES.has(line));
      const same = known.filter((line) => !found.has(line));
      expect(same, 'lines that are known to differ and do not').to.deep.equal([]);
    });
  }
});
