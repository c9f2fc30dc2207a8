/** The table expect on the command line, beside conntrack(8). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import {
  conntrack,
  ctnetlink,
  listeners,
  OUR_NAME,
  quiet,
  type Result,
  ROOT,
  Running,
  THEIR_NAME,
  whileStopped,
} from '../support/command.ts';
import { type Control, ftpControl } from '../support/ftp.ts';
import { describeKernel, resetNamespace, sh, until } from '../support/kernel.ts';
import { type Dispose, mixedFlows, tracking } from '../support/traffic.ts';

const PASSIVE = {
  PASV: '227 Entering Passive Mode (127,0,0,1,160,1)',
  EPSV: '229 Entering Extended Passive Mode (|||40961|)',
};

const words = (line: string): string[] => line.split(' ').filter((word) => word !== '');

/** Without what differs from one moment to the next. */
function still(text: string): string {
  return text
    .replace(
      /^(\[\d+\.(?:\d{6}|\d{1,5} +)\]\t)?((?: *\[\w+\] )?)\d+ proto=/gm,
      (_all, time, type) => `${time ? '[#]\t' : ''}${type}# proto=`,
    )
    .replace(/<timeout>\d+</g, '<timeout>#<')
    .replace(/<when>.*?<\/when>/g, '<when>#</when>')
    .replace(/"timeout":\d+/g, '"timeout":#');
}

/** What is compared: standard output, the last line of standard error without the name, the status. */
function told({ stdout, stderr, status }: Result): [string, string, number | null] {
  const lines = stderr.replace(OUR_NAME, '').replace(THEIR_NAME, '').replace('conntrack -h', 'ctnetlink -h');
  return [still(stdout), lines.replace('conntrack --help', 'ctnetlink --help').split('\n').at(-2) ?? '', status];
}

/** With the addon, events are wanted anyway. */
const listener = (...args: string[]): Running => Running.ctnetlink('-E', 'expect', '--events-may-abort', ...args);

/** Ours and theirs, each in the state that `prepare` makes, and what is in the table afterwards. */
function expectSame(args: string, prepare: () => void = () => {}): Result {
  const [theirs, ours] = [conntrack, ctnetlink].map((program) => {
    prepare();
    const result = program(...words(args));
    const after = ['ipv4', 'ipv6'].map((family) => conntrack('-L', 'expect', '-f', family));
    return { result, told: [told(result), ...after.map(told)] };
  });
  expect(ours.told).to.deep.equal(theirs.told);
  return ours.result;
}

const CAPTURE = 'fixtures/expectations/capture.pcap';

describe('The table expect of a capture', () => {
  const replayed = (args: string): Result => ctnetlink(...words(args), '--replay', CAPTURE);
  const fixture = (name: string): string => still(readFileSync(join(ROOT, 'fixtures/expectations', name), 'utf8'));

  it('is listed as conntrack(8) listed it, and counted', () => {
    const { stdout, stderr, status } = replayed('-L expect');
    expect([still(stdout), status]).to.deep.equal([fixture('expected-expect.txt'), 0]);
    expect(stderr.replace(OUR_NAME, '')).to.equal(': 4 expectations have been shown.\n');
    expect(still(replayed('-L expect -o xml').stdout)).to.equal(fixture('expected-expect.xml'));
    expect(replayed('-L expect -f ipv6').stdout.split('\n')).to.have.lengthOf(3);
    expect(replayed('-C expect')).to.deep.equal({ stdout: '4\n', stderr: '', status: 0 });
  });

  it('has events, to the end of the capture', () => {
    const { stdout, stderr, status } = replayed('-E expect');
    expect(stdout).to.match(/^ {4}\[NEW\] 300 proto=6 src=.*\n\[DESTROY\] 99 proto=6 .*\n$/);
    expect([stderr.replace(OUR_NAME, ''), status]).to.deep.equal([': 2 expectation events have been shown.\n', 0]);
  });
});

describeKernel('The table expect beside conntrack(8)', ['conntrack', 'nft'], () => {
  after(() => resetNamespace());

  describe('of every helper', () => {
    let dispose: Dispose;
    before(async () => {
      resetNamespace();
      dispose = await mixedFlows();
    });
    after(async () => await dispose());

    for (const args of [
      '',
      '-f ipv4',
      '-f ipv6 -o extended,id,ktimestamp,userspace',
      '-o save',
      '-o timestamp',
      '-o xml',
      '-o xml,timestamp -f ipv6',
    ]) {
      it(`-L expect ${args}`, () => {
        const { stdout } = expectSame(`-L expect ${args}`);
        expect(stdout)
          .to.include('ftp')
          .and.to.satisfy((text: string) => text.endsWith('\n'));
      });
    }

    it('-L expect -o json and ndjson', () => {
      const lines = ctnetlink(...words('-L expect -o ndjson'))
        .stdout.split('\n')
        .slice(0, -1);
      const listed = conntrack('-L', 'expect').stdout.split('\n').slice(0, -1);
      expect(lines).to.have.lengthOf(listed.length);
      const objects = lines.map((line) => JSON.parse(line));
      objects.forEach(({ tuple, master, helper }, at) => {
        expect(listed[at]).to.include(` dport=${tuple.dport} `).and.include(` sport=${master.sport} `);
        expect(listed[at]).to.match(new RegExp(`helper=${helper}$`));
      });
      const array = still(ctnetlink(...words('-L expect -o json')).stdout);
      expect(array).to.equal(`[\n${lines.map(still).join(',\n')}\n]\n`);
    });

    it('-C expect counts what -L expect lists, and -S expect', () => {
      const { stdout } = expectSame('-C expect');
      expect(Number(stdout)).to.be.above(2);
      expect(expectSame('-S expect').stdout).to.match(/^cpu=0 {3}\t\S+=\d+ /);
    });
  });

  describe('of FTP', () => {
    let ftp: Control;
    let ftp6: Control;
    before(async () => {
      resetNamespace();
      tracking();
      ftp = await ftpControl('ipv4', PASSIVE);
      ftp6 = await ftpControl('ipv6', PASSIVE);
    });
    after(async () => {
      await ftp.close();
      await ftp6.close();
    });

    /** -s, -d and what -p tcp needs. */
    const flow = (src: string, dst: string, sport: number, dport: number): string =>
      `-s ${src} -d ${dst} -p tcp --sport ${sport} --dport ${dport}`;
    const master = (): string => flow(ftp.master.src, ftp.master.dst, ftp.master.sport, 21);
    const REPLY_PORTS = '--reply-port-src 1 --reply-port-dst 1';
    // conntrack(8) takes the protocol from the upper byte of the port: this is 6, the one of TCP.
    const PORT = 6 * 256 + 19;
    const expected = (port: number, address = '127.0.0.1'): string =>
      `--tuple-src ${address} --tuple-dst ${address} --tuple-port-src ${port - 1} --tuple-port-dst ${port} ` +
      '--mask-port-src 0 --mask-port-dst 65535 -t 100';
    const MASKS = '--mask-src 255.255.0.0 --mask-dst 255.255.255.255';
    const MASKS6 = '--mask-src ffff:: --mask-dst ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
    const empty = (): void => void sh('conntrack', '-F', 'expect');
    const fill = (): void => {
      empty();
      sh('conntrack', ...words(`-I expect ${master()} ${expected(PORT)} ${MASKS}`));
      sh(
        'conntrack',
        ...words(`-I expect ${flow('::1', '::1', ftp6.master.sport, 21)} ${expected(PORT, '::1')} ${MASKS6}`),
      );
    };

    it('-I expect, with a mask and one of a prefix length, on both families', () => {
      const before = sh('conntrack', '-L', 'expect', '-f', 'ipv6');
      expect(before).to.equal('');
      expect(expectSame(`-I expect ${master()} ${expected(PORT)} ${MASKS}`, empty).status).to.equal(0);
      const prefixes = expected(PORT).replaceAll('127.0.0.1', '127.0.0.1/24');
      expect(expectSame(`-I expect ${master()} ${prefixes} -u ASSURED,SEEN_REPLY`, empty).status).to.equal(0);
      const six = `-I expect ${flow('::1', '::1', ftp6.master.sport, 21)} ${expected(PORT, '::1')} ${MASKS6}`;
      expect(expectSame(six, empty).status).to.equal(0);
      expect(sh('conntrack', '-L', 'expect', '-f', 'ipv6')).to.match(/^\d+ proto=6 src=::1 .* mask-src=ffff:: /);
    });

    it('-I expect expects the protocol that -p says, whatever the port', () => {
      empty();
      expect(ctnetlink(...words(`-I expect ${master()} ${expected(9000)} ${MASKS}`))).to.deep.equal({
        stdout: '',
        stderr: '',
        status: 0,
      });
      expect(sh('conntrack', '-L', 'expect'))
        .to.include(' proto=6 ')
        .and.include(' dport=9000 ');
    });

    it('-I expect refused: it is there, its master is not, or has no helper', () => {
      expect(expectSame(`-I expect ${master()} ${expected(PORT)} ${MASKS}`, fill).status).to.equal(1);
      const absent = flow('127.0.0.9', '127.0.0.1', 1, 21);
      expect(expectSame(`-I expect ${absent} ${expected(PORT)} ${MASKS}`, empty).status).to.equal(1);
      const helpless = flow('10.0.0.1', '10.0.0.2', 1, 2);
      sh('conntrack', '-I', ...words(`${helpless} --state ESTABLISHED -t 1000`));
      expect(expectSame(`-I expect ${helpless} ${expected(PORT)} ${MASKS}`, empty).status).to.equal(1);
      expectSame(`-I expect -s 10.0.0.1 -d 10.0.0.2 -p icmp --tuple-src 1.1.1.1 --tuple-dst 1.1.1.1 ${MASKS} -t 1`);
    });

    it('-G expect finds by the flow that it would take, not by the master', () => {
      expect(expectSame(`-G expect ${flow('127.0.9.9', '127.0.0.1', 7, PORT)} ${REPLY_PORTS}`, fill)).to.include({
        stderr: '',
        status: 0,
      });
      expect(expectSame(`-G expect ${flow('::1', '::1', 7, PORT)} ${REPLY_PORTS}`, fill).stdout).to.include('src=::1');
      expect(expectSame(`-G expect ${master()} ${REPLY_PORTS}`, fill)).to.include({ stdout: '', status: 1 });
      for (const [address, protocol] of [
        ['127.0.0.1', 'icmp'],
        ['::1', 'icmpv6'],
        ['::1', '89'],
      ]) {
        expect(expectSame(`-G expect -s ${address} -d ${address} -p ${protocol}`, fill).status).to.equal(1);
      }
    });

    it('-D expect deletes one, and ends as if it had not', () => {
      const one = `-D expect ${flow('127.0.9.9', '127.0.0.1', 7, PORT)} ${REPLY_PORTS}`;
      expect(expectSame(one, fill).status).to.equal(1);
      expect(sh('conntrack', '-L', 'expect')).to.equal('');
      expectSame(one, empty);
      expectSame(`-D expect -s 127.0.0.1 -d 127.0.0.1 -p 89`, fill);
    });

    it('-F expect empties the table of both families; of an empty one nothing but the summary is listed', () => {
      expect(expectSame('-F expect', fill).status).to.equal(0);
      for (const output of ['', '-o xml', '-o save']) expectSame(`-L expect ${output}`, empty);
      expect(ctnetlink(...words('-L expect -o json')).stdout).to.equal('[]\n');
    });

    it('-E expect shows what happens, in every output', async () => {
      // There are no events for a master that was there before anybody listened.
      await ftp.close();
      await ftp6.close();
      sh('conntrack', '-F');
      const outputs = ['', '-o timestamp', '-o xml,timestamp'];
      const theirs = outputs.map((output) => new Running('conntrack', ['-E', 'expect', ...words(output)]));
      const ours = outputs.map((output) => listener(...words(output)));
      const json = ['ndjson', 'json'].map((output) => listener('-o', output));
      const all = [...theirs, ...ours, ...json];
      try {
        await listeners(all.length);
        ftp = await ftpControl('ipv4', PASSIVE);
        ftp6 = await ftpControl('ipv6', PASSIVE);
        await ftp.ask('PASV');
        await ftp6.ask('EPSV');
        fill();
        empty();
        const gone = new RegExp(`destroy.*\\b${PORT}\\b`, 'gi');
        const isAll = ({ stdout }: Running): boolean => stdout.match(gone)?.length === 2;
        await until(() => all.every(isAll), { what: 'the last events' });
        await quiet(all);
        const count = theirs[0].lines.length;
        const ends = await Promise.all(
          all.map(async (each) => {
            const status = await each.stop();
            return told({ stdout: each.stdout, stderr: each.stderr, status });
          }),
        );
        expect(ends.slice(3, 6)).to.deep.equal(ends.slice(0, 3));
        expect(ends[0]).to.deep.equal([still(theirs[0].stdout), `: ${count} expectation events have been shown.`, 0]);

        // The program may have ended when one of them looked for its name.
        const nameless = ({ progname: _, ...event }: { progname?: string }): object => event;
        const objects = json[0].lines.map((line) => JSON.parse(line));
        expect(JSON.parse(json[1].stdout).map(nameless)).to.deep.equal(objects.map(nameless));
        objects.forEach(({ type, expectation, portid }, at) => {
          const line = theirs[0].lines[at];
          expect(line).to.include(
            `[${type.toUpperCase()}] ${expectation.timeout} proto=6 src=${expectation.tuple.src} `,
          );
          expect(line).to.include(` dport=${expectation.tuple.dport} `);
          if (expectation.tuple.dport === PORT || type === 'new')
            expect(portid !== undefined, line).to.equal(expectation.tuple.dport === PORT);
        });
      } finally {
        await Promise.all(all.map((each) => each.stop()));
      }
    });

    // More events than the 16 MB of the receive buffer hold.
    const MANY = 15_000;

    it('-E expect --resync lists the table again after lost events', async () => {
      await ftp.close();
      sh('conntrack', '-F');
      const ours = listener('--resync');
      try {
        await listeners(1);
        ftp = await ftpControl('ipv4', PASSIVE);
        await whileStopped(ours, async () => {
          // Of one master the helper may expect one flow: each is the end of the one before.
          await using ct = await Conntrack.open();
          for (let port = 1; port <= MANY; port++) {
            const tuple = { src: '127.0.0.1', dst: '127.0.0.1', proto: 'tcp', sport: 0, dport: port } as const;
            await ct.expectations.create({ tuple, master: ftp.master, timeout: 100 });
          }
        });
        await until(() => ours.stderr.includes(': 1 entries have been listed again.'), { what: 'the listing' });
        const entry = new RegExp(`^ {3}\\[SYNC\\] \\d+ proto=6 .* dport=${MANY} .* helper=ftp$`, 'm');
        await until(() => entry.test(ours.stdout), { what: 'the entry' });
      } finally {
        expect(await ours.stop()).to.equal(0);
      }
    });

    it('-E expect says so when nothing happened, and prints no document', async () => {
      const both = [new Running('conntrack', ['-E', 'expect', '-o', 'xml']), listener('-o', 'xml')];
      await listeners(2);
      // Until they wait they do not take a signal as the end of listening.
      await quiet(both);
      const statuses = await Promise.all(both.map((each) => each.stop('SIGTERM')));
      const [theirs, ours] = both.map(({ stdout, stderr }, at) => told({ stdout, stderr, status: statuses[at] }));
      expect(ours).to.deep.equal(theirs);
      expect(ours).to.deep.equal(['', ': 0 expectation events have been shown.', 0]);
    });
  });
});
