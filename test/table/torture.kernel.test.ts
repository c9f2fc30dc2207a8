/**
 * A table under torture, in every runtime: torture/main.ts says how. $CTNETLINK_TORTURE is for how many seconds
 * (default: 5, in a soak 60), $CTNETLINK_STOP for how many milliseconds it is stopped at least, and $CTNETLINK_SEED the
 * seed.
 */
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { describeKernel, describeUnless } from '../support/kernel.ts';
import { seedFromEnvironment } from '../support/random.ts';
import { type RuntimeName, runtime, whyNoRuntime } from '../support/runtimes.ts';
import { sized } from '../support/tier.ts';
import { runTracked } from '../support/tracked.ts';
import type { TortureResult } from './torture/main.ts';

const { CTNETLINK_TORTURE = `${sized({ quick: 2, landing: 5, soak: 60 })}` } = process.env;
const MAIN = fileURLToPath(new URL('torture/main.ts', import.meta.url));
/** Of the runtimes that read TypeScript, one for each way to make system calls. */
const WAYS: readonly (readonly [RuntimeName, string, ...string[]])[] = [
  ['node26', 'node:ffi', '--experimental-ffi'],
  ['node22', 'koffi'],
  ['deno', 'deno', 'run', '-A', '--quiet'],
  ['bun', 'bun'],
];
function torture(name: RuntimeName, transport: string, args: readonly string[]): Promise<TortureResult> {
  const command = [runtime(name)!, ...args, MAIN, CTNETLINK_TORTURE, `${seedFromEnvironment()}`, runtime('node26')!];
  return runTracked<TortureResult>(command, { CTNETLINK_TRANSPORT: transport });
}

describeKernel('a table under torture', ['root', 'nft', 'ip', 'unshare'], function () {
  this.timeout(0);
  const running = new Map<RuntimeName, Promise<TortureResult>>();

  before(() => {
    // At once, because a torture waits most of its time.
    for (const [name, transport, ...args] of WAYS) {
      if (whyNoRuntime(name) ?? whyNoRuntime('node26')) continue;
      const result = torture(name, transport, args);
      result.catch(() => {});
      running.set(name, result);
    }
  });

  for (const [name, transport] of WAYS)
    describeUnless(whyNoRuntime(name) ?? whyNoRuntime('node26'), `${name}, ${transport}`, () => {
      it(`is the kernel's at every rest, for ${CTNETLINK_TORTURE} s`, async () => {
        const { differences, ...numbers } = await running.get(name)!;
        console.log(`      ${JSON.stringify(numbers)}`);
        expect(differences).to.deep.equal([]);
        // All of it has happened.
        for (const what of ['rounds', 'stops', 'overruns', 'lost', 'resyncs', 'changes'] as const)
          expect(numbers[what], what).to.be.above(0);
      });
    });

  for (const [name, transport, ...args] of WAYS)
    describeUnless(whyNoRuntime(name), `${name}, ${transport}`, () => {
      it('opens its sockets again when somebody closes their descriptors underneath', async () => {
        const command = [runtime(name)!, ...args, fileURLToPath(new URL('torture/closed.ts', import.meta.url))];
        expect(await runTracked<string[]>(command, { CTNETLINK_TRANSPORT: transport })).to.deep.equal([
          ...['synced', 'stale reopened', 'gap', 'resyncing reopened', 'synced', 'insert'],
        ]);
      });
    });
});
