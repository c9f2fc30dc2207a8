/** A Conntrack over a kernel that the test plays: messages about flows, and what a request said. */
import { Conntrack, type ConntrackOptions } from '../../src/conntrack/conntrack.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow, flowCodec } from '../../src/ctnetlink/flow.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { Writer } from '../../src/netlink/writer.ts';
import { writeNfgenmsg } from '../../src/nfnetlink/request.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_MULTI } from '../../src/uapi/netlink.ts';
import { AF_INET, AF_INET6 } from '../../src/uapi/socket.ts';
import { ack, done, FakeTransport, headerOf, message, type Script } from './fake-transport.ts';

/** What this package knows of: every filter goes to the kernel. */
export const MODERN = '6.18.0';
/** The oldest: no filter but the mark does. */
export const OLD = '4.4.0';

export interface Played {
  ct: Conntrack;
  /** The request socket. */
  fake: FakeTransport;
  /** All sockets, in the order in which they were opened: the request socket, then those of events. */
  sockets: FakeTransport[];
}

export async function play(
  script?: Script,
  { release = MODERN, ...options }: ConntrackOptions & { release?: string } = {},
): Promise<Played> {
  const sockets: FakeTransport[] = [];
  const transport = async (): Promise<FakeTransport> => {
    const fake = new FakeTransport(script);
    fake.release = release;
    sockets.push(fake);
    return fake;
  };
  const ct = await Conntrack.open({ ...options, transport });
  return { ct, fake: sockets[0], sockets };
}

/** The nth of any number of flows, all different. */
export function flow(n: number): FlowInit {
  return {
    orig: { src: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, dst: '192.0.2.1', proto: 'udp', sport: 1000, dport: 53 },
    reply: {
      src: '192.0.2.1',
      dst: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
      proto: 'udp',
      sport: 53,
      dport: 1000,
    },
    status: ['CONFIRMED'],
    timeout: 30,
    mark: n,
    id: 1000 + n,
  };
}

export function range(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, n) => from + n);
}

/** The address that distinguishes one `flow` from another, as its number. */
export function numberOf(each: Flow): number {
  const [, a, b, c] = each.orig.src!.split('.').map(Number);
  return (a << 16) | (b << 8) | c;
}

/** A message about a flow, as the kernel writes it. */
export function flowMessage(
  sequence: number,
  init: FlowInit,
  options: { type?: number; flags?: number; portid?: number } = {},
): Uint8Array {
  const writer = new Writer();
  const from = Flow.from(init);
  writeNfgenmsg(writer, from.family === 'ipv6' ? AF_INET6 : AF_INET);
  flowCodec.write(writer, from);
  return message(sequence, writer.finish(), { type: 0x100, flags: NLM_F_MULTI, ...options });
}

export const NEW = { type: 0x100, flags: NLM_F_CREATE | NLM_F_EXCL };
export const UPDATE = { type: 0x100, flags: 0 };
export const DESTROY = { type: 0x102, flags: 0 };

/** What comes before the ACK of a request that asks for something: here a struct nfgenmsg alone. */
export function reply(sequence: number): Uint8Array {
  return message(sequence, [AF_INET, 0, 0, 0], { type: 0x100 });
}

/** Answers every dump with these flows, `size` of them in a datagram, and all else with an ACK. */
export function kernelWith(flows: readonly FlowInit[], size = 2): Script {
  return (_request, header, kernel) => {
    const sequence = header.nlmsg_seq;
    if ((header.nlmsg_flags & 0x300) !== 0x300 || header.nlmsg_type === 0x100) {
      // A reply that says nothing, in front of the ACK.
      if ([0x101, 0x103, 0x105, 0x201].includes(header.nlmsg_type)) kernel.queue(reply(sequence));
      kernel.queue(ack(sequence));
      return;
    }
    for (let at = 0; at < flows.length; at += size) {
      kernel.queue(...flows.slice(at, at + size).map((each) => flowMessage(sequence, each)));
    }
    kernel.queue(done(sequence));
  };
}

/** What a request says, without its sequence number. */
export interface Said {
  type: number;
  flags: number;
  family: number;
  version: number;
  /** Its attributes, as a flow has them in JSON. */
  flow: Record<string, unknown>;
}

export function said(request: Uint8Array): Said {
  const { nlmsg_type, nlmsg_flags } = headerOf(request);
  const decoded = decodeFlow(viewOf(request), 0, request.length).toJSON();
  return { type: nlmsg_type, flags: nlmsg_flags, family: request[16], version: request[17], flow: decoded };
}
