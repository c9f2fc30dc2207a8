/** Decoding and encoding, without a socket. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { walkDatagram } from '../../src/netlink/nlmsg.ts';
import { readCapture } from '../../src/replay.ts';
import { runC, runOurs, sides } from '../programs.ts';
import { takeTurns } from '../rounds.ts';
import { median, ratio } from '../statistics.ts';
import { atMost, Figure, type Table } from '../table.ts';
import type { Size } from './size.ts';

const CAPTURE = fileURLToPath(new URL('../../fixtures/mixed/capture.pcap', import.meta.url));
const C = 'libnetfilter_conntrack';

interface Result {
  count: number;
  decode_ns: number;
  encode_ns: number;
  /** Of requests of one shape: of a Flow its attributes, as C writes them, and the whole request. */
  shape_ns: number;
  /** Ours only. */
  request_ns: number;
  object_ns: number;
}

export async function measureMemory({ rounds }: Size): Promise<Table> {
  const title = 'From memory';
  const messages = messagesOf(CAPTURE);
  let count = 0;
  walkDatagram(viewOf(messages), () => count++);
  const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
  try {
    const file = join(folder, 'messages');
    writeFileSync(file, messages);
    const programs = Object.fromEntries([
      [C, () => runC<Result>('memory', file)],
      ...sides.map((side) => [side.runtime, () => runOurs<Result>(side, 'memory', file)]),
    ]);
    const results = await takeTurns<Result>({ title, rounds, programs, count });
    const figures = (name: string, key: 'decode_ns' | 'encode_ns' | 'shape_ns', goal: number): Figure[] => {
      const [ours, theirs] = [results[name], results[C]].map((each) => each.map((result) => result[key]));
      const microseconds = median(ours) / 1000;
      if (name === C) return [new Figure(microseconds, 2), new Figure(1, 2)];
      return [new Figure(microseconds, 2, atMost(goal)), new Figure(ratio(ours, theirs), 2)];
    };
    const alone = (name: string, key: 'request_ns' | 'object_ns'): Figure | undefined =>
      name === C ? undefined : new Figure(median(results[name].map((result) => result[key])) / 1000, 2);
    return {
      title,
      text: `${count} mixed flows of ${Math.round(messages.length / count)} bytes on average, again and again: nfct_nlmsg_parse and nfct_nlmsg_build against our codec. Of one shape are as many UDP flows, which differ in their values only; a request is what create() sends of a flow, with all its checks.`,
      columns: [
        '',
        'decode, µs an entry',
        'of the C library',
        'encode, µs an entry',
        'of the C library',
        'encode one shape, µs',
        'of the C library',
        'request of a Flow, µs',
        'request of an object, µs',
      ],
      rows: Object.keys(results).map((name) => ({
        name,
        cells: [
          ...figures(name, 'decode_ns', 0.5),
          ...figures(name, 'encode_ns', 1),
          ...figures(name, 'shape_ns', 0.25),
          alone(name, 'request_ns'),
          alone(name, 'object_ns'),
        ],
      })),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The flows of the dump in a capture, one after the other. */
function messagesOf(capture: string): Uint8Array {
  const parts = readCapture(readFileSync(capture)).datagrams.filter(
    ({ fromKernel, bytes }) => fromKernel && bytes.length > 100,
  );
  return Buffer.concat(parts.map(({ bytes }) => bytes));
}
