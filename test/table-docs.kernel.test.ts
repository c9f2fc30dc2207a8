/** The programs of docs/table.md, where the package is installed, against traffic through a router. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Conntrack } from '../src/index.ts';
import { Running } from './support/command.ts';
import { ASKING_CLIENT, addHosts, Host, removeHosts } from './support/hosts.ts';
import { describeKernel, resetNamespace, sh, sysctl, until } from './support/kernel.ts';
import { listeningSockets } from './support/listeners.ts';
import { installPackage } from './support/package.ts';
import { programsOf } from './support/programs.ts';
import { Router } from './support/router.ts';
import { runtime } from './support/runtimes.ts';

const REDIRECT = `table ip nat {
  chain pre {
    type nat hook prerouting priority dstnat;
    iifname "to-client" tcp dport 5000 redirect to :8080
  }
}`;

const SOURCE_NAT = `table ip nat {
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "to-server" snat to 10.9.2.9
  }
}`;

/** Says whom it answers. */
const ECHOING_SERVER = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (_data, { port, address }) => socket.send(address, port, address));
socket.bind(5000, () => console.log('ready'));
process.stdin.on('end', () => process.exit()).resume();`;

const NETLINK_ROUTE = 0;

describeKernel('docs/table.md', ['root', 'ip', 'nft', 'conntrack'], () => {
  const programs = programsOf('docs/table.md', 'js');
  let app = '';
  let program: Running | undefined;
  before(() => {
    app = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    installPackage(app);
  });
  after(() => rmSync(app, { recursive: true, force: true }));
  beforeEach(resetNamespace);
  afterEach(async () => {
    await program?.stop('SIGTERM');
    program = undefined;
    resetNamespace();
  });

  /** Starts one, and waits for its first line. */
  async function start(index: number, first: string, ...args: string[]): Promise<Running> {
    const file = join(app, 'main.mjs');
    writeFileSync(file, programs[index]);
    program = new Running(runtime('node20') ?? process.execPath, [file, ...args]);
    await prints(1);
    expect(program.lines, program.stderr).to.deep.equal([first]);
    return program;
  }

  async function prints(count: number): Promise<void> {
    const { lines, stderr } = await until(() => program!.stderr !== '' || program!.lines.length >= count, {
      what: `${count} lines`,
    }).then(() => program!);
    expect(lines.length, stderr).to.be.at.least(count);
  }

  it('has three programs of at most 30 lines', () => {
    expect(programs).to.have.lengthOf(3);
    for (const text of programs) expect(text.trimEnd().split('\n').length).to.be.at.most(30);
  });

  it('finds where a client wanted to go whose connection was redirected', async () => {
    sh('nft', REDIRECT);
    const proxy = await start(0, 'ready', '8080');
    const router = await Router.open();
    try {
      await router.send(1000);
      await prints(2);
      expect(proxy.lines[1]).to.equal('10.9.1.2 wants 10.9.2.2:5000');
    } finally {
      router.close();
    }
  });

  it('says how long a session took, and its bytes', async () => {
    sysctl('nf_conntrack_acct', 1);
    sysctl('nf_conntrack_timestamp', 1);
    const monitor = await start(1, '0 sessions');
    const ct = await Conntrack.open();
    const router = await Router.open();
    try {
      await router.send(1000);
      await prints(2);
      const events = await ct.events({ types: ['destroy'], filter: { orig: { proto: 'tcp', dport: 5000 } } });
      await router.silently(() => void sh('conntrack', '-D', '-p', 'tcp', '--dport', '5000'));
      const { value: event } = await events.next();
      await events.return();
      await prints(3);
      if (event?.type !== 'destroy') throw new Error('no end');
      const { orig, timestamp, countersOrig, countersReply } = event.flow;
      const name = `10.9.1.2:${orig!.sport} -> 10.9.2.2:5000`;
      const bytes = countersOrig!.bytes! + countersReply!.bytes!;
      expect(bytes > 1000n).to.equal(true);
      const seconds = Number(timestamp!.stop! - timestamp!.start!) / 1e9;
      expect(seconds).to.be.above(0);
      expect(monitor.lines.slice(1)).to.deep.equal([`${name} begins`, `${name} ends: ${seconds} s, ${bytes} bytes`]);
    } finally {
      router.close();
      await ct.close();
    }
  });

  it('ends UDP flows whose source address has gone away', async () => {
    addHosts();
    const server = new Host('server', ECHOING_SERVER);
    const client = new Host('client', ASKING_CLIENT, '10.9.2.2');
    try {
      sh('ip', 'address', 'add', '10.9.2.9/24', 'dev', 'to-server');
      sh('nft', SOURCE_NAT);
      const cleaner = await start(2, '0 flows with source NAT');
      await until(() => listeningSockets('self', NETLINK_ROUTE).length > 0, { what: 'ip monitor' });
      await server.line();
      await client.line();
      const answered = async (): Promise<string> => {
        client.write('\n');
        return await client.line();
      };
      expect(await answered()).to.equal('10.9.2.9');
      sh('nft', 'flush chain ip nat post; add rule ip nat post oifname "to-server" snat to 10.9.2.1');
      // The flow keeps its translation.
      expect(await answered()).to.equal('10.9.2.9');
      sh('ip', 'address', 'del', '10.9.2.9/24', 'dev', 'to-server');
      await prints(2);
      expect(cleaner.lines[1]).to.equal('1 stale flows deleted');
      expect(await answered()).to.equal('10.9.2.1');
    } finally {
      client.kill();
      server.kill();
      removeHosts();
    }
  });
});
