/** A table for a long time: what it holds does not drift, and it takes no more memory. A second in CI. */
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { describeKernel, describeUnless } from '../support/kernel.ts';
import { runtime, whyNoRuntime } from '../support/runtimes.ts';
import { sized, TIER } from '../support/tier.ts';
import { runTracked } from '../support/tracked.ts';
import type { SoakResult } from './soak/main.ts';

const program = (name: string): string => fileURLToPath(new URL(`soak/${name}.ts`, import.meta.url));
const SECONDS = sized({ quick: 1, landing: 1, soak: 600 });
const EVENTS = 20_000;
const FLOWS = sized({ quick: 2000, landing: 2000, soak: 100_000 });
const TURNS = sized({ quick: 4, landing: 4, soak: 10 });
/** MiB: the last is at most 5 % more than the one after the start. */
function flat([, first, ...rest]: readonly number[]): void {
  expect(rest.at(-1)).to.be.at.most(1.05 * first);
}

describeKernel('a table for a long time', ['root', 'nft', 'ip', 'unshare'], function () {
  this.timeout(0);

  describeUnless(whyNoRuntime('node26'), 'node26', () => {
    const node = runtime('node26')!;

    it(`has what the kernel has after ${SECONDS} s of ${EVENTS} events a second`, async () => {
      const command = [node, '--experimental-ffi', program('main'), `${SECONDS}`, `${EVENTS}`, node];
      const { differences, ...numbers } = await runTracked<SoakResult>(command);
      console.log(`      ${JSON.stringify(numbers)}`);
      expect(differences).to.deep.equal([]);
      expect(numbers.asked).to.be.above(0);
      if (TIER === 'soak') flat(numbers.rss);
    });

    it(`takes no more memory when ${FLOWS} flows have begun and ended ${TURNS} times`, async () => {
      const { left, rss } = await runTracked<{ left: number; rss: number[] }>([
        ...[node, '--expose-gc', program('turns'), `${FLOWS}`, `${TURNS}`],
      ]);
      console.log(`      ${rss.join(', ')} MiB`);
      expect(left).to.equal(0);
      if (TIER === 'soak') flat(rss);
    });
  });
});
