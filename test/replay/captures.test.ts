/** Captures of conntrack(8) by other tools: the same command, and the API, give from them what conntrack(8) printed. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { formatFlow } from '../../src/format/plain.ts';
import { type CompiledFilter, Conntrack, type Filter, type Flow } from '../../src/index.ts';
import { ReplayError, readCapture, replay, writeCapture } from '../../src/replay.ts';
import { CAPTURES, captureBytes } from '../support/captures.ts';
import { rejection } from '../support/fake-transport.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * What conntrack(8) printed to its standard output. The programs behind portids are gone, and when it printed an event
 * is in no capture.
 */
function printed(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('conntrack v'))
    .map((line) => line.replace(/ progname=\S+/, '').replace(/^\[\d+\.\d+\]/, '[TIME]'));
}

function expected(name: string): string[] {
  return printed(readFileSync(`${CAPTURES}${name}.txt`, 'utf8'));
}

const BOTH = ['pcap', 'pcapng'];

const COMMANDS: readonly { capture: string; formats: readonly string[]; args: readonly string[]; text?: string }[] = [
  { capture: 'L', formats: BOTH, args: ['-L'] },
  { capture: 'Lf4', formats: BOTH, args: ['-L', '-f', 'ipv4'] },
  { capture: 'Lsrc', formats: BOTH, args: ['-L', '-s', '10.0.0.1'] },
  { capture: 'Lexp', formats: BOTH, args: ['-L', 'expect'] },
  { capture: 'Ccount', formats: BOTH, args: ['-C'] },
  {
    capture: 'G',
    formats: BOTH,
    args: ['-G', '-p', 'tcp', '-s', '10.0.0.1', '-d', '10.1.0.1', '--sport', '1001', '--dport', '80'],
  },
  { capture: 'E', formats: BOTH, args: ['-E', '-o', 'timestamp,id'] },
  { capture: 'two', formats: BOTH, args: ['-L'], text: 'two.a' },
  { capture: 'two', formats: BOTH, args: ['-L', '-m', '5'], text: 'two.b' },
  { capture: 'multi', formats: ['pcapng'], args: ['-L'] },
  { capture: 'strace-L', formats: ['log'], args: ['-L'] },
];

describe('captures of conntrack(8)', () => {
  for (const { capture, formats, args, text = capture } of COMMANDS)
    for (const format of formats)
      it(`${args.join(' ')} --replay ${capture}.${format} prints what conntrack(8) printed`, () => {
        const file = `${CAPTURES}${capture}.${format}`;
        for (const given of [file, '-']) {
          const { stdout, status } = spawnSync(
            process.execPath,
            [join(ROOT, 'dist/cli/main.js'), ...args, '--replay', given],
            { encoding: 'utf8', input: readFileSync(file) },
          );
          expect(printed(stdout), given).to.deep.equal(expected(text));
          expect(status).to.equal(0);
        }
      });

  it('-L --replay reads what is no file of its own, also compressed', () => {
    const command = `"${process.execPath}" "${join(ROOT, 'dist/cli/main.js')}" -L --replay <(gzip -c "${CAPTURES}L.pcapng")`;
    const { stdout, status } = spawnSync('bash', ['-c', command], { encoding: 'utf8' });
    expect([printed(stdout), status]).to.deep.equal([expected('L'), 0]);
  });

  it('-L --replay prints what there is in front of the end of a capture, and fails', () => {
    const file = captureBytes('L.pcap').subarray(0, 2300);
    for (const [output, lines] of [
      [[], 7],
      [['-o', 'json'], 9],
    ] as const) {
      const { stdout, stderr, status } = spawnSync(
        process.execPath,
        [join(ROOT, 'dist/cli/main.js'), '-L', ...output, '--replay', '-'],
        { encoding: 'utf8', input: file },
      );
      expect(stdout.trim().split('\n')).to.have.length(lines);
      expect([status, stderr]).to.deep.equal([
        1,
        stderr.match(/.*the capture ends before the answer to dump does\n/)?.[0],
      ]);
    }
  });

  it('an answer whose ACK was not read is whole', async () => {
    // conntrack(8) reads no more than the flow.
    const { datagrams } = readCapture(captureBytes('G.pcap'));
    const orig = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'tcp', sport: 1001, dport: 80 } as const;
    await using ct = await Conntrack.open({ transport: replay(writeCapture(datagrams.slice(0, 2))) });
    expect((await ct.get({ orig }))?.mark).to.equal(5);
    await using none = await Conntrack.open({ transport: replay(writeCapture(datagrams.slice(0, 1))) });
    expect((await rejection(none.get({ orig }))) as Error).to.be.instanceOf(ReplayError);
  });

  async function listed(name: string, filter: Filter | CompiledFilter = {}): Promise<string[]> {
    await using ct = await Conntrack.open({ transport: replay(captureBytes(name)) });
    const lines: string[] = [];
    for await (const flow of ct.dump(filter)) lines.push(lineOf(ct, flow));
    return lines;
  }

  const lineOf = (ct: Conntrack, flow: Flow): string => formatFlow(flow, { now: ct.time! });

  for (const format of BOTH) {
    it(`dump() has the flows of a ${format} capture`, async () => {
      expect(await listed(`L.${format}`)).to.deep.equal(expected('L'));
      expect(await listed(`Lf4.${format}`, { family: 'ipv4' })).to.deep.equal(expected('Lf4'));
      expect(await listed(`Lsrc.${format}`, { orig: { src: '10.0.0.1' } })).to.deep.equal(expected('Lsrc'));
    });

    it(`a narrower dump() is answered from a wider one of a ${format} capture`, async () => {
      const of5 = expected('L').filter((line) => line.includes(' mark=5 '));
      expect(await listed(`L.${format}`, { mark: 5 })).to.deep.equal(of5);
      const ofSource = expected('L').filter((line) => line.includes(' src=10.0.0.4 dst=10.1.0.4 '));
      expect(await listed(`L.${format}`, { family: 'ipv4', orig: { src: '10.0.0.4' } })).to.deep.equal(ofSource);
    });

    it(`conversations of a ${format} capture with one sequence number are told apart`, async () => {
      await using ct = await Conntrack.open({ transport: replay(captureBytes(`two.${format}`)) });
      const dumps = [await ct.dump().toArray(), await ct.dump({ mark: 5 }).toArray(), await ct.dump().toArray()];
      expect(dumps.map((flows) => flows.length)).to.deep.equal([6, 3, 6]);
      expect(dumps[1].every(({ mark }) => mark === 5)).to.equal(true);
    });

    it(`events of a ${format} capture come once each, with their time`, async () => {
      await using ct = await Conntrack.open({ transport: replay(captureBytes(`E.${format}`), { events: 'recorded' }) });
      const events = await ct.events();
      const types: string[] = [];
      let time = 0;
      for await (const event of events) {
        if (event.type === 'overrun') throw new Error('nothing was lost');
        types.push(event.type);
        expect(event.time! >= time).to.equal(true);
        time = event.time!;
      }
      expect(types).to.deep.equal(expected('E').map((line) => /\[(NEW|UPDATE|DESTROY)\]/.exec(line)![1].toLowerCase()));
      expect(time).to.equal(1_795_719_127_524.821);
    });
  }

  it('a dump with sequence number 0 has its flows, and no events', async () => {
    expect(await listed('seq0.pcap')).to.have.length(7);
    await using ct = await Conntrack.open({ transport: replay(captureBytes('seq0.pcap')) });
    const events = await ct.events();
    expect((await events.next()).done).to.equal(true);
  });

  it('a cut packet of another family spoils nothing', async () => {
    await using ct = await Conntrack.open({ transport: replay(captureBytes('rtcut.pcap')) });
    const types: string[] = [];
    for await (const event of await ct.events()) types.push(event.type);
    expect(types).to.deep.equal(['new', 'update', 'new', 'destroy']);
  });
});
