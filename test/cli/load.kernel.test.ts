import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Progress } from '../../src/cli/formats/progress.ts';
import { wordsOf } from '../../src/cli/load/words.ts';
import { UsageError } from '../../src/cli/options/settings.ts';
import { conntrack, ctnetlink, ctnetlinkUnder, OUR_NAME, type Result, THEIR_NAME } from '../support/command.ts';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';

const TUPLE = '-s 10.0.0.1 -d 10.0.0.2 -p udp --sport 1';
const A = `${TUPLE} --dport 2 -t 500`;
const B = `${TUPLE} --dport 3 -t 500`;

describe('cli/load: words', () => {
  it('are separated by white space', () => {
    expect(wordsOf('  -A -s\t1.1.1.1  ')).to.deep.equal(['-A', '-s', '1.1.1.1']);
    expect(wordsOf('-A # b')).to.deep.equal(['-A', '#', 'b']);
    expect(wordsOf('-A\rb')).to.deep.equal(['-A\rb']);
    for (const line of ['', ' \t ', '#', ' # -A']) expect(wordsOf(line), line).to.deep.equal([]);
  });

  it('or in double quotes, with which a word ends', () => {
    expect(wordsOf(' -l "a b"x')).to.deep.equal(['-l', 'a b', 'x']);
    expect(wordsOf('1."2".3 "" "#"')).to.deep.equal(['1.2', '.3', '', '#']);
    expect(wordsOf('"#" -A')).to.deep.equal(['#', '-A']);
    expect(wordsOf('"a\\"\\\\b" \\c "d e')).to.deep.equal(['a"\\b', '\\c', 'd e']);
  });

  it('are refused in a line with NUL, behind which they could be missed', () => {
    for (const line of ['-D \0-s 10.0.0.99', '-D\0', '\0', '# \0', '-l "a\0b"', '-D -s 10.0.0.99 \0'])
      expect(() => wordsOf(line), JSON.stringify(line)).to.throw(UsageError, 'the line has a NUL character');
  });

  it('are as many and as long as conntrack(8) has room for', () => {
    expect(wordsOf('x '.repeat(253)).length).to.equal(253);
    expect(() => wordsOf('x '.repeat(254))).to.throw(UsageError, 'too many arguments');
    expect(wordsOf('x'.repeat(1023)).length).to.equal(1);
    expect(() => wordsOf('x'.repeat(1024))).to.throw(UsageError, 'Parameter too long!');
  });
});

describe('cli/progress', () => {
  function watched(isTTY: boolean): { progress: Progress; text: () => string; wait(ms: number): void } {
    let written = '';
    let now = 0;
    const stream = { isTTY, write: (text: string) => (written += text) };
    const progress = new Progress('added', 10_000, stream, () => now);
    return {
      progress,
      text: () => written,
      wait: (ms) => {
        now += ms;
      },
    };
  }

  it('is shown of what takes long, in one line that goes away', () => {
    const { progress, text, wait } = watched(true);
    progress.step(300);
    expect(text()).to.equal('');
    wait(1001);
    progress.step(300);
    expect(text()).to.equal('\r600 of 10000 added\x1b[K');
    progress.step(300);
    wait(200);
    progress.step(300);
    expect(text()).to.equal('\r600 of 10000 added\x1b[K\r1200 of 10000 added\x1b[K');
    progress.end();
    expect(text().endsWith('\r\x1b[K')).to.equal(true);
  });

  it('is shown only to a person who watches', () => {
    const { progress, text, wait } = watched(false);
    wait(5000);
    progress.step(5000);
    progress.end();
    expect(text()).to.equal('');
  });
});

describeKernel('cli/load beside conntrack(8)', ['conntrack', 'unshare', 'root'], () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-load-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
    resetNamespace();
  });

  /** The table without what ticks. */
  function table(): string[] {
    const lines = ['ipv4', 'ipv6'].flatMap((family) => sh('conntrack', '-L', '-f', family).split('\n'));
    return lines.map((line) => line.replace(/^(\S+ +\d+) \d+/, '$1 #').replace(/ use=.*/, '')).sort();
  }

  /** What a program does with a file: what it says last, its status, and the table then. */
  function outcome(run: (...args: string[]) => Result, path: string): unknown {
    resetNamespace();
    const { stdout, stderr, status } = run('-R', path);
    const said = stderr.replace(THEIR_NAME, 'NAME').replace(OUR_NAME, 'NAME').replaceAll('ctnetlink', 'conntrack');
    const shown = stdout.replace(/^(\S+ +\d+|-\w -t) \d+/gm, '$1 #').replace(/ use=\d+/g, '');
    return { stdout: shown, last: said.trimEnd().split('\n').at(-1), status, table: table() };
  }

  const files: Readonly<Record<string, readonly string[]>> = {
    'two flows': [`-A ${A}`, `-A ${B}`],
    'one that exists, added': [`-A ${A}`, `-A ${A}`, `-A ${B}`],
    'one that exists, created': [`-I ${A}`, `-I ${A}`, `-I ${B}`],
    'comments, empty lines and the name of the program': ['# flows', '', `conntrack -A ${A}`, ` -A ${B} # second`],
    'a flow that is deleted again': [`-A ${A}`, `-A ${B}`, '-D -p udp --dport 2'],
    'nothing to delete': ['-D -p tcp', `-A ${A}`],
    'a flow that is marked': [`-A ${A}`, `-U ${TUPLE} --dport 2 -m 9`],
    'a flush': [`-A ${A}`, '-F', `-A ${B}`],
    'a line that is wrong: nothing is done': [`-A ${A}`, '-A -s x', `-A ${B}`],
    'a command that is not for files': [`-A ${A}`, '-L'],
    another: ['-F expect'],
    'options without a command': ['-s 10.0.0.1'],
    'another file': ['-R x'],
    quotes: [`-A -s "10.0.0.1" -d 10.0.0.2 -p udp --sport 1 --dport 2 -t 500`],
    'a quote that ends a word': [`-A -s 10."0".0.1 -d 10.0.0.2 -p udp --sport 1 --dport 2 -t 500`],
    'a refusal before others': [`-A ${A}`, `-I ${A}`, `-A ${B}`, `-I ${TUPLE} --dport 4 -t 5`, '-F'],
    'a refusal among many': Array.from(
      { length: 600 },
      (_, at) => `-I ${TUPLE} --dport ${at === 300 ? 1 : at + 1} -t 500`,
    ),
    'a refusal of an added one': [`-A ${A}`, `-A ${TUPLE} --dport 4 -t 5 -u EXPECTED`, `-A ${B}`],
    'what is deleted, as it would be written': [`-A ${A}`, `-A ${B}`, '-D -p udp -o save'],
    'a warning': [`-A ${A} -u SRC_NAT`, `-A ${B}`],
    expectations: [`-D expect ${TUPLE} --dport 2 --reply-port-src 2 --reply-port-dst 1`],
    'of a kind each': [
      `-A ${A} -w 3 -m 5`,
      `-I ${B} -n 10.0.0.9:99`,
      '-A -s 10.0.0.1 -d 10.0.0.2 -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 7 -t 500',
      '-A -s fd00::1 -d fd00::2 -p tcp --sport 1 --dport 2 --state ESTABLISHED -u ASSURED,SEEN_REPLY -t 500',
      '-D -p udp --dport 2',
      '-A -s 10.0.0.1 -d 10.0.0.2 -p 89 -t 500',
      // Marks and zones of lines behind it would be its own to conntrack(8).
      `-U ${TUPLE} --dport 3 -m 7`,
    ],
    nothing: [],
  };
  for (const [name, lines] of Object.entries(files)) {
    it(name, () => {
      const path = join(folder, 'lines');
      writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
      expect(outcome(ctnetlink, path)).to.deep.equal(outcome(conntrack, path));
    });
  }

  it('a file that is not there', () => {
    const path = join(folder, 'absent');
    expect(outcome(ctnetlink, path)).to.deep.equal(outcome(conntrack, path));
  });

  it('refuses a directory, a word that is no command and a word that is no number, and does nothing', () => {
    resetNamespace();
    expect(ctnetlink('-R', folder)).to.include({ stdout: '', status: 2 });
    expect(ctnetlink('-R', folder).stderr).to.include(`Failed to read file ${folder}: it is a directory`);
    const path = join(folder, 'lines');
    for (const [line, message] of [
      ['foo', "unknown command `foo'"],
      ['-D -m abc', "Invalid number `abc'"],
      ['-D -w 65536', "Invalid number `65536'"],
      [`-A ${TUPLE} --dport 65589 -t 500`, "Invalid ports `65589'"],
    ]) {
      writeFileSync(path, `-A ${A}\n-A ${B}\n${line}\n`);
      const { stderr, status } = ctnetlink('-R', path);
      expect(stderr).to.include(`${path}:3:\n`).and.to.include(message);
      expect(status, line).to.equal(2);
      expect(sh('conntrack', '-C').trim(), line).to.equal('0');
    }
  });

  it('ends with a change that is refused, and -U counts none', () => {
    resetNamespace();
    const path = join(folder, 'lines');
    writeFileSync(path, `-A ${A} -u SEEN_REPLY\n-U ${TUPLE} -u EXPECTED\n-A ${B}\n`);
    const loaded = ctnetlink('-R', path);
    expect(loaded.stderr).to.include(`${path}:2:\n`).and.to.include('Operation failed: Device or resource busy');
    expect(loaded.status).to.equal(1);
    expect(sh('conntrack', '-C').trim()).to.equal('1');
    const updated = ctnetlink('-U', ...TUPLE.split(' '), '-u', 'EXPECTED');
    expect(updated.stderr).to.include('Operation failed: Device or resource busy').and.to.include(' 0 flow entries');
    expect(updated).to.include({ stdout: '', status: 1 });
  });

  it('refuses to set a label that the kernel has no bit for, or to take it away', () => {
    resetNamespace();
    const conf = join(folder, 'xtables');
    mkdirSync(conf, { recursive: true });
    writeFileSync(join(conf, 'connlabel.conf'), '127 last\n128 beyond\n');
    // Only this process sees it.
    const mount = `mkdir -p /etc/xtables && mount --bind ${conf} /etc/xtables && exec "$@"`;
    for (const line of [`-I ${A} --label-add last,beyond`, '-U -p udp --label-del last,beyond']) {
      const said = ctnetlinkUnder(['unshare', '-m', 'sh', '-c', mount, 'sh'], ...line.split(' '));
      expect(said.stderr).to.include(
        "label 'beyond' is bit 128 in /etc/xtables/connlabel.conf: the kernel has bits 0 to 127",
      );
      expect(said.status).to.equal(1);
    }
    expect(sh('conntrack', '-C').trim()).to.equal('0');
  });

  it('warns of labels that the kernel drops, and goes on as conntrack(8)', () => {
    resetNamespace();
    const map = join(folder, 'labels.conf');
    writeFileSync(map, '3 three\n');
    const path = join(folder, 'labelled');
    writeFileSync(path, `-A ${A} --label-add three\n-I ${B}\n`);
    const loaded = ctnetlink('-R', path, '-M', map);
    expect(loaded.stderr).to.match(
      new RegExp(`^${path}:1: WARNING: create: the flow was created without its labels \\(.*\\n$`),
    );
    expect(loaded.status).to.equal(0);
    expect(sh('conntrack', '-C').trim()).to.equal('2');
    resetNamespace();
    for (const letter of ['A', 'I']) {
      const created = ctnetlink(`-${letter}`, ...A.split(' '), '--label-add', 'three', '-M', map);
      expect(created.stderr).to.include('WARNING: create: the flow was created without its labels (');
      expect(created.stderr).to.match(/: 1 flow entries have been (created|added)\.\n$/);
      expect(created.status).to.equal(0);
      sh('conntrack', '-F');
    }
  });

  it('takes the lines of offloaded flows, which have no timeout, and says so', () => {
    resetNamespace();
    const path = join(folder, 'offloaded');
    const status = '-u SEEN_REPLY,ASSURED -s 10.0.0.1 -d 10.0.0.2 -r 10.0.0.2 -q 10.0.0.1';
    const ports = '--sport 1 --dport 2 --reply-port-src 2 --reply-port-dst 1';
    writeFileSync(path, `-A ${A}\n-A ${status} -p tcp ${ports}\n-A ${status} -p udp ${ports.replaceAll('1', '7')}\n`);
    const loaded = ctnetlink('-R', path);
    expect(loaded.stderr).to.equal(
      `${path}:2: WARNING: no --timeout, as of an offloaded flow (2 such lines): 3600 seconds with TCP, 120 with others\n`,
    );
    expect(loaded.status).to.equal(0);
    const { stdout } = ctnetlink('-L');
    expect(stdout).to.match(/^tcp {6}6 3\d{3} ESTABLISHED src=10\.0\.0\.1 .* \[ASSURED\]/m);
    expect(stdout).to.match(/^udp {6}17 (1[01]\d|120) src=10\.0\.0\.1 dst=10\.0\.0\.2 sport=7 .* \[ASSURED\]/m);
    expect(sh('conntrack', '-C').trim()).to.equal('3');
    // On the command line one is needed, as ever.
    expect(ctnetlink('-A', ...`${status} -p udp ${ports}`.split(' ')).stderr).to.include(
      "You need to supply the `--timeout' option for this command",
    );
  });

  it('says which line it was', () => {
    const path = join(folder, 'lines');
    writeFileSync(path, `-A ${A}\n\n-A -s x\n`);
    expect(ctnetlink('-R', path).stderr).to.match(new RegExp(`^${path}:3:\n`));
    writeFileSync(path, `-I ${A}\n-I ${A}\n`);
    resetNamespace();
    expect(ctnetlink('-R', path).stderr).to.include(`${path}:2:\n`);
  });

  it('what -o save wrote is the same table again', () => {
    resetNamespace();
    for (let port = 1; port <= 20; port++) {
      const args = `-I -s 10.0.0.1 -d 10.0.0.2 -p udp --sport ${port} --dport 9 -t 600`.split(' ');
      sh('conntrack', ...args, ...(port % 3 === 0 ? ['-u', 'SEEN_REPLY,ASSURED'] : []));
    }
    const tcp = '-p tcp --sport 1 --dport 2 --state ESTABLISHED -t 600'.split(' ');
    sh('conntrack', '-I', '-s', 'fd00::1', '-d', 'fd00::2', ...tcp);
    const before = table();
    const path = join(folder, 'saved');
    writeFileSync(path, ctnetlink('-L', '-o', 'save').stdout);
    sh('conntrack', '-F');
    // From standard input.
    const fromFile = ['sh', '-c', `exec "$@" <'${path}'`, 'sh'];
    expect(ctnetlinkUnder(fromFile, '-R', '-')).to.deep.include({ stdout: '', stderr: '', status: 0 });
    expect(table()).to.deep.equal(before);
    expect(before.length).to.be.above(20);
  });
});
