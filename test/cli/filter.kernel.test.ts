/** --filter: selects beside the options of conntrack(8), and points at what is wrong. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from '../../src/cli/options/parse.ts';
import { UsageError } from '../../src/cli/options/settings.ts';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { ctnetlink, listeners, Running } from '../support/command.ts';
import { describeKernel, resetNamespace, until } from '../support/kernel.ts';

const MIXED = 'fixtures/mixed/capture.pcap';
const TRY = "Try `ctnetlink -h' or 'ctnetlink --help' for more information.\n";

/** The source ports of what a command printed. */
function portsOf(stdout: string): number[] {
  return [...stdout.matchAll(/^.*? sport=(\d+)/gm)].map(([, port]) => Number(port)).sort((a, b) => a - b);
}

function refusal(...args: string[]): string {
  try {
    parse(args);
  } catch (error) {
    if (error instanceof UsageError) return [error.message, ...error.pointer].join('\n');
    throw error;
  }
  return 'none';
}

describe('cli --filter', () => {
  it('lists what matches, and what the other options select of it', () => {
    const list = (...args: string[]): number[] => portsOf(ctnetlink('-L', '--replay', MIXED, ...args).stdout);
    const all = list();
    expect(all.length).to.be.above(20);
    expect(list('--filter', 'any')).to.deep.equal(all);
    expect(list('--filter', 'ipv4 and port 3000,3001')).to.deep.equal([3000, 3001]);
    expect(list('--filter', 'ipv4 and port 3000-3003', '-m', '4294967295')).to.deep.equal([3002]);
    expect(list('-f', 'ipv4', '--filter', 'port 3000-3003', '--filter', 'not port 3001-3003')).to.deep.equal([3000]);
    expect(list('--filter', 'udp and host 10.0.2.6')).to.deep.equal(list('-p', 'udp', '-s', '10.0.2.6'));
    expect(list('--filter', 'not any')).to.deep.equal([]);
    const { stdout } = ctnetlink('-L', '--replay', MIXED, '--filter', 'ipv6 and tcp.state ESTABLISHED', '-o', 'ndjson');
    for (const line of stdout.trim().split('\n')) {
      const { orig, tcp } = JSON.parse(line);
      expect([orig.family, tcp.state]).to.deep.equal(['ipv6', 'ESTABLISHED']);
    }
  });

  it('counts what matches', () => {
    const listed = portsOf(ctnetlink('-L', '-p', 'tcp', '--replay', MIXED).stdout).length;
    expect(ctnetlink('-C', '--filter', 'tcp', '--replay', MIXED)).to.deep.equal({
      stdout: `${listed}\n`,
      stderr: '',
      status: 0,
    });
    expect(JSON.parse(ctnetlink('-C', '-o', 'json', '--filter', 'tcp', '--replay', MIXED).stdout)).to.deep.equal({
      entries: listed,
    });
  });

  it('points at the character that is wrong', () => {
    const { stdout, stderr, status } = ctnetlink('-L', '--filter', 'port 53 and hots 10.0.0.1');
    expect({ stdout, status }).to.deep.equal({ stdout: '', status: 2 });
    const [first, text, carets, more] = stderr.split('\n');
    expect(first).to.match(/^ctnetlink v\S+: --filter: no term is named hots; did you mean host\?$/);
    expect(text).to.equal('  port 53 and hots 10.0.0.1');
    expect(carets).to.equal('              ^^^^');
    expect(`${more}\n`).to.equal(TRY);
  });

  it('is refused where it could not do what it says', () => {
    expect(refusal('-L', '--filter', '')).to.equal('--filter: the filter is empty\n  \n  ^');
    expect(refusal('-D', '--filter', 'any')).to.include('--filter excludes nothing');
    expect(refusal('-D', '--filter', 'host 0.0.0.0/0,::/0')).to.include('--filter excludes nothing');
    expect(refusal('-U', '-m', '1', '--filter', 'not not any')).to.include('--filter excludes nothing');
    const widens = 'mark 1 and not (ipv6 and host 10.0.0.1)';
    expect(refusal('-D', '--filter', widens)).to.include('--filter: what is behind a not has parts of both families');
    expect(refusal('-U', '-m', '1', '--filter', widens)).to.include('so that it excludes nothing');
    expect(refusal('-L', '--filter', widens)).to.equal('none');
    expect(refusal('-D', '--filter', 'host 0.0.0.0/0')).to.equal('none');
    expect(refusal('-L', '-z', '--filter', 'tcp')).to.equal("Can't use -z with filtering parameters");
    expect(refusal('-F', '--filter', 'tcp')).to.equal("Illegal option `--filter' with this command");
    expect(refusal('-L', 'expect', '--filter', 'tcp')).to.equal("Illegal option `--filter' with this command");
    expect(refusal('-L', '--filter', 'host 10.0.0.1', '--filter', 'ipv6')).to.include('parts of both families');
    expect(ctnetlink('-L', '-f', 'ipv6', '--filter', 'host 10.0.0.1', '--replay', MIXED)).to.include({ status: 2 });
  });

  it('takes the names of labels, wherever --labelmap is', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-filter-'));
    try {
      const map = join(folder, 'labels.conf');
      writeFileSync(map, '3 three\n40 forty\n');
      for (const args of [
        ['-M', map, '--filter', 'labels three,40'],
        ['--filter', 'labels three,40', '-M', map],
      ])
        expect(parse(['-L', ...args]).filter?.toJSON()).to.deep.equal({ labels: [3, 40] });
      expect(refusal('-L', '-M', map, '--filter', 'labels four')).to.include("not 'four'");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  describeKernel('on a kernel', ['conntrack'], () => {
    const flow = (sport: number, more: FlowInit = {}): FlowInit => ({
      orig: { src: `10.0.0.${sport}`, dst: '10.1.0.1', proto: 'udp', sport, dport: 53 },
      timeout: 600,
      ...more,
    });
    const FLOWS = [flow(1), flow(2, { mark: 7 }), flow(3, { status: ['SEEN_REPLY', 'ASSURED'] }), flow(4, { zone: 5 })];
    let ct: Conntrack;
    beforeEach(async () => {
      resetNamespace();
      ct = await Conntrack.open();
      await ct.createMany(FLOWS);
    });
    afterEach(async () => {
      await ct.close();
      resetNamespace();
    });
    const left = async (): Promise<number[]> =>
      (await ct.dump().toArray()).map(({ orig }) => orig.sport!).sort((a, b) => a - b);

    it('deletes exactly what matches, and prints it', async () => {
      expect(portsOf(ctnetlink('-D', '--filter', 'host 10.0.0.2,10.0.0.3 and not mark 7').stdout)).to.deep.equal([3]);
      expect(await left()).to.deep.equal([1, 2, 4]);
      expect(portsOf(ctnetlink('-D', '-p', 'udp', '--filter', 'zone 5 or mark 7', '-m', '7').stdout)).to.deep.equal([
        2,
      ]);
      expect(await left()).to.deep.equal([1, 4]);
      expect(ctnetlink('-D', '--filter', 'host 10.9.9.9')).to.include({ stdout: '', status: 1 });
      expect(await left()).to.deep.equal([1, 4]);
    });

    it('changes exactly what matches', async () => {
      expect(portsOf(ctnetlink('-U', '-m', '9', '--filter', 'port 1-2 or status ASSURED').stdout)).to.deep.equal([
        1, 2, 3,
      ]);
      expect((await ct.dump({ mark: 9 }).toArray()).map(({ orig }) => orig.sport).sort()).to.deep.equal([1, 2, 3]);
    });

    it('deletes in a line of -R', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-filter-'));
      try {
        const file = join(folder, 'lines');
        writeFileSync(file, '-D --filter "port 1 or mark 7"\n');
        expect(ctnetlink('-R', file).status).to.equal(0);
        expect(await left()).to.deep.equal([3, 4]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it('shows only events that match', async () => {
      const running = Running.ctnetlink('-E', '-e', 'NEW', '--filter', 'host 10.0.0.7,10.0.0.9 and not zone 3');
      await listeners(1);
      await ct.createMany([flow(6), flow(7, { zone: 3 }), flow(7), flow(8), flow(9)]);
      await until(() => running.lines.length >= 2, { what: 'both events' });
      expect(await running.stop()).to.equal(0);
      expect(portsOf(running.stdout)).to.deep.equal([7, 9]);
    });
  });
});
