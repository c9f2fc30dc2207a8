/** The harness itself: a namespace of its own, set-ups that make what they promise, skips that are seen. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import {
  describeKernel,
  inNamespace,
  namespaceInode,
  resetNamespace,
  sh,
  skippedLine,
  sysctl,
  until,
} from '../support/kernel.ts';
import { type Dispose, mixedFlows, storm, tcpConnection, tracking } from '../support/traffic.ts';

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
const list = (...args: string[]): string[] => lines(sh('conntrack', '-L', ...args));

describeKernel('kernel harness: namespace', () => {
  it("is not the machine's", () => {
    expect(inNamespace()).to.equal(true);
    expect(namespaceInode()).to.equal(process.env.CTNETLINK_NETNS).and.not.equal(process.env.CTNETLINK_OUTER_NETNS);
    let machine: string | undefined;
    try {
      machine = readlinkSync('/proc/1/ns/net');
    } catch {
      // Process 1 may be out of bounds, here even for root.
    }
    expect(readlinkSync('/proc/self/ns/net')).not.to.equal(machine);
  });

  it('has loopback up', () => {
    expect(sh('ip', 'link', 'show', 'lo')).to.match(/<LOOPBACK,UP/);
  });

  it('throws what a failing tool wrote on standard error', () => {
    expect(() => sh('ip', 'link', 'show', 'nosuchlink')).to.throw(/ip link show nosuchlink: .*nosuchlink.*not exist/);
  });

  it('gives up polling with the name of what it waited for', async () => {
    let asked = 0;
    expect(await until(() => ++asked === 3 && 'third')).to.equal('third');
    const failure = await until(() => false, { limit: 20, what: 'nothing' }).catch((error: Error) => error.message);
    expect(failure).to.equal('nothing: not within 20 ms');
  });
});

describeKernel('kernel harness: state', ['nft', 'conntrack'], () => {
  it('resets ruleset, table, expectations and sysctls', async () => {
    resetNamespace();
    const before = sysctl('nf_conntrack_udp_timeout');
    const dispose = await mixedFlows();
    await dispose();
    sysctl('nf_conntrack_events', 0);
    resetNamespace();
    expect(sh('nft', 'list', 'ruleset')).to.equal('');
    expect(list('-f', 'ipv4')).to.deep.equal([]);
    expect(list('-f', 'ipv6')).to.deep.equal([]);
    expect(list('expect')).to.deep.equal([]);
    expect(list('expect', '-f', 'ipv6')).to.deep.equal([]);
    expect(sysctl('nf_conntrack_acct')).to.equal('0');
    expect(sysctl('nf_conntrack_timestamp')).to.equal('0');
    expect(sysctl('nf_conntrack_events')).not.to.equal('0');
    expect(sysctl('nf_conntrack_udp_timeout')).to.equal(before);
  });

  it('is idempotent about the ruleset', () => {
    resetNamespace();
    tracking();
    const once = sh('nft', 'list', 'ruleset');
    tracking();
    expect(sh('nft', 'list', 'ruleset')).to.equal(once);
  });
});

describeKernel('kernel harness: traffic', ['nft', 'conntrack'], () => {
  let dispose: Dispose;
  before(async () => {
    resetNamespace();
    dispose = await mixedFlows();
  });
  after(async () => {
    await dispose?.();
    resetNamespace();
  });

  /** One line of the listing, in which all of `parts` occur as words. */
  const find = (all: string[], ...parts: string[]): string => {
    const found = all.find((line) => parts.every((part) => ` ${line} `.includes(` ${part} `)));
    expect(found, `${parts.join(' ')}\nin\n${all.join('\n')}`).to.be.a('string');
    return found!;
  };

  it('has enough of both families', () => {
    expect(list('-f', 'ipv4').length).to.be.at.least(30);
    expect(list('-f', 'ipv6').length).to.be.at.least(15);
  });

  it('has every TCP and SCTP state that conntrack(8) can create', () => {
    const all = list('-f', 'ipv4');
    for (const state of ['NONE', 'SYN_SENT', 'SYN_RECV', 'ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK']) {
      find(all, 'tcp', state);
    }
    for (const state of ['TIME_WAIT', 'CLOSE', 'SYN_SENT2']) find(all, 'tcp', state);
    for (const state of ['NONE', 'CLOSED', 'COOKIE_WAIT', 'COOKIE_ECHOED', 'ESTABLISHED']) find(all, 'sctp', state);
    for (const state of ['SHUTDOWN_SENT', 'SHUTDOWN_RECD', 'SHUTDOWN_ACK_SENT']) find(all, 'sctp', state);
    const saved = list('-o', 'save', '-p', 'sctp', '-f', 'ipv4').join('\n');
    expect(saved).to.contain(`--orig-vtag ${0x11111111} --reply-vtag ${0xfffffff0}`);
  });

  it('has every protocol in both families', () => {
    const v4 = list('-f', 'ipv4');
    for (const name of ['tcp', 'udp', 'udplite', 'sctp', 'gre', 'icmp', 'unknown']) find(v4, name);
    find(v4, 'icmp', 'type=8', 'code=0', 'id=77', 'type=0');
    find(v4, 'gre', 'srckey=0x10', 'dstkey=0x20');
    find(v4, 'unknown', '89');
    const v6 = list('-f', 'ipv6');
    for (const name of ['tcp', 'udp', 'udplite', 'sctp', 'gre', 'icmpv6', 'unknown']) find(v6, name);
    find(v6, 'icmpv6', 'type=128', 'type=129', 'id=78');
  });

  it('has flows unreplied, replied and assured', () => {
    const udp = list('-f', 'ipv4', '-p', 'udp', '--orig-src', '10.0.2.1');
    expect(find(udp, 'sport=3000')).to.contain('[UNREPLIED]');
    expect(find(udp, 'sport=3001')).not.to.match(/\[UNREPLIED\]|\[ASSURED\]/);
    expect(find(udp, 'sport=3002')).to.contain('[ASSURED]');
    expect(list('-u', 'FIXED_TIMEOUT', '-f', 'ipv4')).to.have.length(1);
  });

  it('has source and destination NAT in both families, by request and by rule', () => {
    const v4 = list('-f', 'ipv4');
    find(v4, 'src=10.0.2.6', 'sport=4000', 'dst=203.0.113.1');
    find(v4, 'src=10.0.2.6', 'sport=4001', 'dst=203.0.113.1', 'dport=4999');
    find(v4, 'src=10.0.2.6', 'sport=4002', 'src=203.0.113.2', 'sport=8080');
    find(v4, 'src=10.0.2.6', 'sport=4003', 'src=203.0.113.2', 'dst=203.0.113.1');
    find(v4, 'src=127.0.0.2', 'dport=9021', 'sport=9022', 'dport=45021');
    find(v4, 'src=127.0.0.2', 'dport=9023', 'dst=127.0.0.3', 'dport=45999');
    const v6 = list('-f', 'ipv6');
    find(v6, 'src=fd00::9', 'sport=4000', 'dst=2001:db8::1');
    find(v6, 'src=fd00::9', 'sport=4001', 'src=2001:db8::2', 'sport=8080');
    find(v6, 'src=::1', 'dport=9021', 'sport=9022');
    find(v6, 'src=::1', 'dport=9023', 'dport=45999');
  });

  it('has zones, also for one direction only', () => {
    for (const all of [list('-f', 'ipv4'), list('-f', 'ipv6')]) {
      find(all, 'zone=7');
      find(all, 'dport=9011', 'zone=11', 'packets=1');
      find(all, 'dport=9012', 'zone-orig=12');
      find(all, 'dport=9013', 'zone-reply=13');
    }
    const v4 = list('-f', 'ipv4');
    find(v4, 'sport=5001', 'zone-orig=8');
    find(v4, 'sport=5002', 'zone-reply=65535');
  });

  it('has marks and labels', () => {
    const all = list('-f', 'ipv4');
    for (const mark of [0, 3, 5, 42, 0x80000000, 0xffffffff]) find(all, `mark=${mark}`);
    // Without /etc/xtables/connlabel.conf conntrack(8) shows no labels; the rule that asks for one counts its packets.
    expect(sh('nft', 'list', 'ruleset')).to.match(
      /ct label 127 counter packets 2 .*\n.*ct label 100 counter packets 2 /,
    );
  });

  it('has counters and timestamps', () => {
    expect(find(list('-f', 'ipv4'), 'src=127.0.0.2', 'dport=9001')).to.contain('packets=1 bytes=34 src=');
    expect(list('-f', 'ipv4', '-p', 'icmp', '-o', 'ktimestamp').join('\n')).to.contain('[start=');
  });

  it('has helpers, expectations and flows with a master', () => {
    const all = list('-f', 'ipv4');
    for (const name of ['ftp', 'tftp', 'sip']) find(all, `helper=${name}`);
    const v4 = list('expect', '-f', 'ipv4');
    expect(v4).to.have.length(4);
    find(v4, 'proto=6', 'dport=40102', 'master-src=127.0.0.2', 'helper=ftp');
    find(v4, 'proto=6', 'dst=127.0.0.100', 'dport=40121', 'helper=ftp');
    find(v4, 'proto=17', 'dport=40069', 'helper=tftp');
    find(v4, 'proto=17', 'dport=45066', 'PERMANENT,INACTIVE', 'helper=sip');
    const v6 = list('expect', '-f', 'ipv6');
    expect(v6).to.have.length(2);
    find(v6, 'proto=6', 'dport=40112', 'helper=ftp');
    expect(list('-u', 'EXPECTED', '-f', 'ipv4')).to.have.length(1);
    expect(list('-u', 'EXPECTED', '-f', 'ipv6')).to.have.length(1);
  });

  it('makes the same again', async () => {
    // What is left of a line when the kernel's own choices are out of it.
    const stable = (): string[] =>
      [...list('-f', 'ipv4'), ...list('-f', 'ipv6'), ...list('expect'), ...list('expect', '-f', 'ipv6')]
        .map((line) => line.replace(/packets=\d+ bytes=\d+ |delta-time=\d+ |use=\d+|^(\w+ +\d+) \d+|^\d+/g, '$1'))
        .sort();
    const first = stable();
    dispose = await mixedFlows();
    expect(stable()).to.deep.equal(first);
  });
});

describeKernel('kernel harness: single connections', ['nft', 'conntrack'], () => {
  beforeEach(() => {
    resetNamespace();
    tracking();
  });
  after(resetNamespace);

  it('makes and ends a TCP connection', async () => {
    const { localPort } = await tcpConnection(8080);
    const [flow, ...more] = list('-f', 'ipv4', '-p', 'tcp');
    expect(more).to.deep.equal([]);
    expect(flow)
      .to.match(/TIME_WAIT src=127\.0\.0\.2 dst=127\.0\.0\.1 /)
      .and.contain(`sport=${localPort} dport=8080`);
    expect(flow).to.contain('[ASSURED]');
  });

  it('makes many flows', async () => {
    await storm(1_000);
    expect(Number(sh('conntrack', '-C'))).to.equal(1_000);
  });
});

describe('kernel harness: skipping', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    const kernel = JSON.stringify(new URL('../support/kernel.ts', import.meta.url).href);
    writeFileSync(
      join(folder, 'skipping.test.mts'),
      `import { describeKernel } from ${kernel};
      describeKernel('one', () => { it('reads', () => { throw new Error('ran'); }); });
      describeKernel('two', ['nosuchtool'], () => { it('writes', () => { throw new Error('ran'); }); });`,
    );
  });
  after(() => rmSync(folder, { recursive: true }));

  /** A run of mocha of its own, without the project's settings, with a given environment. */
  const mocha = (env: Record<string, string>): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(
      process.execPath,
      ['--import=tsx', 'node_modules/mocha/bin/mocha.js', '--no-config', join(folder, 'skipping.test.mts')],
      { cwd: root, encoding: 'utf8', env: { ...process.env, CI: '', CTNETLINK_NO_KERNEL: '', ...env } },
    );

  it('is pending, with the reasons at the end', () => {
    const { status, stdout, stderr } = mocha({ CTNETLINK_NO_KERNEL: 'not today' });
    expect(stdout).to.contain('2 pending').and.not.contain('failing');
    expect(stderr).to.equal('skipped 2 suites: not today (one, two)\n');
    expect(status).to.equal(0);
  });

  it('takes one line, however many are skipped', () => {
    const skipped = new Map([
      ['needs gcc on PATH', ['one']],
      ['deno is not installed: bash .ci/runtimes', ['two', 'three', 'four', 'five', 'six']],
    ]);
    expect(skippedLine(skipped)).to.equal(
      'skipped 6 suites: needs gcc on PATH (one); deno is not installed: bash .ci/runtimes (two, three, four, and 2 more)',
    );
  });

  it('is a failure in CI', () => {
    const { status, stdout, stderr } = mocha({ CTNETLINK_NO_KERNEL: 'not today', CI: 'true' });
    expect(stdout).to.contain('2 failing').and.contain('must not be skipped in CI: not today');
    expect(stderr).not.to.contain('skipped');
    expect(status).to.equal(2);
  });

  it('says so when the namespace is not its own', () => {
    const { stderr } = mocha({ CTNETLINK_NETNS: '1' });
    expect(stderr).to.match(/^skipped 2 suites: (needs Linux|not in a network namespace of its own).* \(one, two\)\n$/);
  });

  it('refuses the tools outside of the namespace', () => {
    const saved = process.env.CTNETLINK_NETNS;
    process.env.CTNETLINK_NETNS = '1';
    try {
      expect(() => sh('conntrack', '-F')).to.throw('refused outside');
      expect(() => resetNamespace()).to.throw('refused outside');
      expect(() => sysctl('nf_conntrack_acct', 1)).to.throw('refused outside');
    } finally {
      if (saved === undefined) delete process.env.CTNETLINK_NETNS;
      else process.env.CTNETLINK_NETNS = saved;
    }
  });
});
