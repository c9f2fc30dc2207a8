/** Flows for the formatters: random ones of every attribute, and messages of what the kernel says. */

import { ATTRIBUTES } from '../../../src/ctnetlink/attributes/flow.ts';
import { KINDS, type SlotValue } from '../../../src/ctnetlink/attributes/kinds.ts';
import { Flow, flowCodec } from '../../../src/ctnetlink/flow.ts';
import { buildDump } from '../../../src/ctnetlink/request/flow.ts';
import { START, STOP } from '../../../src/ctnetlink/slots.ts';
import type { nlmsghdr } from '../../../src/netlink/nlmsg.ts';
import type { Request } from '../../../src/netlink/request.ts';
import { NetlinkSocket } from '../../../src/netlink/socket.ts';
import { Writer } from '../../../src/netlink/writer.ts';
import { writeNfgenmsg } from '../../../src/nfnetlink/request.ts';
import { openTransport } from '../../../src/transport/open.ts';
import type { Random } from '../random.ts';

export interface Sample {
  flow: Flow;
  family: number;
}

export const KNOWN_PROTOCOLS = [6, 17, 1, 58, 132, 33, 47, 136];
export const PORTS = new Set([6, 17, 132, 33, 47, 136]);
export const ICMP = new Set([1, 58]);
const HELPERS = ['ftp', 'sip', '', 'a b', 'tftp-20000', 'H.245_123456789'];
const CONTEXTS = ['system_u:object_r:unlabeled_t:s0', '', 'a b<&"', 'x'.repeat(200)];
const IPV6 = [
  '::',
  '::1',
  '::1.2.3.4',
  '::ffff:255.255.255.255',
  'a:b:0:c:d:e:f:1',
  '1:0:0:2:0:0:0:3',
  '1:0:0:0:2:0:0:0',
  'fd00::ff',
  'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  '0:0:1::',
  '::2:0',
  '::1:0:0',
];

/** Some value of this kind as its slot has it; often one at the edge of its range. */
export function slotValue(random: Random, kind: keyof typeof KINDS): SlotValue {
  const { size } = KINDS[kind];
  switch (kind) {
    case 'ipv6': {
      if (random.percent(50)) return KINDS.ipv6.set(random.pick(IPV6), 'test') as Uint8Array;
      // Zero groups often: what is compressed is what can go wrong.
      return Uint8Array.from({ length: 16 }, () => (random.percent(60) ? 0 : random.below(256)));
    }
    case 'be64': {
      const value = random.pick([0n, 1n, 0xffffffffn, 0x1fffffffffffffn, 0x20000000000000n, 0xffffffffffffffffn, -1n]);
      if (value >= 0n) return KINDS.be64.set(value, 'test');
      return KINDS.be64.set((BigInt(random.uint32()) << 32n) | BigInt(random.uint32()), 'test');
    }
    case 'string':
      return random.pick(HELPERS);
    case 'labels':
      return Uint8Array.from({ length: random.pick([4, 8, 16, 16, 16]) }, () =>
        random.percent(60) ? 0 : random.below(256),
      );
    case 'bytes':
      return Uint8Array.from({ length: random.below(20) }, () => random.below(256));
    default: {
      const value = random.percent(30) ? random.pick([0, 1, 0x7fffffff, 0xffffffff]) : random.uint32();
      return size === 1 || kind === 'pair' ? value & 0xff : size === 2 ? value & 0xffff : value | 0;
    }
  }
}

/**
 * A flow of random attributes, each as likely there as not. What no message can mean is left out: addresses of the
 * other family, ports beside ICMP types, states of two protocols (a union in C). Timestamps always have their stop,
 * unless `running`.
 */
export function randomSample(random: Random, running = false): Sample {
  const flow = new Flow();
  const { slots } = flow;
  const family = random.pick([2, 10]);
  const proto = random.percent(70) ? random.pick(KNOWN_PROTOCOLS) : random.below(256);
  // From almost bare to almost complete.
  const density = random.pick([10, 50, 90]);
  const tuples = random.pick([['orig', 'reply'], ['orig', 'reply'], ['orig', 'reply', 'master'], ['orig'], ['reply']]);
  const protoinfo = random.pick(['tcp', 'sctp', 'dccp']);
  ATTRIBUTES.forEach((row, slot) => {
    const [group, name] = row.property.split('.');
    if (['tcp', 'sctp', 'dccp'].includes(group) && group !== protoinfo) return;
    if (group === 'filter' || group === 'timestamp' || row.property === 'statusMask') return;
    if (['orig', 'reply', 'master'].includes(group)) {
      if (!tuples.includes(group)) return;
      // The family follows from the message, and the kernel leaves the protocol out of no tuple.
      if (name === 'family') slots[slot] = family;
      else if (name === 'proto') slots[slot] = proto;
      else if ((row.kind === 'ipv4' && family === 10) || (row.kind === 'ipv6' && family === 2)) return;
      else if (/port$/.test(name) && !PORTS.has(proto)) return;
      else if (/^icmp/.test(name) && !ICMP.has(proto)) return;
      else if (random.percent(name === 'zone' ? density / 2 : 85)) slots[slot] = slotValue(random, row.kind);
      return;
    }
    if (!random.percent(density)) return;
    slots[slot] = row.property === 'secctx' ? random.pick(CONTEXTS) : slotValue(random, row.kind);
  });
  if (running || random.percent(density)) {
    const stop = 1_700_000_000_000_000_000n + BigInt(random.below(1_000_000)) * 100_000_000n;
    const nanoseconds = BigInt(random.uint32()) * BigInt(random.pick([1, 1000, 1_000_000]));
    if (!running) slots[STOP] = stop;
    if (running || random.percent(80)) slots[START] = random.percent(80) ? stop - nanoseconds : stop + nanoseconds;
  }
  return { flow, family };
}

/** The message that says this flow. */
export function messageOf({ flow, family }: Sample, type = 0x100, flags = 0): Uint8Array {
  const writer = new Writer();
  const at = writer.beginMessage(type, flags, 0);
  writeNfgenmsg(writer, family);
  flowCodec.write(writer, flow);
  writer.endMessage(at);
  return writer.finish();
}

/** Every entry of the table of this namespace, as the kernel says it; of another table with the request for that. */
export async function dumpMessages(build: Request = buildDump('dump')): Promise<Uint8Array[]> {
  const messages: Uint8Array[] = [];
  const message = (_header: nlmsghdr, view: DataView, offset: number, end: number): void => {
    messages.push(new Uint8Array(view.buffer, view.byteOffset + offset, end - offset).slice());
  };
  const socket = new NetlinkSocket(await openTransport());
  try {
    await socket.request(build, { sink: { message } });
  } finally {
    socket.close();
  }
  return messages;
}
