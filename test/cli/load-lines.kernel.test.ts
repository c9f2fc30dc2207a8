/** Lines of -R that are refused: those that are too long, and those with options that are about the whole run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Shapes } from '../../src/cli/load/shapes.ts';
import { OPTIONS } from '../../src/cli/options/options.ts';
import { UsageError } from '../../src/cli/options/settings.ts';
import { ctnetlink, ctnetlinkUnder, MAIN, type Result, run } from '../support/command.ts';
import { fixturePath } from '../support/fixtures.ts';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';

const A = '-A -s 10.0.0.1 -d 10.0.0.2 -p udp --sport 1 --dport 2 -t 500';
const CAPTURE = fixturePath('empty');
const LONGEST = 65536;

describe('cli/load: lines', () => {
  let folder = '';
  let path = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-load-lines-'));
    path = join(folder, 'lines');
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Never asks a kernel. */
  function load(text: string): Result {
    writeFileSync(path, text);
    return ctnetlink('-R', path, '--replay', CAPTURE);
  }

  it('have no options that are about the whole run, abbreviated or not', () => {
    for (const [line, option] of [
      [`-D --replay ${CAPTURE}`, 'replay'],
      [`-F --replay=${CAPTURE}`, 'replay'],
      [`${A} --replay-rel 6.1.0`, 'replay-release'],
      [`${A} --record ${folder}/x`, 'record'],
      [`-U --recor=${folder}/x -m 5 -p udp`, 'record'],
      [`${A} --netns /run/netns/x`, 'netns'],
      ['-E --resync', 'resync'],
      ['-E --events-may-abort', 'events-may-abort'],
    ]) {
      expect(() => new Shapes().read(line), line).to.throw(UsageError, `option \`--${option}'`);
    }
    const { stdout, stderr, status } = load(`# first\n\n-D --replay ${CAPTURE}\n`);
    expect([stdout, status]).to.deep.equal(['', 2]);
    expect(stderr).to.match(new RegExp(`^${path}:3:\nctnetlink v[\\d.]+: .*the option \`--replay'.*\n`));
    const ofRun = OPTIONS.filter((row) => row.ofRun === true).map(({ long }) => long[0]);
    expect(ofRun).to.deep.equal([
      'labelmap',
      'netns',
      'replay',
      'replay-release',
      'record',
      'resync',
      'events-may-abort',
    ]);
    // A line may select by a filter; our other options are about the whole run.
    for (const { long, ours, ofRun } of OPTIONS)
      if (ours === true && long[0] !== 'filter') expect(ofRun, long[0]).to.equal(true);
  });

  it('are refused before the command asks for anything', () => {
    const { stderr, status } = load(`${A}\n-D --replay ${CAPTURE}\n`);
    expect(status).to.equal(2);
    // The capture has no answer to the first line: that would have been an error.
    expect(stderr).not.to.contain('no answer');
    expect(load(`${A}\n`).stderr).to.contain('no answer');
  });

  it('are not longer than 64 KiB, wherever they are and however they end', function () {
    this.timeout(60_000);
    expect(load(`#${'x'.repeat(LONGEST - 1)}\n${A} #${'y'.repeat(1000)}\n`).stderr).to.contain('no answer');
    const long = `#${'x'.repeat(LONGEST)}`;
    for (const [text, line] of [
      [long, 1],
      [`${long}\n${A}\n`, 1],
      [`${A}\n\n${long}\n`, 3],
      [`${`${A}\n`.repeat(5000)}${long}${long}${long}`, 5001],
    ] as const) {
      const { stdout, stderr, status } = load(text);
      expect([stdout, status]).to.deep.equal(['', 2]);
      expect(stderr).to.match(
        new RegExp(`^${path}:${line}:\nctnetlink v[\\d.]+: the line has more than 65536 characters\n`),
      );
    }
  });

  it('have no NUL', () => {
    const { stdout, stderr, status } = load(`${A}\n-D \0-s 10.0.0.99\n`);
    expect([stdout, status]).to.deep.equal(['', 2]);
    expect(stderr).to.match(new RegExp(`^${path}:2:\nctnetlink v[\\d.]+: the line has a NUL character`));
  });

  it('of 200 MB are refused in the memory that a short one takes', function () {
    this.timeout(60_000);
    const report = 'process.on("exit",()=>process.stderr.write("peak="+process.resourceUsage().maxRSS+"\\n"))';
    const peak = (bytes: number): { stderr: string; peak: number; status: number | null } => {
      const shell = `{ echo '# first'; head -c ${bytes} /dev/zero | tr '\\0' x; } | "$@"`;
      const args = ['--import', `data:text/javascript,${report}`, MAIN, '-R', '-'];
      const { stderr, status } = run('sh', ['-c', shell, 'sh', process.execPath, ...args, '--replay', CAPTURE]);
      return { stderr, peak: Number(/peak=(\d+)/.exec(stderr)![1]), status };
    };
    const short = peak(100);
    const long = peak(200_000_000);
    expect(long.status).to.equal(2);
    expect(long.stderr).to.match(/^-:2:\nctnetlink v[\d.]+: the line has more than 65536 characters\n/);
    // KiB. The line alone would be 195,312.
    expect(long.peak - short.peak).to.be.below(64 * 1024);
  });
});

describeKernel('cli/load: lines that are refused', ['conntrack'], () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-load-lines-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
    resetNamespace();
  });

  it('leave the live table as it is', () => {
    const path = join(folder, 'lines');
    resetNamespace();
    sh('conntrack', '-I', ...A.split(' ').slice(1));
    const count = (): number => Number(sh('conntrack', '-C'));
    const before = count();
    expect(before).to.be.above(0);
    const asInput = ['sh', '-c', `exec "$@" <'${path}'`, 'sh'];
    for (const line of [
      `-D --replay ${CAPTURE}`,
      `-F\n-D --record ${folder}/x`,
      `-F\n${'#'.repeat(70_000)}`,
      '-D \0-s 10.0.0.99',
    ]) {
      writeFileSync(path, `${line}\n`);
      const { stdout, status } = line.startsWith('-F') ? ctnetlinkUnder(asInput, '-R', '-') : ctnetlink('-R', path);
      expect([stdout, status], line.slice(0, 40)).to.deep.equal(['', 2]);
      expect(count(), line.slice(0, 40)).to.equal(before);
    }
  }).timeout(90_000);
});
