import { spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { readCapture, writeCapture } from '../../src/capture/capture.ts';
import { leftOut } from '../../src/cli/tools/convert.ts';
import { CAPTURES, captureBytes } from '../support/captures.ts';
import { ctnetlink, MAIN, ROOT } from '../support/command.ts';

const NAME = `ctnetlink v${JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version}`;

describe('cli/convert', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-convert-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const path = (name: string): string => join(folder, name);
  const whole = (name: string): ReturnType<typeof readCapture>['datagrams'] =>
    readCapture(captureBytes(name)).datagrams;

  it('writes what the end of a name says, for its owner only', () => {
    for (const [name, format] of [
      ['x.pcap', 'pcap'],
      ['x.pcapng', 'pcapng'],
      ['x.hex', 'hex'],
      ['x.TXT', 'hex'],
    ]) {
      expect(ctnetlink('convert', `${CAPTURES}two.pcapng`, path(name))).to.deep.equal({
        stdout: '',
        stderr: '',
        status: 0,
      });
      const read = readCapture(readFileSync(path(name)));
      expect(read.format).to.equal(format);
      expect(read.datagrams).to.deep.equal(whole('two.pcapng'));
      expect(statSync(path(name)).mode & 0o777).to.equal(0o600);
    }
  });

  it('reads a log of strace, and writes text to standard output', () => {
    const { stdout, stderr, status } = ctnetlink('convert', `${CAPTURES}strace-L.log`, '-');
    expect([stderr, status]).to.deep.equal(['', 0]);
    expect(stdout.split('\n')[1]).to.equal('[17696] > 14000000 01010103 1581086b 00000000 00000000');
  });

  it('reads standard input, compressed too, and takes a format', () => {
    const input = gzipSync(captureBytes('L.pcapng'));
    const args = [MAIN, 'convert', '--format=pcapng', '-', '-'];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { input });
    expect([stderr.toString(), status]).to.deep.equal(['', 0]);
    expect(new Uint8Array(stdout)).to.deep.equal(writeCapture(whole('L.pcapng'), { format: 'pcapng' }));
  });

  it('says what it left out, and where a file ends early', () => {
    expect(ctnetlink('convert', `${CAPTURES}rtcut.pcap`, path('x.hex'))).to.deep.equal({
      stdout: '',
      stderr: `${NAME}: ${CAPTURES}rtcut.pcap: 23 packets of other netlink families are left out\n`,
      status: 0,
    });
    writeFileSync(path('cut.pcap'), captureBytes('L.pcap').subarray(0, -1));
    expect(ctnetlink('convert', path('cut.pcap'), path('x.hex')).stderr).to.equal(
      `${NAME}: ${path('cut.pcap')}: it ends early, at byte 2292: a packet of 36 bytes passes the end of the file\n`,
    );
    expect(leftOut({ truncated: 1, broken: 2, otherFamilies: 0, otherLinkTypes: 1, cut: undefined })).to.deep.equal([
      '1 packet of netfilter was cut when it was captured; its whole messages are kept',
      '2 packets are broken; their whole messages are kept',
      '1 packet of other link types is left out',
    ]);
  });

  it('refuses what it cannot read or write, and the file that it reads', () => {
    const capture = path('same.pcap');
    writeFileSync(capture, captureBytes('L.pcap'));
    const cases: [args: string[], status: number, says: RegExp][] = [
      [['convert'], 2, /convert takes two files: IN and OUT/],
      [['convert', capture, path('y')], 2, /add --format pcap, pcapng, hex/],
      [['convert', capture, path('y.pcap'), '--format', 'xml'], 2, /`xml' is no format/],
      [['convert', capture, path('y.pcap'), '--format'], 2, /needs an argument/],
      [['convert', '--bogus', capture, path('y.pcap')], 2, /unknown option `--bogus'/],
      [['convert', capture, capture], 2, /is the file that is read/],
      [['convert', '/nonexistent', path('y.pcap')], 1, /ENOENT/],
      [['convert', 'package.json', path('y.pcap')], 1, /package.json: no capture/],
      [['convert', capture, '/nonexistent/y.pcap'], 1, /ENOENT/],
    ];
    for (const [args, status, says] of cases) {
      const done = ctnetlink(...args);
      expect(done.status, args.join(' ')).to.equal(status);
      expect(done.stderr).to.match(says);
    }
    expect(new Uint8Array(readFileSync(capture))).to.deep.equal(captureBytes('L.pcap'));
  });

  it('leaves a file as it was where the disk is full, and keeps its permissions and links', () => {
    const [old, link] = [path('old.hex'), path('link.hex')];
    writeFileSync(old, 'old contents\n', { mode: 0o640 });
    symlinkSync(old, link);
    const before = readdirSync(folder);
    // A block of 1024 bytes, and then EFBIG.
    const limited = 'ulimit -f 1; trap "" XFSZ; exec "$0" "$@"';
    const args = ['-c', limited, process.execPath, MAIN, 'convert', `${CAPTURES}L.pcapng`, old];
    const { status, stderr } = spawnSync('bash', args, { encoding: 'utf8' });
    expect([status, stderr.includes('EFBIG')]).to.deep.equal([1, true]);
    expect(readFileSync(old, 'utf8')).to.equal('old contents\n');
    expect(readdirSync(folder)).to.deep.equal(before);
    expect(ctnetlink('convert', `${CAPTURES}two.pcapng`, link).status).to.equal(0);
    expect(readCapture(readFileSync(old)).datagrams).to.deep.equal(whole('two.pcapng'));
    expect(statSync(old).mode & 0o777).to.equal(0o640);
    expect(lstatSync(link).isSymbolicLink()).to.equal(true);
    expect(ctnetlink('convert', '--format', 'hex', `${CAPTURES}two.pcapng`, '/dev/null').status).to.equal(0);
    expect(lstatSync('/dev/null').isCharacterDevice()).to.equal(true);
  });

  it('names a folder that it is to read', () => {
    const { status, stderr } = ctnetlink('convert', folder, path('x.hex'));
    expect([status, stderr.includes(`Failed to read file ${folder}: it is a directory`)]).to.deep.equal([2, true]);
  });

  it('prints its help', () => {
    const { stdout, status } = ctnetlink('convert', '--help');
    expect(status).to.equal(0);
    expect(stdout)
      .to.match(/^Usage: ctnetlink convert \[OPTION\.\.\.\] IN OUT\n/)
      .and.to.contain('--format FORMAT');
    for (const line of stdout.split('\n')) expect(line).to.have.length.below(80);
  });
});
