/**
 * What conntrack(8) asks the kernel answers the same command line: the same text, and the same status. strace(1) sees
 * what conntrack reads; nlmon (which few kernels have) sees what the kernel says, so the same requests are made again,
 * and all that comes is written down.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Conntrack } from '../../src/index.ts';
import { type CapturedDatagram, readCapture, writeCapture } from '../../src/replay.ts';
import { openTransport } from '../../src/transport/open.ts';
import { ROOT } from '../support/command.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';
import { sized } from '../support/tier.ts';

const TCP = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 1001, dport: 21 } as const;
const UDP = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'udp', sport: 1, dport: 53 } as const;
const IPV6 = { src: '2001:db8::1', dst: '2001:db8::2', proto: 'udp', sport: 7, dport: 8 } as const;
const TIMEOUT = 60_000;

const ONE_UDP = '-p udp -s 192.0.2.1 -d 198.51.100.2 --sport 1 --dport 53';
const ONE_TCP = '-p tcp -s 192.0.2.1 -d 198.51.100.2 --sport 1001 --dport 21';
const ONE_OTHER = '-p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 53';
const ONE_NEW = `${ONE_OTHER} -t 60000`;
// conntrack(8) takes the protocol of the tuple from the upper byte of its port: 6 is TCP.
const EXPECTED =
  '-p tcp -s 192.0.2.1 -d 198.51.100.2 --sport 1001 --dport 21 --tuple-src 192.0.2.1 --tuple-dst 198.51.100.2';
const ONE_EXPECTED = `expect -t 60000 ${EXPECTED} --tuple-port-src 1554 --tuple-port-dst 1555 --mask-src 255.255.255.255 --mask-dst 255.255.255.255 --mask-port-src 0 --mask-port-dst 65535`;

/**
 * Changes several flows. conntrack(8) reads one of the two answers to a get, and takes the other for that of its next
 * request: it prints one flow.
 */
const SEVERAL = '-U -s 192.0.2.1 -m 9'.split(' ');

const LINES: readonly string[] = [
  '-L',
  '-L -o extended,id',
  '-L -f ipv6',
  '-L -m 7',
  '-L -s 192.0.2.1 -p udp',
  '-L -p tcp --state ESTABLISHED',
  '-L dying',
  '-L unconfirmed',
  '-C',
  '-S',
  `-G ${ONE_UDP}`,
  `-G ${ONE_OTHER}`,
  `-D ${ONE_UDP}`,
  '-D -s 192.0.2.1',
  '-D -s 192.0.2.77',
  '-D -m 7',
  `-I ${ONE_NEW}`,
  `-I ${ONE_UDP} -t 600`,
  `-I ${ONE_TCP} -t 600 --state ESTABLISHED`,
  `-A ${ONE_NEW}`,
  '-U -f ipv6 -m 9',
  `-U ${ONE_UDP} -m 3`,
  '-U -s 192.0.2.77 -m 9',
  '-F',
  '-L expect',
  '-C expect',
  '-S expect',
  '-F expect',
  `-I ${ONE_EXPECTED}`,
];

/** Three programs run for each line. */
const STRIDE = sized({ quick: 3, landing: 1, soak: 1 });

describeKernel('replay of conntrack(8) beside itself', ['conntrack', 'strace'], function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-commands-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  afterEach(() => resetNamespace());

  async function fill(): Promise<void> {
    await using ct = await Conntrack.open();
    const protoinfo = { tcp: { state: 'ESTABLISHED' } } as const;
    await ct.create({ orig: TCP, timeout: TIMEOUT, mark: 7, ...protoinfo });
    await ct.create({ orig: UDP, timeout: TIMEOUT, mark: 7 });
    await ct.create({ orig: { ...UDP, sport: 2 }, timeout: TIMEOUT, mark: 1 });
    await ct.create({ orig: IPV6, timeout: TIMEOUT });
  }

  interface Seen {
    stdout: string;
    stderr: string;
    status: number | null;
  }

  /**
   * What a person sees, but for the name of the program, explanations, and what is another's in a table that is made
   * again.
   */
  function seen(command: string, args: readonly string[]): Seen {
    const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8' });
    return {
      stdout: stdout.replaceAll(/ (60000|5999\d|600|59\d) /g, ' TIMEOUT ').replaceAll(/(id|insert)=\d+/g, '$1=N'),
      stderr: stderr
        .trimEnd()
        .replace(/^.*\n/s, '')
        .replace(/^(conntrack|ctnetlink) v\S+ ?(\(\S+\))?: /, ''),
      status,
    };
  }

  function traced(log: string, args: readonly string[]): Seen {
    return seen('strace', [
      '-o',
      log,
      '-e',
      'trace=network',
      '-e',
      'read=all',
      '-e',
      'write=all',
      'conntrack',
      ...args,
    ]);
  }

  const replayed = (capture: string, args: readonly string[]): Seen =>
    seen(process.execPath, [join(ROOT, 'dist/cli/main.js'), ...args, '--replay', capture]);

  /** These requests, made again, and all that the kernel says: without the sockets, as of nlmon. */
  async function tapped(requests: readonly CapturedDatagram[]): Promise<CapturedDatagram[]> {
    const transport = await openTransport();
    transport.start({ readable: () => {}, failed: () => {} });
    const datagrams: CapturedDatagram[] = [];
    try {
      for (const { bytes } of requests) {
        datagrams.push({ fromKernel: false, time: undefined, bytes });
        transport.send(bytes);
        for (let each = transport.receive(); each !== undefined; each = transport.receive())
          datagrams.push({ fromKernel: true, time: undefined, bytes: each.bytes.slice() });
      }
    } finally {
      transport.close();
    }
    return datagrams;
  }

  /** The same command by conntrack(8) on a table, and the capture that one of the two has of it. */
  async function captured(by: 'strace' | 'nlmon', args: readonly string[]): Promise<{ theirs: Seen; capture: string }> {
    resetNamespace();
    await fill();
    const log = join(folder, 'log');
    const theirs = traced(log, args);
    if (by === 'strace') return { theirs, capture: log };
    resetNamespace();
    await fill();
    const { datagrams } = readCapture(readFileSync(log));
    const capture = join(folder, 'capture.pcap');
    writeFileSync(capture, writeCapture(await tapped(datagrams.filter(({ fromKernel }) => !fromKernel))));
    return { theirs, capture };
  }

  for (const line of LINES.filter((_line, index) => index % STRIDE === 0))
    for (const by of ['strace', 'nlmon'] as const)
      it(`${line}, by ${by}`, async () => {
        const args = line.split(' ');
        const { theirs, capture } = await captured(by, args);
        expect(replayed(capture, args)).to.deep.equal(theirs);
      });

  it('-U of several flows prints all that were changed', async () => {
    const { theirs, capture } = await captured('nlmon', SEVERAL);
    const { stdout, ...ours } = replayed(capture, SEVERAL);
    expect(stdout.split('\n')[0]).to.equal(theirs.stdout.trimEnd());
    expect(stdout.match(/ mark=9 /g)).to.have.length(3);
    expect(ours).to.deep.equal({ stderr: '3 flow entries have been updated.', status: 0 });
  });

  it('-U of several flows prints those whose answers the capture has, and reports what is missing', async () => {
    const { capture } = await captured('strace', SEVERAL);
    const { stdout, stderr, status } = replayed(capture, SEVERAL);
    expect(stdout.match(/ mark=9 /g)).to.have.length(2);
    expect(stderr).to.match(/^Operation failed: replay: the capture ends before the answer to update .* does$/);
    expect(status).to.equal(1);
  });
});
