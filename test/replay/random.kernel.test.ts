/**
 * Random programs on the kernel, recorded; then replayed from what record() wrote, from what nlmon would have seen of
 * it, and from the beginnings of both. A replay gives what was given, or a ReplayError for what is not in the capture:
 * never another answer.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readCapture, writeCapture } from '../../src/capture/capture.ts';
import type { CapturedDatagram } from '../../src/capture/datagram.ts';
import { messages } from '../../src/capture/messages.ts';
import { isListensNote, releaseOf } from '../../src/capture/notes.ts';
import { Conntrack, type Filter, type FlowInit, NetlinkError } from '../../src/index.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { align4 } from '../../src/netlink/nlmsg.ts';
import { ReplayError, record, replay } from '../../src/replay.ts';
import { describeKernel } from '../support/kernel.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

/** linux/netlink.h */
const NETLINK_ROUTE = 0;

const PROGRAMS = sized({ quick: 2, landing: 5, soak: 60 });
const FLOWS = 6;
/** Bytes between two cuts of a short capture. */
const APART = sized({ quick: 5, landing: 3, soak: 1 });

const flow = (n: number): FlowInit & { orig: object } => ({
  orig: {
    src: `10.0.0.${1 + (n % 3)}`,
    dst: '10.0.1.1',
    proto: n % 2 === 0 ? 'udp' : 'sctp',
    sport: 100 + n,
    dport: 53,
  },
  timeout: 600,
  mark: n % 3,
});

/** What a program calls, in words, so that it can be called again. */
type Step =
  | { call: 'dump'; filter: Filter }
  | { call: 'flush'; filter: Filter }
  | { call: Single; n: number; mark: number };
type Single =
  | 'flushAll'
  | 'get'
  | 'create'
  | 'createOrUpdate'
  | 'update'
  | 'delete'
  | 'deleteDumped'
  | 'createMany'
  | 'stats'
  | 'cpuStats'
  | 'expectations';

const SINGLES: readonly Single[] = [
  ...([
    'get',
    'create',
    'createOrUpdate',
    'update',
    'delete',
    'deleteDumped',
    'createMany',
    'stats',
    'cpuStats',
    'expectations',
  ] as const),
];

function randomStep(random: Random): Step {
  if (random.oneIn(3)) return { call: 'dump', filter: randomFilter(random) };
  if (random.oneIn(12)) return { call: 'flush', filter: { mark: random.below(3) } };
  return { call: random.pick(SINGLES), n: random.below(FLOWS), mark: random.below(3) };
}

function randomFilter(random: Random): Filter {
  const filter: Filter = {};
  if (random.oneIn(3)) filter.mark = random.below(3);
  if (random.oneIn(3)) filter.family = 'ipv4';
  if (random.oneIn(4)) filter.status = ['CONFIRMED'];
  if (random.oneIn(4)) filter.orig = random.oneIn(2) ? { src: '10.0.0.2' } : { proto: 'udp', dport: 53 };
  return filter;
}

/** What a step gives: a value, or the code of an error. A ReplayError is a hole, and so is what follows from one. */
const HOLE = Symbol('not in the capture');

async function take(ct: Conntrack, step: Step): Promise<unknown> {
  try {
    return JSON.parse(JSON.stringify((await run(ct, step)) ?? null));
  } catch (error) {
    if (error instanceof ReplayError) return HOLE;
    if (!(error instanceof NetlinkError)) throw error;
    return { error: error.code };
  }
}

async function run(ct: Conntrack, step: Step): Promise<unknown> {
  if (step.call === 'dump') return await ct.dump(step.filter).toArray();
  if (step.call === 'flush') return await ct.flush(step.filter);
  const given = { ...flow(step.n), mark: step.mark };
  switch (step.call) {
    case 'flushAll':
      return await ct.flushAll();
    case 'get':
      return await ct.get(given);
    case 'create':
      return await ct.create(given);
    case 'createOrUpdate':
      return await ct.createOrUpdate(given);
    case 'update':
      return await ct.update({ orig: given.orig, mark: step.mark });
    case 'delete':
      return await ct.delete({ orig: given.orig });
    case 'deleteDumped':
      for (const each of await ct.dump({ mark: step.mark }).toArray()) return await ct.delete(each);
      return undefined;
    case 'createMany':
      return await ct.createMany([given, flow(step.n + 1)], { onError: () => {} });
    case 'stats':
      return await ct.stats();
    case 'cpuStats':
      return (await ct.cpuStats()).map(({ cpu }) => cpu);
    case 'expectations':
      return await ct.expectations.dump().toArray();
  }
}

interface Told {
  results: unknown[];
  events: string[];
}

async function replayed(capture: Uint8Array, steps: readonly Step[]): Promise<Told> {
  await using ct = await Conntrack.open({ transport: replay(capture) });
  const stream = await ct.events();
  const results: unknown[] = [];
  for (const step of steps) results.push(await take(ct, step));
  const events: string[] = [];
  for await (const event of stream) events.push(JSON.stringify({ ...event, time: undefined }));
  return { results, events };
}

/**
 * Writes sequence numbers that collide, as those of several runs of conntrack(8) in one second do; and no portid into
 * requests.
 */
function renumbered(datagrams: readonly CapturedDatagram[]): CapturedDatagram[] {
  /** By socket and number: the new number. */
  const numbers = new Map<string, number>();
  const counts = new Map<number, number>();
  return datagrams.map(({ socket, ...rest }) => {
    const bytes = rest.bytes.slice();
    const view = viewOf(bytes);
    for (let at = 0; at + 16 <= bytes.length; at = align4(at + view.getUint32(at, HOST_LITTLE_ENDIAN))) {
      const sequence = view.getUint32(at + 8, HOST_LITTLE_ENDIAN);
      if (sequence === 0) continue;
      const key = `${socket} ${sequence}`;
      let number = numbers.get(key);
      if (number === undefined) {
        number = (counts.get(socket!) ?? 0) + 1;
        counts.set(socket!, number);
        numbers.set(key, number);
      }
      view.setUint32(at + 8, number, HOST_LITTLE_ENDIAN);
    }
    return { ...rest, bytes };
  });
}

function isEvent({ fromKernel, bytes }: CapturedDatagram): boolean {
  const view = viewOf(bytes);
  return fromKernel && view.getUint32(8, HOST_LITTLE_ENDIAN) === 0 && view.getUint16(4, HOST_LITTLE_ENDIAN) >= 16;
}

/**
 * What nlmon sees of a recording: no release, no sockets, each event once for each listener, and other families
 * between.
 */
function seenByNlmon(datagrams: readonly CapturedDatagram[], listeners: number, random: Random): Uint8Array {
  const first = datagrams.find(isEvent)?.socket;
  const kept = datagrams.filter(
    (each) =>
      releaseOf(each.bytes) === undefined && !isListensNote(each.bytes) && (!isEvent(each) || each.socket === first),
  );
  const seen = renumbered(kept).flatMap((each) =>
    isEvent(each) ? Array<CapturedDatagram>(listeners).fill(each) : [each],
  );
  const parts = [writeCapture([], { format: 'pcap' })];
  const header = parts[0].length;
  for (const each of seen) {
    const packet = writeCapture([each], { format: 'pcap' }).subarray(header);
    // nlmon marks every packet as outgoing.
    packet.set([0, 4], 16);
    parts.push(packet);
    if (!random.oneIn(5)) continue;
    const other = packet.slice();
    other.set([0, NETLINK_ROUTE], 16 + 14);
    parts.push(other);
  }
  return Buffer.concat(parts);
}

function same(told: Told, given: Told, steps: readonly Step[], what: string): void {
  for (const [at, step] of steps.entries())
    expect(told.results[at], `${what}: step ${at}, ${JSON.stringify(step)}`).to.deep.equal(given.results[at]);
  expect(told.events, what).to.deep.equal(given.events);
}

describeKernel('replays of random programs', [], () => {
  const seed = seedFromEnvironment();
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (let n = 0; n < PROGRAMS; n++) {
    it(`give what was given, or say what is missing (seed ${seed}, program ${n})`, async () => {
      const random = new Random(seed * 1000 + n);
      const path = join(folder, `${n}.pcap`);
      const steps: Step[] = [
        { call: 'flushAll', n: 0, mark: 0 },
        ...[0, 2, 4].map((each): Step => ({ call: 'create', n: each, mark: each % 3 })),
        ...Array.from({ length: n === 0 ? 4 : random.between(5, 25) }, () => randomStep(random)),
      ];
      const given: Told = { results: [], events: [] };
      {
        const recorder = record(path);
        await using ct = await Conntrack.open({ transport: recorder });
        const streams = [await ct.events(), await ct.events()];
        for (const step of steps) given.results.push(await take(ct, step));
        for (const stream of streams) await stream.drain();
        const drained: string[][] = [[], []];
        for (const [which, stream] of streams.entries())
          for await (const event of stream) drained[which].push(JSON.stringify({ ...event, time: undefined }));
        expect(drained[1]).to.deep.equal(drained[0]);
        given.events = drained[0];
        recorder.close();
      }
      const own = new Uint8Array(readFileSync(path));
      same(await replayed(own, steps), given, steps, 'as record() wrote it');

      const { datagrams } = readCapture(own);
      const nlmon = seenByNlmon(datagrams, random.between(1, 3), random);
      same(await replayed(nlmon, steps), given, steps, 'as nlmon saw it');

      for (const capture of [own, nlmon])
        for (const length of cuts(random, n === 0, capture.length)) {
          const beginning = await replayed(capture.subarray(0, length), steps);
          const what = `${capture === own ? 'record()' : 'nlmon'}, cut at byte ${length}`;
          expect(beginning.events, what).to.deep.equal(given.events.slice(0, beginning.events.length));
          for (const [at, result] of beginning.results.entries())
            if (result !== HOLE && !countsHoles(steps[at]))
              expect(result, `${what}, step ${at}`).to.deep.equal(given.results[at]);
        }
      expect(messages(datagrams[1].bytes)).to.have.length.above(0);
    });
  }
});

/** It reports how many failed: those that are not in the capture are among them. */
function countsHoles({ call }: Step): boolean {
  return call === 'createMany';
}

const FILE_HEADER = 24;

/** Where a capture is cut: all along a short one, some places of the others. */
function cuts(random: Random, every: boolean, length: number): Iterable<number> {
  if (!every) return Array.from({ length: 25 }, () => random.between(FILE_HEADER, length));
  return Array.from({ length: Math.ceil((length - FILE_HEADER) / APART) }, (_, at) => FILE_HEADER + at * APART);
}
