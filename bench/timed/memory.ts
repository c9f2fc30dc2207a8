/**
 * The counterpart of c/memory.c: the codec without a socket, over a file of concatenated messages. One line of JSON.
 */
import { readFileSync } from 'node:fs';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow, flowCodec } from '../../src/ctnetlink/flow.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { buildCreate } from '../../src/ctnetlink/request/flow.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { walkDatagram } from '../../src/netlink/nlmsg.ts';
import { Writer } from '../../src/netlink/writer.ts';

/** As many, and as often, as the C program. */
const ENTRIES = 200_000;
const ROUNDS = 5;

const bytes = new Uint8Array(readFileSync(process.argv[2]));
const view = viewOf(bytes);
const spans: [offset: number, end: number][] = [];
walkDatagram(view, (_header, _view, offset, end) => spans.push([offset, end]));
const flows = spans.map(([offset, end]) => decodeFlow(view, offset, end));
const writer = new Writer(1 << 16);

/** Nanoseconds an entry: the best of the rounds, which is what the machine can do undisturbed. */
function best(each: (index: number) => void): number {
  let fastest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0, index = 0; i < ENTRIES; i++, index = index + 1 === spans.length ? 0 : index + 1) each(index);
    fastest = Math.min(fastest, ((performance.now() - start) * 1e6) / ENTRIES);
  }
  return fastest;
}

let kept: unknown;
const decode = best((index) => {
  const [offset, end] = spans[index];
  kept = decodeFlow(view, offset, end);
});
const encode = best((index) => flowCodec.write(writer.reset(), flows[index]));

// What createMany() writes of the flows of create.ts: all of one shape.
const objects = Array.from({ length: spans.length }, (_, i): FlowInit => {
  const orig = { src: `10.0.0.${i}`, dst: '192.168.0.1', proto: 'udp', sport: 40000 + i, dport: 53 } as const;
  return { orig, timeout: 3600 };
});
const alike = objects.map((init) => Flow.from(init));
const shape = best((index) => flowCodec.write(writer.reset(), alike[index]));
const request = best((index) => buildCreate(alike[index], 'create').write(writer.reset(), 0));
const object = best((index) => buildCreate(Flow.from(objects[index]), 'create', 'flow', true).write(writer.reset(), 0));

const result = {
  count: spans.length,
  decode_ns: decode,
  encode_ns: encode,
  shape_ns: shape,
  request_ns: request,
  object_ns: object,
  kept: kept !== undefined,
};
console.log(JSON.stringify(result));
