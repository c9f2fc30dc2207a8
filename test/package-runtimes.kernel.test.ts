/** The package where it is installed, in every runtime: the socket that it chooses there, and that it works. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { TransportName } from '../src/transport/open.ts';
import { describeKernel, describeUnless, resetNamespace } from './support/kernel.ts';
import { installPackage } from './support/package.ts';
import { RUNTIMES, type RuntimeName, runtime, whyNoRuntime } from './support/runtimes.ts';

const CHOSEN: Readonly<Record<RuntimeName, TransportName>> = {
  node20: 'koffi',
  node22: 'koffi',
  node24: 'koffi',
  node26: 'node:ffi',
  deno: 'deno',
  bun: 'bun',
};

/** Deno has only this permission, as its users would give it. */
const DENO = ['run', '--allow-ffi'];

const PROGRAM = `import { Conntrack } from 'ctnetlink';
const ct = await Conntrack.open();
const events = await ct.events();
const orig = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'udp', sport: 1, dport: 2 };
await ct.create({ orig, timeout: 600, mark: 7 });
const seen = [];
for await (const event of events) {
  seen.push(event.type, event.flow.mark);
  if (event.type === 'destroy') break;
  const { mark } = await ct.get({ orig });
  const flows = await ct.dump().toArray();
  seen.push(mark, flows.length);
  await ct.delete({ orig });
}
seen.push(await ct.get({ orig }) === undefined);
await ct.close();
console.log(JSON.stringify([ct.transport, ...seen]));
`;

describeKernel('package in every runtime', ['conntrack', 'nft'], () => {
  let app = '';
  before(() => {
    resetNamespace();
    app = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    installPackage(app);
    writeFileSync(join(app, 'main.js'), PROGRAM);
  });
  after(() => rmSync(app, { recursive: true, force: true }));

  for (const name of RUNTIMES) {
    describeUnless(whyNoRuntime(name), name, () => {
      it(`is carried by ${CHOSEN[name]}`, () => {
        const args = name === 'deno' ? [...DENO, 'main.js'] : ['main.js'];
        const output = execFileSync(runtime(name)!, args, {
          cwd: app,
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        expect(JSON.parse(output)).to.deep.equal([CHOSEN[name], 'new', 7, 7, 1, 'destroy', 7, true]);
      });
    });
  }
});
