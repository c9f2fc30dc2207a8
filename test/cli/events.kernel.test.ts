import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { record } from '../../src/transport/record.ts';
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../../src/uapi/nf_conntrack_common.ts';
import { changeFlows } from '../support/change.ts';
import { ctnetlink, ctnetlinkUnder, listeners, OUR_NAME, quiet, Running, THEIR_NAME } from '../support/command.ts';
import { koffi } from '../support/event-sockets.ts';
import { describeKernel, resetNamespace, sh, until } from '../support/kernel.ts';
import { neutral, replayed } from '../support/replayed-events.ts';
import { mixedFlows, tcpConnection, tracking } from '../support/traffic.ts';

const create = (...args: string[]): string =>
  sh('conntrack', '-I', '-s', '10.1.1.1', '-d', '10.2.2.2', '-t', '600', ...args);
const udp = (sport: number, ...args: string[]): string =>
  create('-p', 'udp', '--sport', `${sport}`, '--dport', '2', ...args);

const update = (proto: 'udp' | 'tcp', change: Parameters<typeof changeFlows>[2]): Promise<void> =>
  changeFlows(koffi, { orig: { src: '10.1.1.1', proto } }, change);

/** Everything that an option can tell apart. */
async function happening(): Promise<void> {
  const dispose = await mixedFlows();
  try {
    await tcpConnection(8088);
    udp(1, '-m', '5');
    udp(3, '-n', '10.9.9.9:77');
    udp(4, '-g', '10.9.9.9:77');
    udp(5, '-w', '3');
    udp(6, '--orig-zone', '4');
    udp(7, '--reply-zone', '5');
    create('-p', 'tcp', '--sport', '8', '--dport', '2', '--state', 'ESTABLISHED');
    create('-p', 'icmp', '--icmp-type', '8', '--icmp-code', '0', '--icmp-id', '5');
    create('-p', '89');
    await update('udp', { mark: 7 });
    await update('udp', { mark: 0 });
    await update('udp', { status: IPS_SEEN_REPLY });
    await update('udp', { status: IPS_ASSURED, mark: 4 });
    await update('tcp', { tcp: { state: 'CLOSE' } });
  } finally {
    await dispose();
  }
  sh('conntrack', '-D', '-s', '10.1.1.1');
  sh('conntrack', '-F');
}

const ALIKE = [
  '',
  '-o extended',
  '-o id',
  '-o timestamp',
  '-o ktimestamp',
  '-o userspace',
  '-o extended,id,ktimestamp,timestamp,userspace',
  '-o save',
  '-o save -p tcp',
  '-o xml',
  '-o xml,timestamp',
  '-o xml,ktimestamp,userspace',
  '-o xml -s 10.250.0.1',
  '-e NEW',
  '-e UPDATES',
  '-e UPDATES,DESTROY',
  '-e NEW -e DESTROY',
  '-e ALL',
  '-f ipv4',
  '-f ipv6',
  '-s 10.1.1.1',
  '-s 10.0.0.0/8',
  '-s 10.0.2.99 --mask-src 255.255.255.0',
  '-s fd00::/64',
  '-d 10.2.2.2',
  '-d 10.2.0.0/16',
  '-d fd00::ff',
  '-r 10.2.2.2',
  '-q 10.9.9.9',
  '-p udp',
  '-p udp --sport 1',
  '-p udp --orig-port-dst 53',
  '-p udp --reply-port-src 2',
  '-p tcp',
  '-p tcp --state ESTABLISHED',
  '-p tcp --state CLOSE',
  '-p sctp',
  '-p icmp',
  '-p icmp --icmp-type 13',
  '-p icmpv6 --icmpv6-id 80',
  '-p gre',
  '-p 89',
  '-m 5',
  '-m 0',
  '-m 0/0',
  '-m 4/4',
  '-m 5/1',
  '-n',
  '-g',
  '-j',
  '-n 10.9.9.9',
  '-n 10.9.9.9:77',
  '-g 10.9.9.9:78',
  '-w 3',
  '-w 0',
  '-w 4',
  '--orig-zone 4',
  '--orig-zone 0',
  '--reply-zone 5',
  '--reply-zone 0',
  '-c 0',
  '-c 1',
];
/** With names of labels. */
const LABELLED = ['-l two,last', '-o labels', '-o xml,labels -l two', '-l one'];

describe('cli/events', () => {
  const wordsOf = (args: string): string[] => args.split(' ').filter((word) => word !== '');

  describeKernel('of the same events as conntrack(8)', ['conntrack', 'nft', 'unshare', 'root'], () => {
    let folder: string;
    let capture: string;
    let wrapper: string[];
    const theirs = new Map<string, Running>();

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
      capture = join(folder, 'events.pcap');
      mkdirSync(join(folder, 'xtables'));
      writeFileSync(join(folder, 'xtables', 'connlabel.conf'), '1 two\n127 last\n2 one\n');
      // Only these processes see it.
      const mount = `mkdir -p /etc/xtables && mount --bind ${join(folder, 'xtables')} /etc/xtables && exec "$@"`;
      wrapper = ['unshare', '-m', 'sh', '-c', mount, 'sh'];
      tracking();
      const recorder = record(capture, { transport: koffi });
      const ct = await Conntrack.open({ transport: recorder });
      try {
        const events = await ct.events();
        for (const args of ALIKE) theirs.set(args, new Running('conntrack', ['-E', ...wordsOf(args)]));
        for (const args of LABELLED)
          theirs.set(args, new Running(wrapper[0], [...wrapper.slice(1), 'conntrack', '-E', ...wordsOf(args)]));
        const all = theirs.get('')!;
        await listeners(theirs.size + 1);
        let read = 0;
        const reading = (async () => {
          for await (const event of events) {
            if (event.type === 'overrun') throw new Error('events were lost');
            read++;
          }
        })();
        await happening();
        await until(() => / src=10\.1\.1\.1 .*\[DESTROY\]|\[DESTROY\].* src=10\.1\.1\.1 /.test(all.stdout));
        await quiet([...theirs.values()]);
        // What was received is not yet recorded: that is done when it is read.
        await until(() => read === all.lines.length, { what: 'the last of our events' });
        events.close();
        await reading;
      } finally {
        await Promise.all([...theirs.values()].map((each) => each.stop()));
        await ct.close();
        recorder.close();
      }
    });
    after(() => {
      resetNamespace();
      rmSync(folder, { recursive: true });
    });

    function expectSame(ours: { stdout: string; stderr: string }, args: string): void {
      const { stdout, stderr } = theirs.get(args)!;
      expect(stderr).not.to.contain('ENOBUFS');
      const events = neutral(stdout);
      // 1.4.9 says in XML no more who caused it.
      const known = args.includes('xml') ? events.map((line) => line.replace(/ \[USERSPACE\].*$/, '')) : events;
      expect(neutral(ours.stdout)).to.deep.equal(known);
      expect(ours.stderr.replace(OUR_NAME, '')).to.equal(stderr.replace(THEIR_NAME, ''));
    }

    for (const args of ALIKE) {
      it(`-E ${args}`, async () => expectSame(await replayed(capture, ...wordsOf(args)), args));
    }

    for (const args of LABELLED) {
      it(`-E ${args}`, () => expectSame(ctnetlinkUnder(wrapper, '-E', '--replay', capture, ...wordsOf(args)), args));
    }

    it('tells the options apart', () => {
      for (const [args, { lines }] of theirs) {
        if (/-s 10\.250|-m 5\/1|-w 4|:78|-l one/.test(args)) expect(lines, args).to.deep.equal([]);
        else expect(lines.length, args).to.be.above(0);
      }
    });

    // conntrack(8) compares no keys: it shows all of GRE, and -D deletes all.
    it('-p gre --srckey shows those flows only', async () => {
      const { stdout } = await replayed(capture, '-p', 'gre', '--srckey', '0x10');
      const asked = theirs
        .get('-p gre')!
        .lines.filter((line) => line.includes(' src=10.0.2.4 dst=10.1.0.1 srckey=0x10 '));
      expect(asked).to.have.lengthOf(2);
      expect(neutral(stdout)).to.deep.equal(neutral(`${asked.join('\n')}\n`));
    });

    it('-o json and ndjson', async () => {
      const lines = (await replayed(capture, '-o', 'ndjson', '-p', 'icmp')).stdout.split('\n').slice(0, -1);
      const events = lines.map((line) => JSON.parse(line));
      expect(events.length).to.be.above(4);
      expect(JSON.parse((await replayed(capture, '-o', 'json', '-p', 'icmp')).stdout)).to.deep.equal(events);
      for (const { type, flow } of events) {
        expect(['new', 'update', 'destroy']).to.contain(type);
        expect(flow.orig.proto).to.equal('icmp');
      }
      expect((await replayed(capture, '-o', 'json', '-s', '10.250.0.1')).stdout).to.equal('[]\n');
    });
  });

  describe('of a capture', () => {
    const CAPTURE = 'fixtures/events/capture.pcap';

    it('shows what happened to its end, without any opt-in', () => {
      const { stdout, stderr, status } = ctnetlink('-E', '--replay', CAPTURE);
      const lines = stdout.split('\n').slice(0, -1);
      expect(lines).to.have.length.above(2);
      for (const line of lines) expect(line).to.match(/^( {4}\[NEW\]| \[UPDATE\]|\[DESTROY\]) \S+ +\d+ .*src=/);
      expect(stderr.replace(OUR_NAME, '')).to.equal(`: ${lines.length} flow events have been shown.\n`);
      expect(status).to.equal(0);
    });

    it('by type, and with the time', async () => {
      const { stdout } = await replayed(CAPTURE);
      const destroyed = stdout.split('\n').filter((line) => line.startsWith('[DESTROY]'));
      expect((await replayed(CAPTURE, '-e', 'DESTROY')).stdout).to.equal(`${destroyed.join('\n')}\n`);
      expect((await replayed(CAPTURE, '-f', 'ipv6')).stdout).to.equal('');
      const timed = (await replayed(CAPTURE, '-o', 'timestamp')).stdout;
      expect(timed.replaceAll(/^\[\d{10}\.\d{6}\]\t/gm, '')).to.equal(stdout);
    });
  });
});
