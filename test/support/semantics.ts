/** For the semantics tests: requests exactly as a test writes them, and what the kernel answers, byte for byte. */

import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { explainKernelError } from '../../src/ctnetlink/explain.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { FAMILIES } from '../../src/ctnetlink/names.ts';
import { buildCreate, buildGet, buildMessage, type QueryName } from '../../src/ctnetlink/request/flow.ts';
import { ORIG, REPLY } from '../../src/ctnetlink/slots.ts';
import { completeFrom } from '../../src/ctnetlink/tuple.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { errnoName, KernelError } from '../../src/netlink/errors.ts';
import { walkAttributes } from '../../src/netlink/nlattr.ts';
import { newNlmsghdr, type nlmsghdr, readNlmsghdr, walkDatagram } from '../../src/netlink/nlmsg.ts';
import { readErrno } from '../../src/netlink/nlmsgerr.ts';
import { type Request, bytesOf as written } from '../../src/netlink/request.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import type { Transport } from '../../src/netlink/transport.ts';
import { attributesOf } from '../../src/nfnetlink/nfgenmsg.ts';
import { openTransport } from '../../src/transport/open.ts';
import { NLMSG_ERROR } from '../../src/uapi/netlink.ts';
import { AF_UNSPEC } from '../../src/uapi/socket.ts';
import { changed } from './requests.ts';

/** One message that came, kept. */
export class Message {
  readonly header: nlmsghdr;
  readonly view: DataView;

  constructor(view: DataView, offset: number, end: number) {
    this.view = viewOf(new Uint8Array(view.buffer, view.byteOffset + offset, end - offset).slice());
    this.header = newNlmsghdr();
    readNlmsghdr(this.view, 0, end - offset, this.header);
  }

  get flow(): Flow {
    return decodeFlow(this.view, 0, this.view.byteLength);
  }

  /** Payloads of the outermost attributes by type. */
  get attributes(): Map<number, Uint8Array> {
    const attributes = new Map<number, Uint8Array>();
    walkAttributes(this.view, attributesOf(0, this.view.byteLength), this.view.byteLength, (type, view, start, end) => {
      attributes.set(type, new Uint8Array(view.buffer, view.byteOffset + start, end - start));
    });
    return attributes;
  }

  /** Of an NLMSG_ERROR: 'OK' for an ACK. */
  get code(): string {
    const errno = readErrno(this.view, 0, this.view.byteLength, false);
    return errno === 0 ? 'OK' : errnoName(errno);
  }
}

export interface Answer {
  /** 'OK', or the name of the errno. */
  code: string;
  messages: Message[];
}

/** Changes the message just before it is sent. */
export type Edit = (message: DataView) => void;

/** Exactly these attributes, of the family that their addresses imply, and no check. */
export function message(
  query: QueryName,
  init: FlowInit | Flow | readonly Flow[] = {},
  { family, version }: { family?: number; version?: number } = {},
): Request {
  if (Array.isArray(init)) return buildMessage(query, family ?? AF_UNSPEC, init, version);
  const flow = Flow.from(init as FlowInit);
  const implied = flow.family === undefined ? AF_UNSPEC : FAMILIES[flow.family];
  return buildMessage(query, family ?? implied, flow, version);
}

/** A flow with the reply that follows from its original direction. */
export function replied(init: FlowInit): Flow {
  const flow = Flow.from(init);
  completeFrom(flow.slots, ORIG, REPLY);
  return flow;
}

export class Kernel {
  readonly socket: NetlinkSocket;

  constructor(transport: Transport) {
    this.socket = new NetlinkSocket(transport, explainKernelError);
  }

  static async open(): Promise<Kernel> {
    return new Kernel(await openTransport());
  }

  close(): void {
    this.socket.close();
  }

  olderThan(major: number, minor: number): boolean {
    const [own, ownMinor] = (this.socket.transport.release ?? '0.0').split('.').map(Number);
    return own < major || (own === major && ownMinor < minor);
  }

  async ask(request: Request, edit?: Edit): Promise<Answer> {
    const messages: Message[] = [];
    const sink = {
      message: (_header: unknown, view: DataView, offset: number, end: number) => {
        messages.push(new Message(view, offset, end));
      },
    };
    try {
      await this.socket.request(edited(request, edit), { sink });
      return { code: 'OK', messages };
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      return { code: error.code, messages };
    }
  }

  /** 'OK', or the name of the errno. */
  async code(request: Request, edit?: Edit): Promise<string> {
    return (await this.ask(request, edit)).code;
  }

  async dump(filter: FlowInit = {}, options: { family?: number } = {}): Promise<Answer> {
    return await this.ask(message('dump', filter, { family: AF_UNSPEC, ...options }));
  }

  /** The marks of what a dump gives, by which the tests tell flows apart; or the name of the errno. */
  async marks(filter: FlowInit = {}, options: { family?: number } = {}): Promise<number[] | string> {
    const { code, messages } = await this.dump(filter, options);
    if (code !== 'OK') return code;
    return messages.map(({ flow }) => flow.mark ?? 0).sort((a, b) => a - b);
  }

  /** As Conntrack.create, and it must work. */
  async create(...inits: FlowInit[]): Promise<void> {
    for (const init of inits) {
      const code = await this.code(buildCreate(Flow.from(init), 'create'));
      if (code !== 'OK') throw new Error(`create ${JSON.stringify(init)}: ${code}`);
    }
  }

  /** The message about the flow with this identity, as `get` replies. */
  async reply(init: FlowInit): Promise<Message | undefined> {
    return (await this.ask(buildGet(Flow.from(init)))).messages[0];
  }

  async get(init: FlowInit): Promise<Flow | undefined> {
    return (await this.reply(init))?.flow;
  }
}

function edited(request: Request, edit: Edit | undefined): Request {
  return edit === undefined ? request : changed(request, (writer) => edit(viewOf(writer.finish())));
}

/** The bytes of a request. */
export function bytesOf(request: Request, sequence: number, edit?: Edit): Uint8Array {
  return written(edited(request, edit), sequence);
}

/**
 * Sends datagrams without a pause between them, on a socket of its own and with no tracker that interprets what comes;
 * gives every message up to the NLMSG_ERROR (0 is an ACK) with sequence `last`.
 */
export async function converse(datagrams: readonly Uint8Array[], last: number): Promise<Message[]> {
  const transport = await openTransport();
  try {
    const messages: Message[] = [];
    await new Promise<void>((resolve, reject) => {
      const readable = (): void => {
        for (let datagram = transport.receive(); datagram !== undefined; datagram = transport.receive()) {
          walkDatagram(datagram.view, (header, view, offset, end) => {
            messages.push(new Message(view, offset, end));
            if (header.nlmsg_type === NLMSG_ERROR && header.nlmsg_seq === last) resolve();
          });
        }
      };
      transport.start({ readable, failed: reject });
      for (const datagram of datagrams) transport.send(datagram);
      // A transport that answers at once does not announce it.
      readable();
    });
    return messages;
  } finally {
    transport.close();
  }
}
