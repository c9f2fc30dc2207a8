/** The programs of docs/table.md, where the package is installed, against real traffic. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';
import { installPackage } from '../support/package.ts';
import { programsOf } from '../support/programs.ts';

const REDIRECT = `table ip proxy {
  chain out {
    type nat hook output priority -100;
    ip daddr 127.0.0.9 tcp dport 443 dnat to 127.0.0.1:8080
  }
}`;

describeKernel('docs/table.md', ['nft', 'conntrack'], () => {
  const programs = programsOf('docs/table.md', 'js');
  let app = '';
  before(() => {
    app = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    installPackage(app);
  });
  after(() => rmSync(app, { recursive: true, force: true }));
  beforeEach(resetNamespace);
  afterEach(resetNamespace);

  it('the proxy learns where its clients were going', async () => {
    sh('nft', REDIRECT);
    writeFileSync(join(app, 'proxy.mjs'), programs[0]);
    const child = spawn(process.execPath, ['proxy.mjs'], { cwd: app, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      expect((await lines.next()).value).to.equal('ready');
      for (const localAddress of ['127.0.0.2', '127.0.0.3']) {
        const client = connect({ host: '127.0.0.9', port: 443, localAddress });
        const closed = once(client.resume(), 'close');
        expect((await lines.next()).value).to.equal(`${localAddress} asked for 127.0.0.9 port 443`);
        await closed;
      }
    } finally {
      child.kill();
      await once(child, 'close');
    }
  });
});
