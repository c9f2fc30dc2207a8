/** The programs of docs/cut.md, where the package is installed, against traffic through a router. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ASKING_CLIENT, addHosts, Host, removeHosts } from './support/hosts.ts';
import { describeKernel, resetNamespace, sh, sysctl, until } from './support/kernel.ts';
import { installPackage } from './support/package.ts';
import { programsOf } from './support/programs.ts';
import { Router } from './support/router.ts';
import { runtime } from './support/runtimes.ts';

/** Established flows are accepted first, as in most rule sets. */
const portal = (rest: string): string => `table inet portal {
  set allowed { type ipv4_addr; elements = { 10.9.1.2 } }
  counter refused { }
  chain guests { }
  chain forward {
    type filter hook forward priority 10; policy drop;
    ct state established accept
    ${rest}
    counter name "refused"
  }
}`;

const SERVICE = `table ip service {
  map server { type inet_service : ipv4_addr; elements = { 5000 : 10.9.2.2 } }
  chain pre {
    type nat hook prerouting priority dstnat;
    ip daddr 10.9.1.1 dnat to udp dport map @server
  }
}`;

/** Answers with its own address. */
const NAMED_SERVERS = `
const dgram = require('node:dgram');
let left = 2;
for (const address of ['10.9.2.2', '10.9.2.3']) {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (_data, peer) => socket.send(address, peer.port, peer.address));
  socket.bind(5000, address, () => { if (--left === 0) console.log('ready'); });
}
process.stdin.on('end', () => process.exit()).resume();`;

describeKernel('docs/cut.md', ['root', 'ip', 'nft', 'conntrack'], () => {
  const programs = programsOf('docs/cut.md', 'js');
  let app = '';
  before(() => {
    app = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    installPackage(app);
  });
  after(() => rmSync(app, { recursive: true, force: true }));
  beforeEach(() => {
    resetNamespace();
    sysctl('nf_conntrack_tcp_loose', 1);
  });
  afterEach(resetNamespace);

  function runs(index: number, ...args: string[]): string {
    writeFileSync(join(app, 'main.mjs'), programs[index]);
    const command = runtime('node20') ?? process.execPath;
    return execFileSync(command, ['main.mjs', ...args], { cwd: app, encoding: 'utf8', timeout: 100_000 });
  }

  const refused = (): number => Number(/packets (\d+)/.exec(sh('nft', 'list counter inet portal refused'))![1]);

  /** A connection that lives until `cut`, and gets no further afterwards. */
  async function ends(rest: string, cut: () => void): Promise<void> {
    const router = await Router.open();
    try {
      sh('nft', portal(rest));
      await router.send(1000);
      expect(router.state).to.equal('ESTABLISHED');
      expect(refused()).to.equal(0);
      cut();
      const sent = router.send(1000).catch(() => {});
      await until(() => refused() > 0, { what: 'a packet that is refused' });
      expect(router.state).to.equal(undefined);
      // The client goes on where it was, once it may.
      sh('nft', 'flush ruleset');
      await sent;
    } finally {
      router.close();
    }
  }

  it('has three programs of at most 25 lines', () => {
    expect(programs).to.have.lengthOf(3);
    for (const program of programs) expect(program.trimEnd().split('\n').length).to.be.at.most(25);
  });

  it('ends the connection of a client that logs out', () =>
    ends('ip saddr @allowed accept', () => {
      expect(runs(0, '10.9.1.2')).to.equal('10.9.1.2: cut 1, came back: 0\n');
    }));

  it('ends the connections that a new rule refuses', () =>
    ends('ct state new counter name "refused"\n    jump guests\n    accept', () => {
      expect(runs(1, '10.9.1.0/24')).to.equal('1 of 1 connections cut\n');
    }));

  it('sends clients of a service to another server when theirs has died', async () => {
    addHosts();
    sh('ip', '-n', 'server', 'address', 'add', '10.9.2.3/24', 'dev', 'eth0');
    sh('nft', SERVICE);
    const server = new Host('server', NAMED_SERVERS);
    const client = new Host('client', ASKING_CLIENT, '10.9.1.1');
    try {
      await server.line();
      await client.line();
      const answer = async (): Promise<string> => {
        client.write('\n');
        return await client.line();
      };
      expect(await answer()).to.equal('10.9.2.2');
      expect(await answer()).to.equal('10.9.2.2');
      expect(runs(2, '10.9.2.2', '10.9.2.3')).to.equal('1 flows leave 10.9.2.2\n');
      expect(await answer()).to.equal('10.9.2.3');
    } finally {
      client.kill();
      server.kill();
      removeHosts();
    }
  });
});
