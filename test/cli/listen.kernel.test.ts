import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { ctnetlinkUnder, listeners, MAIN, OUR_NAME, Running, whileStopped } from '../support/command.ts';
import { describeKernel, resetNamespace, sh, sysctl, until } from '../support/kernel.ts';
import { neutral, replayed } from '../support/replayed-events.ts';
import { storm, tracking } from '../support/traffic.ts';

const udp = (sport: number): string =>
  sh(
    'conntrack',
    '-I',
    '-s',
    '10.1.1.1',
    '-d',
    '10.2.2.2',
    '-t',
    '60',
    '-p',
    'udp',
    '--sport',
    `${sport}`,
    '--dport',
    '2',
  );

/** Makes an event, and waits until it is printed: from then on the process handles signals. */
async function printsEvents(ours: Running): Promise<void> {
  await listeners(1);
  udp(1);
  await until(() => ours.stdout.includes('10.1.1.1'), { what: 'the first event' });
}

describeKernel('cli/listen', ['conntrack', 'nft', 'bash'], () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    tracking();
  });
  after(() => {
    resetNamespace();
    rmSync(folder, { recursive: true });
  });
  afterEach(() => sh('conntrack', '-F'));

  it('filters in the kernel, shows each burst at once, and names the program that caused an event', async () => {
    const ours = Running.ctnetlink('-E', '--events-may-abort', '-s', '10.1.1.0/24', '-e', 'NEW', '-b', '100000');
    try {
      await listeners(1);
      // A socket that stays open long enough to be looked at: it is in this very process.
      await using ct = await Conntrack.open();
      await ct.create({ orig: { src: '10.7.7.7', dst: '10.2.2.2', proto: 'udp', sport: 7, dport: 8 }, timeout: 60 });
      await ct.create({ orig: { src: '10.1.1.1', dst: '10.2.2.2', proto: 'udp', sport: 7, dport: 8 }, timeout: 60 });
      await until(() => ours.lines.length > 0, { what: 'the event' });
      const comm = readFileSync('/proc/self/comm', 'utf8').trim();
      expect(ours.stdout).to.match(/^ {4}\[NEW\] udp .* src=10\.1\.1\.1 .* \[USERSPACE\] portid=\d+ progname=.*\n$/);
      expect(ours.stdout.endsWith(` progname=${comm}\n`), ours.stdout).to.equal(true);
    } finally {
      expect(await ours.stop('SIGTERM')).to.equal(0);
    }
    expect(ours.stderr.replace(OUR_NAME, '')).to.equal(
      'NOTICE: Netlink socket buffer size has been set to 200000 bytes.\n: 1 flow events have been shown.\n',
    );
  });

  it('prints when an event happened, not when it was read, and which program caused it', async function () {
    sysctl('nf_conntrack_timestamp', 1);
    const plain = Running.ctnetlink('-E', '--events-may-abort', '-o', 'timestamp');
    const json = Running.ctnetlink('-E', '--events-may-abort', '-o', 'ndjson');
    let happened: bigint | number | undefined;
    try {
      await listeners(2);
      await using ct = await Conntrack.open();
      const events = await ct.events({ types: ['new'] });
      await whileStopped(plain, async () => {
        await ct.create({ orig: { src: '10.1.1.1', dst: '10.2.2.2', proto: 'udp', sport: 7, dport: 8 }, timeout: 60 });
        for await (const event of events) {
          if (event.type === 'new') happened = event.flow.timestamp?.event;
          break;
        }
        await until(() => json.lines.length > 0, { what: 'the event' });
      });
      await until(() => plain.lines.length > 0, { what: 'the event' });
    } finally {
      await plain.stop();
      await json.stop();
      sysctl('nf_conntrack_timestamp', 0);
    }
    const comm = readFileSync('/proc/self/comm', 'utf8').trim();
    expect(JSON.parse(json.lines[0])).to.include({ type: 'new', progname: comm });
    // Before Linux 6.14.
    if (happened === undefined) this.skip();
    const microseconds = BigInt(happened) / 1000n;
    const time = `${microseconds / 1_000_000n}.${`${microseconds % 1_000_000n}`.padStart(6, '0')}`;
    expect(plain.lines[0].startsWith(`[${time}]\t    [NEW] udp `), `${time}, ${plain.lines[0]}`).to.equal(true);
  });

  it('continues after an overrun, reports how many events were lost, and lists the table again with --resync', async () => {
    const capture = join(folder, 'overrun.pcap');
    const FLOWS = 300;
    const resync = ['-b', '20000', '--resync', '--record', capture];
    const ours = Running.ctnetlink('-E', '--events-may-abort', ...resync);
    try {
      await listeners(1);
      await whileStopped(ours, async () => await storm(FLOWS));
      await until(() => ours.stderr.includes('listed again'), { what: 'the listing' });
      udp(1);
      await until(() => ours.stdout.includes(' src=10.1.1.1 '), { what: 'the next event' });
    } finally {
      expect(await ours.stop()).to.equal(0);
    }
    const tupleOf = (line: string): string => / src=\S+ dst=\S+ sport=\S+ dport=\S+/.exec(line)![0];
    const events = ours.lines.filter((line) => line.startsWith('    [NEW] '));
    const listed = ours.lines.filter((line) => line.startsWith('   [SYNC] '));
    expect(events.length + listed.length).to.equal(ours.lines.length);
    expect(ours.lines.at(-1)).to.match(/^ {4}\[NEW\] .* src=10\.1\.1\.1 /);
    expect(new Set(listed.map(tupleOf))).to.have.property('size', FLOWS);
    expect(listed[0]).to.match(/^ {3}\[SYNC\] udp {6}17 \d+ src=127\.0\.0\.2 .* use=1$/);
    const lost = FLOWS + 1 - events.length;
    expect(lost).to.be.above(0);
    expect(ours.stderr.replace(OUR_NAME, '').replaceAll(OUR_NAME, '')).to.equal(
      [
        'NOTICE: Netlink socket buffer size has been set to 40000 bytes.',
        'WARNING: We have hit ENOBUFS! We are losing events.',
        'This message means that the current netlink socket buffer size is too small.',
        'Please, check --buffer-size in ctnetlink --help.',
        `: ${lost} events have been lost.`,
        `: ${FLOWS} entries have been listed again.`,
        `: 1 overruns: ${lost} events in all have been lost.`,
        `: ${events.length} flow events have been shown.`,
        '',
      ].join('\n'),
    );

    const again = await replayed(capture, '--resync');
    expect(neutral(again.stdout)).to.deep.equal(neutral(ours.stdout));
    expect(again.stderr).to.equal(ours.stderr.replace(/^NOTICE.*\n/, ''));
    const { stdout } = await replayed(capture, '--resync', '-o', 'json');
    const objects = JSON.parse(stdout) as { type: string; lost?: number; entries?: number; flow?: object }[];
    const types = objects.map(({ type }) => type);
    expect(types).to.deep.equal([
      ...Array(events.length - 1).fill('new'),
      'overrun',
      ...Array(FLOWS).fill('sync'),
      'synced',
      'new',
    ]);
    expect(objects.find(({ type }) => type === 'overrun')!.lost).to.equal(lost);
    expect(objects.find(({ type }) => type === 'synced')!.entries).to.equal(FLOWS);
    expect(objects.find(({ type }) => type === 'sync')!.flow).to.include.keys('orig', 'reply', 'timeout');
    const xml = (await replayed(capture, '--resync', '-o', 'xml')).stdout;
    expect(xml.match(/^<flow>/gm)).to.have.lengthOf(FLOWS);
    expect((await replayed(capture)).stdout).not.to.contain('[SYNC]');
  });

  for (const [name, args] of [
    ['lines', []],
    ['JSON', ['-o', 'json']],
    ['XML', ['-o', 'xml', '-e', 'NEW']],
    ['lines of what was received ahead', ['-b', '100000']],
  ] as const)
    it(`prints what had arrived before SIGTERM, and how much of it was lost: ${name}`, async () => {
      const FLOWS = 3_000;
      const ours = Running.ctnetlink('-E', '--events-may-abort', ...args);
      let status: Promise<number | null>;
      await printsEvents(ours);
      await whileStopped(ours, async () => {
        await storm(FLOWS);
        status = ours.stop('SIGTERM');
      });
      expect(await status!).to.equal(0);
      const events =
        name === 'JSON' ? /^,?\{"type":"new"/gm : name === 'XML' ? /^<flow type="new">/gm : /^ {4}\[NEW\] /gm;
      const printed = ours.stdout.match(events)?.length ?? 0;
      const lost = Number(/ (\d+) events in all have been lost\.\n/.exec(ours.stderr)?.[1] ?? 0);
      expect(printed + lost).to.equal(FLOWS + 1);
      if (args[0] !== '-b') expect(lost).to.equal(0);
      expect(ours.stderr).to.match(new RegExp(`: ${printed} flow events have been shown\\.\n$`));
      if (name === 'JSON') expect(JSON.parse(ours.stdout)).to.have.lengthOf(FLOWS + 1);
      if (name === 'XML') expect(ours.stdout.endsWith('</conntrack>\n')).to.equal(true);
    });

  it('ends at once at the second signal', async () => {
    const ours = Running.ctnetlink('-E', '--events-may-abort');
    let status: Promise<number | null>;
    await printsEvents(ours);
    await whileStopped(ours, async () => {
      await storm(12_000);
      status = ours.stop('SIGINT');
      void ours.stop('SIGTERM');
    });
    expect(await status!, 'ended by the signal').to.equal(null);
    expect(ours.stderr).to.equal('');
  });

  it('is quiet, and ends as by SIGPIPE, when its reader has enough', async () => {
    const command = `"$0" ${MAIN} -E --events-may-abort | head -1; echo "\${PIPESTATUS[0]}"`;
    const ours = new Running('bash', ['-c', command, process.execPath]);
    await listeners(1);
    let sport = 1;
    await until(() => {
      if (!/\n141\n/.test(ours.stdout)) udp(sport++);
      return /\n141\n/.test(ours.stdout);
    });
    expect(ours.lines).to.have.lengthOf(2);
    expect(ours.stderr).to.equal('');
  });

  it('over the addon asks for the opt-in', () => {
    const { stdout, stderr, status } = ctnetlinkUnder(['env', 'CTNETLINK_TRANSPORT=addon'], '-E');
    expect([stdout, status]).to.deep.equal(['', 1]);
    expect(stderr).to.match(/^ctnetlink v[\d.]+: Operation failed: .*--events-may-abort.*\n$/);
  });
});
