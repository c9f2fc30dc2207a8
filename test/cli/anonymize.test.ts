import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { anonymize } from '../../src/anonymize/anonymize.ts';
import { readCapture, writeCapture } from '../../src/capture/capture.ts';
import { KEY, replaceAll, replacer } from '../support/anonymize.ts';
import { CAPTURES, captureBytes } from '../support/captures.ts';
import { ctnetlink, ROOT } from '../support/command.ts';
import { concat, datagram, message } from '../support/fake-transport.ts';

const NAME = `ctnetlink v${JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version}`;
const replace = replacer();

describe('cli/anonymize', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-anonymize-'));
    writeFileSync(join(folder, 'key'), KEY);
  });
  after(() => rmSync(folder, { recursive: true }));

  const path = (name: string): string => join(folder, name);
  const withKey = (...args: string[]): ReturnType<typeof ctnetlink> =>
    ctnetlink('anonymize', '--key-file', path('key'), ...args);

  it('writes what anonymize() returns, for its owner only', () => {
    for (const name of ['L.pcap', 'L.pcapng']) {
      expect(withKey(CAPTURES + name, path(name))).to.deep.equal({ stdout: '', stderr: '', status: 0 });
      expect(new Uint8Array(readFileSync(path(name)))).to.deep.equal(anonymize(captureBytes(name), { key: KEY }));
      expect(statSync(path(name)).mode & 0o777).to.equal(0o600);
    }
    const { stdout } = withKey('--keep', 'private,10.0.0.0/8', `${CAPTURES}strace-L.log`, '-');
    const keep = ['private', '10.0.0.0/8'];
    expect(stdout).to.equal(Buffer.from(anonymize(captureBytes('strace-L.log'), { key: KEY, keep })).toString());
  });

  it('the same command replays it to the same text but for addresses', () => {
    const commands: [capture: string, ...args: string[]][] = [
      ['L.pcap', '-L', '-o', 'id,extended'],
      ['Lsrc.pcapng', '-L', '-s', '10.0.0.1'],
      ['../expectations/capture.pcap', '-L', 'expect'],
      ['Ccount.pcap', '-C'],
      ['G.pcap', '-G', '-p', 'tcp', '-s', '10.0.0.1', '-d', '10.1.0.1', '--sport', '1001', '--dport', '80'],
      ['E.pcapng', '-E', '-o', 'timestamp,id'],
    ];
    for (const [capture, ...args] of commands) {
      const copy = path(`copy-${capture.replaceAll('/', '-')}`);
      expect(withKey(CAPTURES + capture, copy).status).to.equal(0);
      const before = ctnetlink(...args, '--replay', CAPTURES + capture);
      const after = ctnetlink(...args.map((arg) => replaceAll(arg, replace)), '--replay', copy);
      expect(before.status, args.join(' ')).to.equal(0);
      expect(after.stdout, args.join(' ')).to.equal(replaceAll(before.stdout, replace));
      expect(after.status).to.equal(0);
      expect(before.stdout).not.to.equal('');
    }
  }).timeout(60_000);

  it('takes a random key, and says what it left out', () => {
    const copies = ['a.hex', 'b.hex'].map((name) => {
      expect(ctnetlink('anonymize', `${CAPTURES}rtcut.pcap`, path(name))).to.deep.equal({
        stdout: '',
        stderr:
          `${NAME}: ${CAPTURES}rtcut.pcap: 23 packets of other netlink families are left out\n` +
          `${NAME}: ${CAPTURES}rtcut.pcap: left out: 93 messages of other subsystems of netfilter\n`,
        status: 0,
      });
      return readFileSync(path(name), 'utf8');
    });
    expect(copies[0]).not.to.equal(copies[1]);
    const rule = message(7, [0, 0, 0, 0], { type: 0xa01 });
    const broken = message(1, concat([2, 0, 0, 0], [40, 0, 1, 0]));
    const bytes = datagram(rule, rule, broken);
    writeFileSync(path('x.pcap'), writeCapture([{ fromKernel: true, time: 1n, bytes }]));
    expect(ctnetlink('anonymize', path('x.pcap'), path('y.pcap')).stderr).to.equal(
      `${NAME}: ${path('x.pcap')}: left out: 2 messages of other subsystems of netfilter\n` +
        `${NAME}: ${path('x.pcap')}: left out: 1 message that cannot be decoded\n`,
    );
    expect(readCapture(readFileSync(path('y.pcap'))).datagrams).to.have.length(1);
  });

  it('refuses what it does not know', () => {
    writeFileSync(path('empty'), '');
    writeFileSync(path('key.pcap'), 'sixteen bytes of random');
    const out = path('z.pcap');
    const input = `${CAPTURES}L.pcap`;
    const cases: [args: string[], status: number, says: RegExp][] = [
      [[], 2, /anonymize takes two files: IN and OUT/],
      [
        ['--keep', 'bogus', input, out],
        2,
        /--keep must be private, secctx, unknown, an address or a prefix, not 'bogus'/,
      ],
      [['--keep', '10.0.0.0/33', input, out], 2, /--keep must have a prefix length from 0 to 32/],
      [['--drop', 'marks', input, out], 2, /--drop must be labels or helper, not 'marks'/],
      [['--key-file', path('empty'), input, out], 2, /is empty; put 16 random bytes or more into it/],
      [['--key-file', '/nonexistent', input, out], 1, /ENOENT/],
      [[input, input], 2, /is the file that is read/],
      [['--key-file', path('key.pcap'), input, path('key.pcap')], 2, /is the file that is read/],
      [['package.json', out], 1, /package.json: no capture/],
    ];
    for (const [args, status, says] of cases) {
      const done = ctnetlink('anonymize', ...args);
      expect(done.stderr).to.match(says);
      expect(done.status, args.join(' ')).to.equal(status);
    }
    expect(readFileSync(path('key.pcap'), 'utf8')).to.equal('sixteen bytes of random');
  }).timeout(60_000);

  it('prints its help', () => {
    const { stdout, status } = ctnetlink('anonymize', '--help');
    expect(status).to.equal(0);
    expect(stdout).to.match(/^Usage: ctnetlink anonymize \[OPTION\.\.\.\] IN OUT\n/);
    for (const option of ['--format', '--key-file', '--keep', '--drop']) expect(stdout).to.contain(option);
    for (const line of stdout.split('\n')) expect(line).to.have.length.below(80);
  });
});
