import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { helpText } from '../../src/cli/options.ts';
import { describeKernel, onPath, resetNamespace, sh, until } from '../support/kernel.ts';
import { type Dispose, mixedFlows, storm, tcpConnection, tracking } from '../support/traffic.ts';
import {
  conntrack,
  ctnetlink,
  ctnetlinkUnder,
  listeners,
  MAIN,
  OUR_NAME,
  ROOT,
  Running,
  sameAsConntrack,
  THEIR_NAME,
} from './support.ts';

const NAME = `ctnetlink v${JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version}`;
const MIXED = 'fixtures/mixed/capture.pcap';
const UNTICKED = / delta-time=\d+/g;
const TRY = "Try `ctnetlink -h' or 'ctnetlink --help' for more information.\n";

const fixture = (path: string): string => readFileSync(join(ROOT, 'fixtures', path), 'utf8');

describe('cli', function () {
  this.timeout(60_000);

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

    it('shows events to the end of the capture, without any opt-in', () => {
      const capture = 'fixtures/events/capture.pcap';
      const { stdout, stderr, status } = ctnetlink('-E', '--replay', capture);
      const lines = stdout.split('\n').slice(0, -1);
      expect(lines).to.have.length.above(2);
      for (const line of lines) expect(line).to.match(/^( {4}\[NEW\]| \[UPDATE\]|\[DESTROY\]) \S+ +\d+ .*src=/);
      expect([stderr, status]).to.deep.equal([`${NAME}: ${lines.length} flow events have been shown.\n`, 0]);
      const events = JSON.parse(ctnetlink('-E', '-o', 'json', '--replay', capture).stdout);
      expect(events).to.have.lengthOf(lines.length);
      for (const event of events) expect(event).to.include.keys('type', 'flow');
      const ofType = lines.filter((line) => line.startsWith('[DESTROY]'));
      expect(ctnetlink('-E', '-e', 'DESTROY', '--replay', capture).stdout.split('\n').slice(0, -1)).to.deep.equal(
        ofType,
      );
      expect(ctnetlink('-E', '-f', 'ipv6', '--replay', capture).stdout).to.equal('');
      const timed = ctnetlink('-E', '-o', 'timestamp', '--replay', capture).stdout.split('\n').slice(0, -1);
      for (const line of timed) expect(line).to.match(/^\[\d{10}\.\d{6}\]\t/);
      expect(timed.map((line) => line.replace(/^.*\t/, ''))).to.deep.equal(lines);
    });

    it('repeats what the kernel refused', () => {
      const { stdout, stderr, status } = ctnetlink('-L', '--replay', 'fixtures/no-privilege/capture.pcap');
      expect([stdout, status]).to.deep.equal(['', 1]);
      expect(stderr).to.match(/^ctnetlink v[\d.]+: Operation failed: .*EPERM.*CAP_NET_ADMIN.*\n$/);
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

    it('-L -o labels without names: says so and lists all the same', () => {
      const { stderr } = sameAsConntrack('-L', '-o', 'labels,id');
      expect(stderr).to.match(/^ctnetlink v[\d.]+: labels are not shown: .*connlabel\.conf.*\n.* have been shown\.\n$/);
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
              .replaceAll("'ctnetlink ", "'conntrack ");
          expect({ ...ours, stderr: neutral(ours.stderr) }).to.deep.equal({
            ...theirs,
            stderr: neutral(theirs.stderr),
          });
        });
      }
    });

    describe('-E', () => {
      /** Two listeners, one happening, the same lines. */
      async function together(
        ourArgs: string[],
        theirArgs: string[],
        happening: () => Promise<void>,
      ): Promise<[Running, Running]> {
        const theirs = new Running('conntrack', ['-E', ...theirArgs]);
        const ours = Running.ctnetlink('-E', '--events-may-abort', ...ourArgs);
        try {
          await listeners(2);
          await happening();
          // The last thing that happens is a flow that all the filters show.
          sh(
            'conntrack',
            '-I',
            '-p',
            'udp',
            '-s',
            '10.9.9.9',
            '-d',
            '10.9.9.8',
            '--sport',
            '1',
            '--dport',
            '2',
            '-t',
            '60',
          );
          sh('conntrack', '-D', '-p', 'udp', '-s', '10.9.9.9');
          const last = /\[DESTROY\].*src=10\.9\.9\.9/;
          await until(() => last.test(ours.stdout) && last.test(theirs.stdout), { what: 'the last event' });
        } finally {
          const statuses = [await ours.stop(), await theirs.stop()];
          expect(statuses).to.deep.equal([0, 0]);
        }
        return [ours, theirs];
      }

      /** Who caused it can be told only as long as that program runs. */
      const lines = ({ stdout }: Running): string[] =>
        stdout.split('\n').map((line) => line.replace(/( \[USERSPACE\] portid=\d+) progname=.*$/, '$1'));

      const connect = async (): Promise<void> => {
        const { localPort } = await tcpConnection(8088);
        sh('conntrack', '-D', '-p', 'tcp', '--sport', String(localPort));
      };

      it('shows a TCP connection from its first packet to its end', async () => {
        const [ours, theirs] = await together([], [], connect);
        expect(lines(ours)).to.deep.equal(lines(theirs));
        expect(ours.stdout).to.match(/\[NEW\] tcp .*SYN_SENT/);
        expect(ours.stdout).to.match(/\[UPDATE\] tcp .*ESTABLISHED/);
        expect(ours.stdout).to.match(/\[DESTROY\] tcp .* \[USERSPACE\] portid=\d+/);
        expect(ours.stderr.replace(OUR_NAME, '')).to.equal(theirs.stderr.replace(THEIR_NAME, ''));
      });

      it('-o extended,id,ktimestamp', async () => {
        const [ours, theirs] = await together(
          ['-o', 'extended,id,ktimestamp'],
          ['-o', 'extended,id,ktimestamp'],
          connect,
        );
        expect(lines(ours)).to.deep.equal(lines(theirs));
        expect(ours.stdout).to.match(/\[DESTROY\].* id=\d+ \[USERSPACE\]/);
      });

      it('-o timestamp', async () => {
        const [ours, theirs] = await together(['-o', 'timestamp'], ['-o', 'timestamp'], connect);
        const split = (running: Running): string[][] => lines(running).map((line) => line.split('\t'));
        expect(split(ours).map(([, event]) => event)).to.deep.equal(split(theirs).map(([, event]) => event));
        split(ours)
          .slice(0, -1)
          .forEach(([time], at) => {
            expect(time).to.match(/^\[\d+\.\d{6}\]$/);
            expect(Number(time.slice(1, -1))).to.be.closeTo(Number(split(theirs)[at][0].slice(1, -1)), 2);
          });
      });

      it('-e NEW,DESTROY -f ipv4', async () => {
        const args = ['-e', 'NEW,DESTROY', '-f', 'ipv4'];
        const [ours, theirs] = await together(args, args, connect);
        expect(lines(ours)).to.deep.equal(lines(theirs));
        expect(ours.stdout).not.to.contain('[UPDATE]');
      });

      it('names the program that caused an event', async () => {
        const ours = Running.ctnetlink('-E', '--events-may-abort');
        try {
          await listeners(1);
          // Two sockets that stay open long enough to be looked at: ours are in this very process.
          const { Conntrack } = await import('../../src/conntrack/conntrack.ts');
          await using ct = await Conntrack.open();
          await ct.create({
            orig: { src: '10.9.9.1', dst: '10.9.9.2', proto: 'udp', sport: 7, dport: 8 },
            timeout: 60,
          });
          await until(() => ours.lines.length > 0, { what: 'the event' });
          const comm = readFileSync('/proc/self/comm', 'utf8').trim();
          expect(ours.stdout).to.match(/^ {4}\[NEW\] udp .* \[USERSPACE\] portid=\d+ progname=(.*)\n$/);
          expect(ours.stdout.trim().endsWith(` progname=${comm}`), ours.stdout).to.equal(true);
          await ct.flush({ orig: { src: '10.9.9.1' } });
        } finally {
          expect(await ours.stop('SIGTERM')).to.equal(0);
        }
      });

      it('-o ndjson, -b', async () => {
        const ours = Running.ctnetlink('-E', '--events-may-abort', '-o', 'ndjson', '-b', '1000000');
        try {
          await listeners(1);
          await tcpConnection(8088);
          await until(() => ours.stdout.includes('"TIME_WAIT"'), { what: 'the events' });
        } finally {
          expect(await ours.stop()).to.equal(0);
        }
        const events = ours.lines.map((line) => JSON.parse(line));
        expect(events[0]).to.include({ type: 'new' }).and.not.to.have.property('portid');
        expect(ours.stderr).to.equal(`${NAME}: ${events.length} flow events have been shown.\n`);
      });

      it('over the addon asks for the opt-in', () => {
        const { stdout, stderr, status } = ctnetlinkUnder(['env', 'CTNETLINK_TRANSPORT=addon'], '-E');
        expect([stdout, status]).to.deep.equal(['', 1]);
        expect(stderr).to.match(/^ctnetlink v[\d.]+: Operation failed: .*--events-may-abort.*\n$/);
      });
    });

    describe('without the privilege', () => {
      const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

      before(function () {
        if (!onPath('setpriv') || process.getuid?.() !== 0) this.skip();
      });

      for (const args of [['-L'], ['-L', '-o', 'json'], ['-C'], ['-S'], ['-E', '--events-may-abort']]) {
        it(`${args.join(' ')} says in one line what to do`, function () {
          let result: ReturnType<typeof ctnetlink>;
          try {
            result = ctnetlinkUnder(NOBODY, ...args);
          } catch {
            return this.skip();
          }
          // In a user namespace there may be no nobody to become.
          if (result.stderr.startsWith('setpriv:')) return this.skip();
          expect(result.status).to.equal(1);
          expect(result.stderr).to.match(
            /^ctnetlink v[\d.]+: Operation failed: .*EPERM.*CAP_NET_ADMIN.*unshare -rn.*\n$/,
          );
          expect(result.stdout).to.equal('');
        });
      }
    });

    it('says so when the output cannot be written', () => {
      const { stdout, stderr } = ctnetlinkUnder(['bash', '-c', '"$0" "$@" >/dev/full; echo "$?"'], '-L');
      expect(stdout).to.equal('1\n');
      expect(stderr).to.match(/^ctnetlink v[\d.]+: cannot write the output: .*ENOSPC.*\n$/);
    });
  });

  describeKernel('and a reader that has enough', ['conntrack', 'bash'], () => {
    it('is quiet, and ends as by SIGPIPE, when its reader has enough', async () => {
      tracking();
      try {
        await storm(2_000);
        const run = (command: string): ReturnType<typeof ctnetlink> =>
          ctnetlinkUnder(['bash', '-c', `${command} -L | head -1; echo "\${PIPESTATUS[0]}"`]);
        const [ours, theirs] = [`"$0" --import tsx ${MAIN}`, 'conntrack'].map(run);
        expect(ours.stdout).to.match(/^\S+ +\d+ .*\n141\n$/);
        expect(ours.stderr).to.equal('');
        expect(theirs.stdout.split('\n')[1]).to.equal('141');
      } finally {
        resetNamespace();
      }
    });
  });
});
