/**
 * Which socket is chosen, and what is said when none can be. What is chosen in which runtime:
 * package-runtimes.kernel.test.ts.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type OpenOptions, openTransport } from '../../src/transport/open.ts';
import { FakeTransport, rejection } from '../support/fake-transport.ts';
import { describeKernel } from '../support/kernel.ts';

async function nameOf(options?: OpenOptions): Promise<string> {
  const transport = await openTransport(options);
  transport.close();
  return transport.name;
}

describe('open', () => {
  const before = process.env.CTNETLINK_TRANSPORT;
  afterEach(() => {
    if (before === undefined) delete process.env.CTNETLINK_TRANSPORT;
    else process.env.CTNETLINK_TRANSPORT = before;
  });

  it('takes what opens transports, whatever the environment says', async () => {
    process.env.CTNETLINK_TRANSPORT = 'nonsense';
    const fake = new FakeTransport();
    expect(await openTransport({ transport: async () => fake })).to.equal(fake);
  });

  it('refuses an unknown name: a mistake of the program, or in the environment', async () => {
    const mistaken = await rejection(openTransport({ transport: 'nonsense' as 'koffi' }));
    expect(mistaken).to.be.instanceOf(TypeError);
    expect((mistaken as Error).message).to.contain('node:ffi, koffi, deno, bun, addon');
    process.env.CTNETLINK_TRANSPORT = 'nonsense';
    const refused = await rejection(openTransport());
    expect(refused).to.include({ name: 'UnsupportedError' });
    expect((refused as Error).message).to.contain("not 'nonsense'");
  });

  describe('where nothing is installed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    after(() => rmSync(folder, { recursive: true, force: true }));

    /** What opening says there, after these lines. */
    function said(lines: string): string {
      // What `npm test` has built, away from what is installed beside it.
      cpSync(fileURLToPath(new URL('../../dist', import.meta.url)), join(folder, 'dist'), { recursive: true });
      writeFileSync(
        join(folder, 'main.mjs'),
        `${lines}
        const { openTransport } = await import('./dist/index.js');
        console.log(await openTransport().catch(({ name, message }) => name + ': ' + message));`,
      );
      writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
      return execFileSync(process.execPath, [join(folder, 'main.mjs')], { encoding: 'utf8' }).trim();
    }

    it('says what was tried, why each failed, and the one command that mends it', function () {
      if (process.allowedNodeEnvironmentFlags.has('--experimental-ffi')) this.skip();
      const message = said('');
      expect(message).to.match(/^UnsupportedError: no netlink socket can be opened here\. Tried: node:ffi: /);
      expect(message).to.contain("; koffi: the npm package 'koffi' did not load");
      expect(message).to.contain("; addon: the npm package 'netlink' did not load");
      expect(message).to.match(/\. What mends it: npm install koffi$/);
    });

    it('tries koffi alone in Electron', () => {
      const message = said("Object.defineProperty(process.versions, 'electron', { value: '40.0.0' });");
      expect(message).to.match(/Tried: koffi: .*\. What mends it: npm install koffi$/);
      expect(message).to.not.match(/node:ffi:|addon:/);
    });

    it('tries its own and koffi in Deno, and says which permissions', () => {
      const message = said("globalThis.Deno = { dlopen() { throw new Error('Requires ffi access'); } };");
      expect(message).to.match(/Tried: deno: Deno does not open the C library \(Requires ffi access\)\..*; koffi: /);
      expect(message).to.match(/\. What mends it: deno run --allow-ffi \.\.\.$/);
    });
  });
});

describeKernel('open', () => {
  const before = process.env.CTNETLINK_TRANSPORT;
  afterEach(() => {
    if (before === undefined) delete process.env.CTNETLINK_TRANSPORT;
    else process.env.CTNETLINK_TRANSPORT = before;
  });

  it('takes the transport that $CTNETLINK_TRANSPORT names, unless the program names one', async () => {
    process.env.CTNETLINK_TRANSPORT = 'addon';
    expect(await nameOf()).to.equal('addon');
    expect(await nameOf({ transport: 'koffi' })).to.equal('koffi');
    process.env.CTNETLINK_TRANSPORT = '';
    expect(await nameOf()).to.not.equal('addon');
  });
});
