import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { helpText } from '../../src/cli/help/help.ts';
import {
  conntrack,
  ctnetlink,
  ctnetlinkUnder,
  MAIN,
  OUR_NAME,
  ROOT,
  sameAsConntrack,
  THEIR_NAME,
} from '../support/command.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';
import { type Dispose, mixedFlows, storm, tracking } from '../support/traffic.ts';

const NAME = `ctnetlink v${JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version}`;
const MIXED = 'fixtures/mixed/capture.pcap';
const UNTICKED = / delta-time=\d+/g;
const TRY = "Try `ctnetlink -h' or 'ctnetlink --help' for more information.\n";

const fixture = (path: string): string => readFileSync(join(ROOT, 'fixtures', path), 'utf8');

describe('cli', () => {
  it('prints its help and its version', () => {
    for (const args of [[], ['-h'], ['--help']]) {
      expect(ctnetlink(...args)).to.deep.equal({ stdout: helpText(), stderr: '', status: 0 });
    }
    expect(ctnetlink('-V')).to.deep.equal({ stdout: `${NAME}\n`, stderr: '', status: 0 });
  });

  it('exits with 2 and where to look for a command line it does not understand', () => {
    expect(ctnetlink('-L', '--bogus')).to.deep.equal({
      stdout: '',
      stderr: `${NAME}: unknown option \`--bogus'\n${TRY}`,
      status: 2,
    });
  });

  it('records over no file that it reads', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-same-'));
    const path = join(folder, 'file');
    for (const [text, args] of [
      ['-F\n', ['-R', path]],
      ['1 one\n', ['-L', '--labelmap', path]],
    ] as const) {
      writeFileSync(path, text);
      const { stderr, status } = ctnetlink(...args, '--record', path);
      expect([status, stderr.split('\n')[0]]).to.deep.equal([
        2,
        `${NAME}: ${path} is the file that is read; name another one`,
      ]);
      expect(readFileSync(path, 'utf8')).to.equal(text);
    }
    rmSync(folder, { recursive: true });
  });

  it('records into no file that is named - for standard output, which it prints to itself', () => {
    const { stdout, stderr, status } = ctnetlink('-L', '--record', '-');
    expect([stdout, status, existsSync(join(ROOT, '-'))]).to.deep.equal(['', 2, false]);
    expect(stderr).to.include('--record - would mix the capture with what is printed; name a file, or write to a desc');
  });

  it('says in one line which file cannot be read or written', () => {
    for (const [option, path, says] of [
      ['--replay', '/nonexistent', "ENOENT: no such file or directory, open '/nonexistent'"],
      ['--replay', 'package.json', 'package.json: '],
      ['--record', '/nonexistent/x', "ENOENT: no such file or directory, open '/nonexistent/x'"],
    ]) {
      const { stdout, stderr, status } = ctnetlink('-L', option, path);
      expect([stdout, status]).to.deep.equal(['', 1]);
      expect(stderr).to.match(/^.*\n$/);
      expect(stderr.startsWith(`${NAME}: Operation failed: ${says}`), stderr).to.equal(true);
    }
  });

  describe('--replay', () => {
    it('lists a capture as conntrack(8) listed the table', () => {
      const all = ctnetlink('-L', '--replay', MIXED);
      expect(all.stdout.replace(UNTICKED, '')).to.equal(fixture('mixed/expected.txt').replace(UNTICKED, ''));
      expect(all.stderr).to.equal(`${NAME}: ${all.stdout.split('\n').length - 1} flow entries have been shown.\n`);
      expect(all.status).to.equal(0);
    });

    it('picks from a capture of the whole table what -f asks for', () => {
      const { stdout, status } = ctnetlink('-L', '-f', 'ipv6', '--replay', MIXED);
      expect(stdout.replace(UNTICKED, '')).to.equal(fixture('mixed/expected-ipv6.txt').replace(UNTICKED, ''));
      expect(status).to.equal(0);
    });

    it('counts and shows statistics', () => {
      const capture = 'fixtures/stats/capture.pcap';
      expect(ctnetlink('-C', '--replay', capture).stdout).to.equal(fixture('stats/expected-count.txt'));
      expect(ctnetlink('-S', '--replay', capture).stdout).to.equal(fixture('stats/expected-stats.txt'));
    });

    it('prints JSON: an array, an object a line, and an empty array', () => {
      const lines = ctnetlink('-L', '-o', 'ndjson', '--replay', MIXED).stdout.split('\n').slice(0, -1);
      const array = JSON.parse(ctnetlink('-L', '-o', 'json', '--replay', MIXED).stdout);
      expect(array).to.have.length.above(60);
      expect(lines.map((line) => JSON.parse(line))).to.deep.equal(array);
      expect(ctnetlink('-L', '-o', 'json', '--replay', 'fixtures/empty/capture.pcap').stdout).to.equal('[]\n');
    });

    it('repeats what the kernel refused', () => {
      const { stdout, stderr, status } = ctnetlink('-L', '--replay', 'fixtures/no-privilege/capture.pcap');
      expect([stdout, status]).to.deep.equal(['', 1]);
      expect(stderr).to.match(
        /^ctnetlink v[\d.]+: .*EPERM.*CAP_NET_ADMIN.*\nctnetlink v[\d.]+: Operation failed: sorry, you must be root .*\n$/,
      );
    });
  });

  describeKernel('beside conntrack(8)', ['conntrack', 'nft'], () => {
    let dispose: Dispose | undefined;
    let folder: string;

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
      dispose = await mixedFlows();
    });
    after(async () => {
      await dispose?.();
      resetNamespace();
      rmSync(folder, { recursive: true });
    });

    for (const args of [
      '',
      '-f ipv4',
      '-f ipv6',
      'conntrack',
      'dying',
      'unconfirmed',
      '-o extended',
      '-o id',
      '-o ktimestamp',
      '-o timestamp',
      '-o userspace',
      '-o extended,id',
      '-o extended,ktimestamp',
      '-o id,ktimestamp',
      '-o extended,id,ktimestamp,timestamp',
      '-o ext -o ID -f ipv6',
    ]) {
      it(`-L ${args}`, () => {
        const words = args.split(' ').filter((word) => word !== '');
        const { stderr } = sameAsConntrack('-L', ...words);
        expect(stderr.replace(OUR_NAME, '')).to.equal(conntrack('-L', ...words).stderr.replace(THEIR_NAME, ''));
      });
    }

    it('-L -o labels without names says so and lists the flows anyway', () => {
      const { stderr } = sameAsConntrack('-L', '-o', 'labels,id');
      expect(stderr.replace(OUR_NAME, '')).to.equal(conntrack('-L', '-o', 'labels,id').stderr.replace(THEIR_NAME, ''));
    });

    it('-C', () => {
      const { stderr, stdout } = sameAsConntrack('-C');
      expect(stderr).to.equal('');
      expect(Number(stdout)).to.be.above(60);
      sameAsConntrack('-C', 'conntrack');
    });

    it('-S', () => {
      expect(sameAsConntrack('-S').stderr).to.equal('');
    });

    it('-L of an empty result exits with 0', () => {
      expect(sameAsConntrack('-L', 'dying').status).to.equal(0);
    });

    it('-L -o json and ndjson: as many flows as there are', () => {
      const count = Number(conntrack('-C').stdout);
      const array = JSON.parse(ctnetlink('-L', '-o', 'json').stdout);
      expect(array).to.have.lengthOf(count);
      for (const flow of array) expect(flow).to.include.keys('orig', 'reply', 'status', 'timeout', 'id');
      const lines = ctnetlink('-L', '-o', 'ndjson').stdout.split('\n').slice(0, -1);
      expect(lines.map((line) => JSON.parse(line).id)).to.have.members(array.map(({ id }: { id: number }) => id));
    });

    it('--record writes what --replay reads', () => {
      const capture = join(folder, 'list.pcap');
      const live = ctnetlink('-L', '--record', capture);
      const again = ctnetlink('-L', '--replay', capture);
      expect(again.stdout.replace(UNTICKED, '')).to.equal(live.stdout.replace(UNTICKED, ''));
      expect(again.stderr).to.equal(live.stderr);
      expect(ctnetlink('-C', '--replay', capture).status).to.equal(1);
    });

    describe('refuses as it does', () => {
      for (const args of [
        ['-L', '-f', 'bogus'],
        ['-L', '-f'],
        ['-L', '-f', 'ipv4', '-f', 'ipv6'],
        ['-L', '-o', 'zone'],
        ['-L', '-o', 'id,'],
        ['-L', '--output'],
        ['-L', '-E'],
        ['-L', 'bogus'],
        ['-C', 'dying'],
        ['-C', '-f', 'ipv6'],
        ['-S', '-o', 'id'],
        ['-L', '-b', '5'],
        ['-L', '-e', 'NEW'],
        ['-E', '-e', 'bogus'],
        ['-V', '-o', 'id'],
        ['--bogus'],
        ['-Z'],
        ['--d'],
        ['--help=3'],
      ]) {
        it(args.join(' '), () => {
          const theirs = conntrack(...args);
          const ours = ctnetlink(...args);
          const neutral = (text: string): string =>
            text
              .replace(OUR_NAME, 'NAME')
              .replace(THEIR_NAME, 'NAME')
              .replaceAll('`ctnetlink ', '`conntrack ')
              .replaceAll("'ctnetlink ", "'conntrack ")
              // In a line of its own, ours says what is accepted.
              .replace(/^NAME: (it takes|-C and -S take) .*\n/gm, '');
          expect({ ...ours, stderr: neutral(ours.stderr) }).to.deep.equal({
            ...theirs,
            stderr: neutral(theirs.stderr),
          });
        });
      }
    });

    it('says so when the output cannot be written', () => {
      const { stdout, stderr } = ctnetlinkUnder(['bash', '-c', '"$0" "$@" >/dev/full; echo "$?"'], '-L');
      expect(stdout).to.equal('1\n');
      expect(stderr).to.match(/^ctnetlink v[\d.]+: cannot write the output: .*ENOSPC.*\n$/);
    });

    it('says how many flows were changed when the output cannot be written', () => {
      for (const [verb, ...words] of [
        ['updated', '-U', '-m', '77'],
        ['deleted', '-D', '-o', 'json'],
      ] as const) {
        const tuple = '-s 192.0.2.77 -d 198.51.100.2 -p udp --sport 1 --dport 2 -t 100'.split(' ');
        if (verb === 'updated') expect(ctnetlink('-I', ...tuple).status).to.equal(0);
        const command = ['bash', '-c', '"$0" "$@" >/dev/full; echo "$?"'];
        const { stdout, stderr } = ctnetlinkUnder(command, ...words, '-s', '192.0.2.77');
        expect(stdout, verb).to.equal('1\n');
        expect(stderr, verb).to.match(
          new RegExp(
            `cannot write the output: .*ENOSPC.*\nctnetlink v[\\d.]+: at least 1 flow entries have been ${verb}, and the command has ended early\\.\n$`,
          ),
        );
      }
      const { stderr } = ctnetlinkUnder(['bash', '-c', '"$0" "$@" >/dev/full; echo "$?"'], 'cut', '192.0.2.77');
      expect(stderr).to.match(/cannot write the output: .*\n.*: cut 0 flows of 1 host\n$/);
    });
  });

  describeKernel('and a reader that has enough', ['conntrack', 'bash'], () => {
    it('is quiet, and ends as by SIGPIPE, when its reader has enough', async () => {
      tracking();
      try {
        await storm(2_000);
        const run = (command: string): ReturnType<typeof ctnetlink> =>
          ctnetlinkUnder(['bash', '-c', `${command} -L | head -1; echo "\${PIPESTATUS[0]}"`]);
        const [ours, theirs] = [`"$0" ${MAIN}`, 'conntrack'].map(run);
        expect(ours.stdout).to.match(/^\S+ +\d+ .*\n141\n$/);
        expect(ours.stderr).to.equal('');
        expect(theirs.stdout.split('\n')[1]).to.equal('141');
      } finally {
        resetNamespace();
      }
    });
  });
});
