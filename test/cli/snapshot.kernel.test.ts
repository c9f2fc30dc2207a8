/** `ctnetlink snapshot > FILE` and `ctnetlink restore FILE`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Conntrack, type FlowInit } from '../../src/index.ts';
import { ctnetlink, ctnetlinkUnder, MAIN, type Result, ROOT } from '../support/command.ts';
import { describeKernel, resetNamespace, sh, sysctl, until } from '../support/kernel.ts';
import { lastingByKey } from '../support/lasting.ts';
import { mixedFlows } from '../support/traffic.ts';

const UDP = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'udp', dport: 53 } as const;
const udp = (sport: number): FlowInit => ({ orig: { ...UDP, sport }, timeout: 6000 });
const said = ({ stderr }: Result): string => stderr.replace(/ctnetlink v[\d.]+: /g, '');

describeKernel('cli: snapshot and restore', ['root', 'conntrack', 'nft', 'ip'], () => {
  let ct: Conntrack;
  let folder: string;
  let file: string;
  before(async () => {
    ct = await Conntrack.open();
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-snapshot-'));
    file = join(folder, 'snapshot');
  });
  beforeEach(() => resetNamespace());
  after(async () => {
    await ct.close();
    rmSync(folder, { recursive: true });
    resetNamespace();
  });

  const table = async (): Promise<Record<string, unknown>> => lastingByKey(await ct.dump().toArray());

  function snapshot(...args: string[]): Result {
    const result = ctnetlink('snapshot', ...args);
    expect(result.status, result.stderr).to.equal(0);
    writeFileSync(file, result.stdout);
    return result;
  }

  it('bring a table back with its labels, helpers, masters and expectations', async () => {
    sysctl('nf_conntrack_tcp_timeout_close', 86_400);
    await (await mixedFlows())();
    const before = await table();
    const flows = Object.keys(before).length;
    const expected = (await ct.expectations.dump().toArray()).length;
    expect(said(snapshot())).to.equal(`${flows} flow entries and ${expected} expectations have been written.\n`);
    sh('conntrack', '-F');
    const restored = ctnetlink('restore', file);
    expect(restored).to.include({ stdout: '', status: 0 });
    expect(said(restored)).to.equal(
      `${flows} flow entries have been restored; ${expected} expectations have been restored.\n`,
    );
    expect(await table()).to.deep.equal(before);
    expect(await ct.expectations.dump().toArray()).to.have.lengthOf(expected);
  });

  it('write a header with version, release and time, a line for each item, and their numbers', async () => {
    await ct.createMany([udp(1), udp(2)]);
    snapshot();
    const lines = readFileSync(file, 'utf8').split('\n');
    expect(lines.pop()).to.equal('');
    const [header, ...rest] = lines.map((line) => JSON.parse(line));
    expect(header).to.have.all.keys('snapshot', 'package', 'release', 'time');
    expect(header).to.deep.include({ snapshot: 1, release: sh('uname', '-r').trim() });
    expect(new Date(header.time).toISOString()).to.equal(header.time);
    expect(rest.pop()).to.deep.equal({ end: { flows: 2, expectations: 0 } });
    expect(rest.map(({ flow }) => flow.orig.sport).sort()).to.deep.equal([1, 2]);
  });

  it('take the selection of -L, and of expectations those of what was selected', async () => {
    await (await mixedFlows())();
    snapshot('-p', 'udp', '--dport', '69');
    const entries = readFileSync(file, 'utf8').trimEnd().split('\n').slice(1, -1);
    const { length } = await ct.dump({ orig: { proto: 'udp', dport: 69 } }).toArray();
    expect(entries).to.have.lengthOf(2 * length);
    for (const line of entries) {
      const { flow, expectation } = JSON.parse(line);
      if (flow === undefined) expect(expectation.helper).to.equal('tftp');
      else expect(flow.orig.dport).to.equal(69);
    }
  });

  it('have the expectations of each zone, also of masters with the same tuple', async () => {
    const master = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'tcp', sport: 1000, dport: 21 } as const;
    const expected = (dport: number) => ({ src: '10.0.0.1', dst: '10.1.0.1', proto: 'tcp', dport }) as const;
    const settings = { timeout: 6000, tcp: { state: 'ESTABLISHED' }, helper: { name: 'ftp' } } as const;
    const entriesOf = (kind: string): [dport: number, zone: number | undefined][] =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line.startsWith(`{"${kind}"`))
        .map((line) => JSON.parse(line)[kind])
        .map(({ tuple, zone }) => [tuple.dport, zone]);
    const zones = [
      { zone: 5, dport: 2000 },
      // The same port again, in another zone.
      { zone: 6, dport: 2000 },
      { zone: undefined, dport: 2002 },
    ];
    for (const { zone, dport } of zones) {
      await ct.create({ orig: master, ...settings, zone });
      await ct.expectations.create({ tuple: expected(dport), master, timeout: 60, zone });
    }
    snapshot('-w', '5');
    expect(entriesOf('expectation')).to.deep.equal([[2000, 5]]);
    snapshot('-w', '0');
    expect(entriesOf('expectation')).to.deep.equal([[2002, undefined]]);
    snapshot();
    const all = [
      [2000, 5],
      [2000, 6],
      [2002, 0],
    ];
    expect(entriesOf('expectation').sort()).to.deep.equal(all);
    await ct.flushAll();
    const restored = ctnetlink('restore', file);
    expect(said(restored)).to.equal('3 flow entries have been restored; 3 expectations have been restored.\n');
    snapshot();
    expect(entriesOf('expectation').sort()).to.deep.equal(all);
  });

  it('restore flows in the order in which the kernel creates all of them, and name their lines', async () => {
    const hidden: FlowInit = { orig: { ...UDP, sport: 1, zone: 5 }, timeout: 6000 };
    const reply = { src: UDP.src, dst: UDP.dst, proto: 'udp', sport: 1, dport: 53 } as const;
    const hider: FlowInit = { orig: { ...UDP, src: '10.0.0.9', sport: 9 }, reply, timeout: 6000 };
    const entries = [hider, { ...udp(3), labels: [1] }, hidden].map((flow) => JSON.stringify({ flow }));
    writeFileSync(file, ['{"snapshot":1}', ...entries, '{"end":{"flows":3,"expectations":0}}', ''].join('\n'));
    const restored = ctnetlink('restore', file);
    expect(restored.status, restored.stderr).to.equal(0);
    const [part, summary] = said(restored).split('\n');
    expect(part).to.match(new RegExp(`^${file}:3: restored in part .*: labels: no rule`));
    expect(summary).to.equal(
      '3 flow entries have been restored, 1 of them in part; 0 expectations have been restored.',
    );
    expect(Object.keys(await table())).to.have.lengthOf(3);
  });

  it('work in other network namespaces', async () => {
    for (const name of ['old', 'new']) sh('ip', 'netns', 'add', name);
    try {
      const there = await Conntrack.open({ netns: 'old' });
      await there.create({ ...udp(7), snat: { minAddress: '192.0.2.1' } });
      const before = lastingByKey(await there.dump().toArray());
      await there.close();
      snapshot('--netns', 'old');
      expect(ctnetlink('restore', '--netns', 'new', file).status).to.equal(0);
      const moved = await Conntrack.open({ netns: 'new' });
      expect(lastingByKey(await moved.dump().toArray())).to.deep.equal(before);
      await moved.close();
      expect(await table()).to.deep.equal({});
    } finally {
      for (const name of ['old', 'new']) sh('ip', 'netns', 'delete', name);
    }
  });

  it('restore standard input, and take a snapshot of a capture', async () => {
    snapshot('--replay', join(ROOT, 'fixtures/mixed/capture.pcap'), '-p', 'sctp');
    const count = readFileSync(file, 'utf8').match(/^\{"flow":/gm)!.length;
    expect(count).to.be.above(0);
    const restored = ctnetlinkUnder(['sh', '-c', `exec "$@" <'${file}'`, 'sh'], 'restore', '-');
    expect(restored.status, restored.stderr).to.equal(0);
    expect(Object.keys(await table())).to.have.lengthOf(count);
  });

  it('restore nothing of a file that is not whole', async () => {
    await ct.createMany([1, 2, 3].map(udp));
    snapshot();
    sh('conntrack', '-F');
    const whole = readFileSync(file, 'utf8');
    const lines = whole.trimEnd().split('\n');
    const cases: [text: string, message: RegExp][] = [
      ['', /snapshot is empty: it is no snapshot/],
      [lines.slice(0, 1).join('\n'), /is not whole: its last line, 1, does not say how many flows it has/],
      [`${lines.slice(0, -1).join('\n')}\n`, /is not whole: its last line, 4, does not say/],
      [
        [...lines.slice(0, 2), ...lines.slice(3)].join('\n'),
        /it has 2 flows and 0 expectations, and its last line says 3 and 0/,
      ],
      [`${whole}${lines[1]}\n`, /snapshot:6: a line behind the last one/],
      [
        whole.replace('"sport":2', '"sport":70000'),
        /snapshot:\d: flow\.orig\.sport must be an integer from 0 to 65535/,
      ],
      [
        whole.replace('"snapshot":1', '"snapshot":2'),
        /snapshot:1: the snapshot has version 2, and this program reads 1/,
      ],
      [whole.replace('{"flow":', '{"flood":'), /snapshot:2: a line has a flow, an expectation or the end, not `flood'/],
      [
        whole.replace(/\n.*\n/, '\n[]\n'),
        /snapshot:2: a line is an object with a flow, an expectation or the end, not an array/,
      ],
      [whole.replace(/\n.*\n/, '\n5\n'), /snapshot:2: a line is an object with .*, not 5\. Nothing was restored/],
      [whole.replace(/\n.*\n/, '\n{}\n'), /snapshot:2: a line has a flow, an expectation or the end, not nothing/],
      [whole.replace(/\n.*\n/, '\n{"flow":[]}\n'), /snapshot:2: flow must be an object, not an array/],
      [whole.replace(/"end":.*/, '"end":null}'), /snapshot:5: the end has the numbers of flows and expectations/],
      [
        whole.replace(/"end":.*/, '"end":{"flows":3}}'),
        /snapshot:5: the end has the numbers of flows and expectations/,
      ],
      ['[]\n', /snapshot:1: this is no snapshot/],
      ['-A -s 10.0.0.1\n', /snapshot:1: this is no snapshot/],
      ['{"orig":{}}\n', /snapshot:1: this is no snapshot/],
    ];
    // Cut anywhere in a line.
    for (let at = whole.length - 2; at > 0; at -= 211) cases.push([whole.slice(0, at), /snapshot(:\d)?:? /]);
    for (const [text, message] of cases) {
      writeFileSync(file, text);
      const { stdout, stderr, status } = ctnetlink('restore', file);
      expect({ stdout, status }, text).to.deep.equal({ stdout: '', status: 2 });
      expect(stderr).to.match(message);
      expect(await ct.stats()).to.have.property('entries', 0);
    }
    writeFileSync(file, whole);
    expect(ctnetlink('restore', file).status).to.equal(0);
    expect(await ct.stats()).to.have.property('entries', 3);
  });

  it('restore with a line for each item that came back in part or not', async () => {
    await ct.createMany([1, 2, 3].map(udp));
    snapshot();
    sh('conntrack', '-F');
    const flowsOf = readFileSync(file, 'utf8').replace(
      /("sport":2,.*"mark":0)/,
      '$1,"labels":[5],"helper":{"name":"nosuch"}',
    );
    writeFileSync(file, flowsOf);
    const lineOf = (sport: number): number =>
      flowsOf.split('\n').findIndex((line) => line.includes(`"sport":${sport},"dport":53}`)) + 1;
    const partly = ctnetlink('restore', file);
    expect(partly.status).to.equal(0);
    const lines = said(partly).split('\n');
    expect(lines[0]).to.match(
      new RegExp(
        `^${file}:${lineOf(2)}: restored in part \\(udp 10\\.0\\.0\\.1:2 -> 10\\.1\\.0\\.1:53, zone 0\\): .*helper: this kernel has no helper.*labels: no rule`,
      ),
    );
    expect(lines.slice(1)).to.deep.equal([
      '3 flow entries have been restored, 1 of them in part; 0 expectations have been restored.',
      '',
    ]);
    sh('conntrack', '-F');
    await ct.create(udp(3));
    const failed = ctnetlink('restore', file);
    expect(failed.status).to.equal(1);
    expect(said(failed)).to.match(
      new RegExp(
        `^${file}:${lineOf(3)}: not restored: restore: EEXIST: a flow with one of these tuples exists already`,
        'm',
      ),
    );
    expect(said(failed)).to.include('2 flow entries have been restored, 1 of them in part, 1 have not; 0 exp');
    expect(await ct.stats()).to.have.property('entries', 3);
  });

  it('set TCP flags as they were if asked', async () => {
    const orig = { ...UDP, proto: 'tcp', sport: 9 } as const;
    await ct.create({
      orig,
      timeout: 6000,
      tcp: { state: 'ESTABLISHED', flagsOrig: 3, maskOrig: 15, flagsReply: 3, maskReply: 15 },
    });
    snapshot();
    for (const [args, flags] of [
      [[file], 11],
      [['--strict-windows', file], 3],
    ] as const) {
      sh('conntrack', '-F');
      expect(ctnetlink('restore', ...args).status).to.equal(0);
      expect((await ct.get({ orig }))!.tcp).to.include({ flagsOrig: flags, flagsReply: flags });
    }
  });

  it('say once what they may not, and refuse what makes no sense', () => {
    writeFileSync(file, '{"snapshot":1}\n{"end":{"flows":0,"expectations":0}}\n');
    expect(said(ctnetlink('restore', file))).to.match(/^0 flow entries have been restored; 0 expectations/);
    const flow = JSON.stringify({ flow: udp(1) });
    writeFileSync(file, `{"snapshot":1}\n${flow}\n${flow}\n{"end":{"flows":2,"expectations":0}}\n`);
    const refused = ctnetlinkUnder(['unshare', '-U'], 'restore', file);
    expect(refused.status).to.equal(1);
    expect(refused.stderr.match(/you must be root or get CAP_NET_ADMIN/g)).to.have.lengthOf(1);
    for (const [args, message] of [
      [['restore'], /restore takes one file, or - for standard input/],
      [['restore', 'a', 'b'], /restore takes one file, or - for standard input/],
      [['restore', '/nonexistent'], /Failed to open file \/nonexistent for reading/],
      [['restore', folder], /Failed to read file .*: it is a directory/],
      [['restore', file, '-p', 'tcp'], /Illegal option `--protonum' with this command/],
      [['restore', file, '--netns', 'a', '--netns', 'b'], /takes one `--netns'/],
      [['snapshot', 'x'], /snapshot takes options only, not `x'/],
      [['snapshot', '-z'], /Illegal option `--zero' with snapshot/],
      [['snapshot', '-o', 'json'], /Illegal option `--output' with snapshot/],
      [['snapshot', '--netns', 'a', '--netns', 'b'], /snapshot takes one `--netns'/],
      [['snapshot', '-t', '5'], /Illegal option `--timeout' with this command/],
    ] as const) {
      const { stdout, stderr, status } = ctnetlink(...args);
      expect({ stdout, status }, args.join(' ')).to.deep.equal({ stdout: '', status: 2 });
      expect(stderr).to.match(message);
    }
    for (const word of ['snapshot', 'restore'])
      expect(ctnetlink(word, '--help'))
        .to.include({ status: 0, stderr: '' })
        .and.to.have.property('stdout')
        .which.match(/^Usage: ctnetlink /);
  });

  it('say what was restored until a signal came, and end with its status', async () => {
    // The flows in the middle exist already. A line for each is more than a pipe takes, so the program waits in the
    // midst of them until the test reads.
    const [before, existing, behind] = [300, 4000, 6000];
    const flows = Array.from({ length: before + existing + behind }, (_, n) => udp(n + 1));
    const lines = flows.map((flow) => JSON.stringify({ flow }));
    const end = JSON.stringify({ end: { flows: flows.length, expectations: 0 } });
    writeFileSync(file, ['{"snapshot":1}', ...lines, end, ''].join('\n'));
    const entries = async (): Promise<number> => (await ct.stats()).entries;
    for (const [signal, status] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      await ct.flushAll();
      await ct.createMany(flows.slice(before, before + existing));
      const child = spawn(process.execPath, [MAIN, 'restore', file], { stdio: ['ignore', 'ignore', 'pipe'] });
      const ended = once(child, 'close');
      await until(async () => (await entries()) > existing, { what: 'the first flows' });
      child.kill(signal);
      let text = '';
      child.stderr.setEncoding('utf8').on('data', (some: string) => {
        text += some;
      });
      expect(await ended).to.deep.equal([status, null]);
      const restored = (await entries()) - existing;
      expect(restored).to.be.within(1, before + behind - 1);
      const [summary, last] = text.trimEnd().split('\n').slice(-2);
      expect(summary).to.match(new RegExp(`: ${restored} flow entries have been restored, \\d+ have not; 0 exp`));
      expect(last).to.match(/: interrupted: the others have not been restored$/);
    }
  });
});
