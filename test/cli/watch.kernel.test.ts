/** `ctnetlink watch`: what happens to the table, and what is known of it. */
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { Settings } from '../../src/cli/options/settings.ts';
import { Output } from '../../src/cli/output.ts';
import { LineDisplay } from '../../src/cli/watch/lines.ts';
import type { Watched } from '../../src/cli/watch/watched.ts';
import { Conntrack, type FlowInit } from '../../src/index.ts';
import { ctnetlink, MAIN, OUR_NAME, quiet, Running, whileStopped } from '../support/command.ts';
import { describeKernel, resetNamespace, sh, sysctl, until } from '../support/kernel.ts';
import { storm, tracking } from '../support/traffic.ts';

const UDP = { src: '10.1.1.1', dst: '10.2.2.2', proto: 'udp', dport: 53 } as const;
const udp = (sport: number, rest: FlowInit = {}): FlowInit => ({ orig: { ...UDP, sport }, timeout: 600, ...rest });
const said = ({ stderr }: { stderr: string }): string => stderr.replace(OUR_NAME, '');

/** Something can be read from a pipe, and is. */
function takes(descriptor: number): boolean {
  try {
    return readSync(descriptor, new Uint8Array(4096)) > 0;
  } catch {
    // EAGAIN.
    return false;
  }
}

describe('cli: the command line of watch', () => {
  it('refuses what makes no sense with it, before anything is opened', () => {
    for (const [args, message] of [
      [['--follow', 'new'], "--follow takes all or lifecycle, not `new'"],
      [['--follow'], "--follow takes all or lifecycle, not `'"],
      [['-o', 'xml'], "Illegal option `--output xml' with watch"],
      [['-o', 'json'], "Illegal option `--output json' with watch"],
      [['-e', 'NEW'], "Illegal option `--event-mask' with watch"],
      [['--resync'], "Illegal option `--resync' with watch"],
      [['-z'], "Illegal option `--zero' with this command"],
      [['--replay', 'fixtures/mixed/capture.pcap'], 'watch works with the live table only'],
      [['tcp'], "watch takes options only, not `tcp'"],
    ] as const) {
      const { stdout, stderr, status } = ctnetlink('watch', ...args);
      expect([stdout, status], stderr).to.deep.equal(['', 2]);
      expect(stderr).to.include(message);
    }
  });

  it('has help of its own', () => {
    const { stdout, status } = ctnetlink('watch', '--help');
    expect(status).to.equal(0);
    expect(stdout)
      .to.match(/^Usage: ctnetlink watch \[OPTION\.\.\.\]\n/)
      .and.to.match(/^ {6}--follow EVENTS /m)
      .and.to.match(/^ {6}--summary /m);
  });

  it('alone loads the table, and every command begins with two files', () => {
    const sources = (name: string): string[] =>
      (JSON.parse(readFileSync(join(dirname(MAIN), `${name}.js.map`), 'utf8')) as { sources: string[] }).sources;
    const hasTable = (name: string): boolean => sources(name).some((path) => path.includes('/src/table/'));
    expect(['main', 'chunk', 'extras', 'watch'].filter(hasTable)).to.deep.equal(['watch']);
    const statically = (name: string): string[] =>
      [...readFileSync(join(dirname(MAIN), `${name}.js`), 'utf8').matchAll(/from\s*"\.\/(\w+)\.js"/g)].map(
        ([, file]) => file,
      );
    expect(statically('main')).to.deep.equal(['chunk']);
    expect(statically('chunk')).to.deep.equal([]);
  });

  it('prints a gap, and names the namespace where there are several', async () => {
    let text = '';
    const write = (piece: string): boolean => {
      text += piece;
      return true;
    };
    const sink = { on: () => {}, once: () => {}, write };
    for (const [netns, output] of [
      [undefined, undefined],
      ['blue', undefined],
      ['blue', 'ndjson'],
    ] as const) {
      const settings = new Settings();
      if (output !== undefined) settings.output.add(output);
      const out = new Output(sink);
      const display = new LineDisplay(settings, out);
      await display.change({ netns } as Watched, { type: 'gap', dropped: 7 });
      await out.flush();
    }
    expect(text.split('\n')).to.deep.equal([
      '    [GAP] dropped=7',
      '    [GAP] dropped=7 netns=blue',
      '{"type":"gap","dropped":7,"netns":"blue"}',
      '',
    ]);
  });
});

describeKernel('cli: watch', ['root', 'conntrack', 'nft', 'ip', 'bash', 'script', 'strace'], () => {
  let ct: Conntrack;
  const running: Running[] = [];

  /** Its table is open. */
  async function watch(...args: string[]): Promise<Running> {
    const ours = Running.ctnetlink('watch', '--events-may-abort', ...args);
    running.push(ours);
    await until(() => ours.lines.length > 0, { what: 'the first line' });
    return ours;
  }

  before(async () => {
    ct = await Conntrack.open();
  });
  beforeEach(() => {
    resetNamespace();
    tracking();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop('SIGKILL')));
  });
  after(async () => {
    await ct.close();
    resetNamespace();
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    it(`prints a line for each change, what it knows, and ends with 0 at ${signal}`, async () => {
      await ct.create(udp(1));
      const ours = await watch();
      await ct.create(udp(2));
      await ct.update(udp(2, { mark: 6 }));
      await ct.delete(udp(2));
      await until(() => ours.lines.length === 4, { what: 'the changes' });
      expect(await ours.stop(signal)).to.equal(0);
      const [state, ...changes] = ours.lines;
      expect(state).to.equal('  [STATE] synced flows=1 resyncs=0 lost=0 ambiguous=0');
      const flow = 'src=10.1.1.1 dst=10.2.2.2 sport=2 dport=53';
      expect(
        changes.map((line) => line.replace(/\] .* (?=src=10\.1)|(?<=dport=53) .* (?=cause=)/g, ' ')),
      ).to.deep.equal([
        ` [INSERT ${flow} cause=event generation=2 exact=yes`,
        ` [UPDATE ${flow} cause=event generation=2 exact=yes`,
        ` [DELETE ${flow} cause=event generation=2 exact=yes`,
      ]);
      expect(changes[1]).to.match(/ mark=6 /);
      expect(said(ours)).to.equal(': 3 changes have been shown.\n');
    });

  it('prints an object for each change and state as ndjson', async () => {
    const ours = await watch('-o', 'ndjson');
    await ct.create(udp(2));
    await ct.update(udp(2, { mark: 6 }));
    await until(() => ours.lines.length === 3, { what: 'the changes' });
    expect(await ours.stop()).to.equal(0);
    const [state, insert, update] = ours.lines.map((line) => JSON.parse(line));
    expect(state).to.include({ type: 'state', state: 'synced', flows: 0 });
    expect(state.proof).to.include({ resyncs: 0, lost: 0, ambiguous: 0, preListener: 0, skipped: 0, overdue: 0 });
    expect(insert).to.include({ type: 'insert', cause: 'event', generation: 1, exact: true });
    expect(insert.flow.orig).to.deep.include({ ...UDP, sport: 2 });
    expect(update).to.include({ type: 'update', cause: 'event', generation: 1, exact: true });
    expect([update.old.mark ?? 0, update.flow.mark]).to.deep.equal([0, 6]);
  });

  it('takes a selection, and follows begins and ends only', async () => {
    const ours = await watch('--follow', 'lifecycle', '-s', '10.1.1.0/24', '--filter', 'not port 99');
    await ct.create({ orig: { ...UDP, src: '10.7.7.7', sport: 1 }, timeout: 600 });
    await ct.create({ orig: { ...UDP, sport: 1, dport: 99 }, timeout: 600 });
    await ct.create(udp(2));
    await ct.update(udp(2, { mark: 6 }));
    await ct.delete(udp(2));
    await until(() => ours.lines.length === 3, { what: 'the changes' });
    expect(await ours.stop()).to.equal(0);
    const [, ...changes] = ours.lines;
    expect(changes.map((line) => /^ \[(\w+)\] .*? (sport=\d+ dport=\d+)/.exec(line)!.slice(1))).to.deep.equal([
      ['INSERT', 'sport=2 dport=53'],
      ['DELETE', 'sport=2 dport=53'],
    ]);
  });

  it('prints what a resync finds after lost events, and that there was one', async () => {
    const FLOWS = 300;
    // None ends meanwhile.
    sysctl('nf_conntrack_udp_timeout', 600);
    const ours = await watch('-b', '20000');
    await whileStopped(ours, async () => await storm(FLOWS));
    const end = /^ {2}\[STATE\] synced flows=(\d+) resyncs=([1-9]\d*) lost=([1-9]\d*) /m;
    await until(() => end.test(ours.stdout), { what: 'the resync' });
    expect(await ours.stop()).to.equal(0);
    expect(Number(end.exec(ours.stdout)![1])).to.equal(FLOWS);
    const inserts = ours.lines.filter((line) => line.startsWith(' [INSERT] '));
    expect(new Set(inserts.map((line) => / src=\S+ dst=\S+ /.exec(line)![0])).size).to.equal(FLOWS);
    expect(inserts).to.have.lengthOf(FLOWS);
    expect(inserts.filter((line) => line.includes(' cause=resync ')).length).to.be.above(0);
    // The line of its state comes behind the changes that it is about.
    expect(ours.lines.at(-1)).to.match(end);
  });

  it('watches several namespaces, and says which one a line is of', async () => {
    const names = ['one', 'two'].map((name) => `ctnetlink-${process.pid}-${name}`);
    for (const name of names) sh('ip', 'netns', 'add', name);
    try {
      const ours = await watch(...names.flatMap((name) => ['--netns', name]));
      await until(() => ours.lines.length === 2, { what: 'both states' });
      for (const [index, name] of names.entries()) {
        const there = await Conntrack.open({ netns: name });
        await there.create(udp(index + 1));
        await there.close();
      }
      await until(() => ours.lines.length === 4, { what: 'both changes' });
      expect(await ours.stop()).to.equal(0);
      for (const [index, name] of names.entries()) {
        const [state, insert, ...others] = ours.lines.filter((line) => line.endsWith(` netns=${name}`));
        expect(state).to.match(/^ {2}\[STATE\] synced flows=0 /);
        expect(insert).to.match(new RegExp(`^ \\[INSERT\\] .* sport=${index + 1} .* exact=yes netns=`));
        expect(others).to.deep.equal([]);
      }
    } finally {
      for (const name of names) sh('ip', 'netns', 'delete', name);
    }
  });

  it('--summary prints a line when something has changed', async () => {
    await ct.create(udp(1));
    const ours = await watch('--summary');
    const json = await watch('--summary', '-o', 'ndjson');
    await ct.create(udp(2));
    await ct.delete(udp(2));
    const known = /^flows=1 insert=1 update=0 delete=1 gap=0 state=synced proof=\d+s resyncs=0 lost=0 ambiguous=0$/;
    const isLast = (line: string): boolean => known.test(line);
    await until(() => isLast(ours.lines.at(-1)!), { what: 'the changes' });
    await until(() => JSON.parse(json.lines.at(-1)!).changes.delete === 1, { what: 'the changes as JSON' });
    expect([await ours.stop(), await json.stop('SIGTERM')]).to.deep.equal([0, 0]);
    expect(ours.lines[0]).to.match(/^flows=1 insert=0 update=0 delete=0 gap=0 state=synced /);
    expect(ours.lines.filter(isLast)).to.have.lengthOf(1);
    const last = JSON.parse(json.lines.at(-1)!);
    expect(last).to.deep.include({ type: 'summary', flows: 1, state: 'synced' });
    expect(last.changes).to.deep.equal({ insert: 1, update: 0, delete: 1, gap: 0 });
    expect(said(ours)).to.equal(': 2 changes have been shown.\n');
  });

  it('--summary rewrites its line on a terminal', async () => {
    const command = `stty cols 60; echo $$; exec ${process.execPath} ${MAIN} watch --events-may-abort --summary`;
    const ours = new Running('script', ['-qec', command, '/dev/null']);
    running.push(ours);
    await until(() => ours.stdout.includes('flows=0 insert=0'), { what: 'the first line' });
    await ct.create(udp(2));
    await until(() => ours.stdout.includes('flows=1 insert=1'), { what: 'the change' });
    const pid = Number.parseInt(ours.stdout, 10);
    process.kill(pid, 'SIGINT');
    await until(() => ours.stdout.includes('1 changes have been shown.'), { what: 'the end' });
    const shown = ours.stdout.replaceAll('\x1b', 'ESC').split('ESC[1A');
    expect(shown.length).to.be.above(1);
    // It fits the terminal.
    for (const piece of shown.slice(1, -1)) expect(piece).to.match(/^\rflows=[^\r\n]{53}ESC\[K\r*\n$/);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    it(`ends with 0 at the first ${signal} although its reader does not read`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-watch-'));
      const pipe = join(folder, 'pipe');
      sh('mkfifo', pipe);
      const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const command = `exec "$0" ${MAIN} watch --events-may-abort >${pipe}`;
        const ours = new Running('bash', ['-c', command, process.execPath]);
        running.push(ours);
        await until(() => takes(reader), { what: 'the first line' });
        // Three times as much as a pipe takes.
        await ct.createMany(Array.from({ length: 1500 }, (_, n) => udp(n + 1)));
        await quiet([ours]);
        expect(await ours.stop(signal)).to.equal(0);
        expect(said(ours)).to.match(/^: \d+ changes have been shown\.\n$/);
      } finally {
        closeSync(reader);
        rmSync(folder, { recursive: true });
      }
    });

  it('is quiet, and ends as by SIGPIPE, when its reader has enough', async () => {
    const command = `"$0" ${MAIN} watch --events-may-abort | head -2; echo "\${PIPESTATUS[0]}"`;
    const ours = new Running('bash', ['-c', command, process.execPath]);
    running.push(ours);
    let sport = 1;
    const ended = (): boolean => /\n141\n/.test(ours.stdout);
    await until(async () => {
      if (!ended()) await ct.create(udp(sport++));
      return ended();
    });
    expect(ours.lines).to.have.lengthOf(3);
    expect(ours.stderr).to.equal('');
  });

  it('ends with 1 and the reason when the table cannot go on', async () => {
    const name = `ctnetlink-${process.pid}-gone`;
    sh('ip', 'netns', 'add', name);
    let there = true;
    const leave = (): void => {
      if (there) sh('ip', 'netns', 'delete', name);
      there = false;
    };
    try {
      // What recvmmsg reports of a descriptor that was closed underneath, after the table has been read.
      const strace = [
        '-f',
        '-qq',
        '-o',
        '/dev/null',
        '-e',
        'trace=recvmmsg',
        '-e',
        'inject=recvmmsg:error=EBADF:when=6+',
      ];
      const ours = new Running('strace', [
        ...[...strace, process.execPath, MAIN, 'watch', '--events-may-abort', '--netns', name],
      ]);
      running.push(ours);
      await until(() => ours.lines.length > 0, { what: 'the first line' });
      leave();
      expect(await ours.ended).to.equal(1);
      expect(ours.lines[0]).to.match(/^ {2}\[STATE\] synced /);
      expect(said(ours)).to.match(new RegExp(`^: Operation failed: .*there is no /run/netns/${name}`));
    } finally {
      leave();
    }
  });

  it('ends with 1 and a reason where it may not, or there is no such namespace', () => {
    const { stdout, stderr, status } = ctnetlink('watch', '--netns', 'no/where');
    expect([stdout, status]).to.deep.equal(['', 1]);
    expect(stderr).to.include('there is no no/where');
  });
});
