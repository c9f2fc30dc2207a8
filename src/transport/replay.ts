/**
 * A capture instead of a kernel: what a program asks is looked up among the requests of the capture, and the recorded answer comes
 * back through the same tracker and decoder. Needs no privilege and no Linux.
 */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describeBytes, describeRequest, operationOf } from '../ctnetlink/describe-request.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { type Checks, checkBoolean, checkOptions, describe, oneOf } from '../netlink/check.ts';
import { OverrunError, TransportError } from '../netlink/errors.ts';
import { type nlmsghdr, walkDatagram, writeNlmsghdr } from '../netlink/nlmsg.ts';
import { Queue } from '../netlink/queue.ts';
import type {
  Datagram,
  Transport,
  TransportFactory,
  TransportListener,
  TransportOptions,
} from '../netlink/transport.ts';
import {
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  NLMSG_MIN_TYPE,
  NLMSG_NOOP,
  NLMSG_OVERRUN,
} from '../uapi/netlink.ts';
import * as nfnl from '../uapi/nfnetlink.ts';
import { IPCTNL_MSG_CT_DELETE } from '../uapi/nfnetlink_conntrack.ts';
import { type CapturedDatagram, readPcap } from './pcap.ts';

export interface ReplayOptions {
  /**
   * When events come. 'free' (default): as soon as their group is joined. 'recorded': not before all the requests that
   * precede them in the capture have been made, so that a program sees the event of what it did after it did it.
   */
  events?: 'free' | 'recorded';
  /**
   * Answers a request that the capture has n times also for the n+1st time, with the last answer again. Default: that
   * fails.
   */
  repeat?: boolean;
}

const REPLAY_OPTIONS: Checks<ReplayOptions> = { events: oneOf('free', 'recorded'), repeat: checkBoolean };

/** The program asked what the capture has no (further) answer to. */
export class ReplayError extends TransportError {
  override name = 'ReplayError';

  constructor(message: string) {
    super('replay', 0, message);
  }
}

/** A request of the capture and what the kernel answered. */
interface Exchange {
  readonly request: Uint8Array;
  readonly replies: Uint8Array[];
  /** The request in words, once an error message had it. */
  words?: string;
  /** Its place in the capture. */
  readonly index: number;
  /** Its neighbours among those that have not been used. */
  before: Exchange | undefined;
  behind: Exchange | undefined;
}

/** The exchanges of equal requests, in the order of the capture. */
interface Equal {
  readonly exchanges: Exchange[];
  used: number;
}

/** An event, and how many requests precede it in the capture. */
interface CapturedEvent {
  bytes: Uint8Array;
  /** Undefined: an overrun, which concerns every socket. */
  group: number | undefined;
  after: number;
}

/** Requests that an error message names, and those that it chooses from. */
const NAMED = 5;
const LOOKED_AT = 50;

/**
 * A capture taken apart. Sockets of one replay share it. No lookup walks the capture: a request is found by its bytes,
 * what is left is a linked list, and which events are due is a cursor. So a replay takes time in proportion to what is
 * asked and answered.
 */
class Script {
  /** By what requests have in common that are equal: see keyOf. */
  readonly #exchanges = new Map<string, Equal>();
  /** The first and the last exchange that has not been used. */
  #first: Exchange | undefined;
  #last: Exchange | undefined;
  #count = 0;
  readonly events: CapturedEvent[] = [];
  /** By group: the index of its last event. Undefined: overruns. */
  readonly #lastEvents = new Map<number | undefined, number>();
  /** How many of the events may come. */
  #due = 0;
  readonly options: ReplayOptions;
  release: string | undefined;
  /** The sockets that joined a group. */
  readonly listening = new Set<ReplayTransport>();
  #portid = 0;

  constructor(datagrams: readonly CapturedDatagram[], options: ReplayOptions) {
    this.options = options;
    /** The exchange that a sequence number means now: numbers come again where several sockets were recorded. */
    const current = new Map<number, Exchange>();
    for (const { fromKernel, bytes } of datagrams) {
      const view = viewOf(bytes);
      let last: { exchange: Exchange; from: number; to: number } | undefined;
      walkDatagram(view, (header, _view, offset, end) => {
        const message = bytes.subarray(offset, end);
        if (!fromKernel) {
          current.set(header.nlmsg_seq, this.#addExchange(message));
          return;
        }
        const exchange = header.nlmsg_seq === 0 ? undefined : current.get(header.nlmsg_seq);
        if (exchange === undefined) {
          last = undefined;
          this.#unsolicited(header, message);
        } else if (last?.exchange === exchange) {
          // Replies keep their division into datagrams.
          last.to = end;
          exchange.replies[exchange.replies.length - 1] = bytes.subarray(last.from, last.to);
        } else {
          exchange.replies.push(message);
          last = { exchange, from: offset, to: end };
        }
      });
    }
    this.#proceed();
  }

  #addExchange(request: Uint8Array): Exchange {
    const exchange: Exchange = { request, replies: [], index: this.#count++, before: this.#last, behind: undefined };
    if (this.#last === undefined) this.#first = exchange;
    else this.#last.behind = exchange;
    this.#last = exchange;
    const key = keyOf(request);
    const equal = this.#exchanges.get(key);
    if (equal === undefined) this.#exchanges.set(key, { exchanges: [exchange], used: 0 });
    else equal.exchanges.push(exchange);
    return exchange;
  }

  #unsolicited(header: nlmsghdr, bytes: Uint8Array): void {
    const { nlmsg_type } = header;
    if (nlmsg_type === NLMSG_NOOP) {
      const text = textOf(bytes);
      if (text.startsWith('release=')) this.release = text.slice('release='.length);
    } else if (nlmsg_type === NLMSG_OVERRUN) {
      this.#addEvent(bytes, undefined);
    } else if (nlmsg_type >= NLMSG_MIN_TYPE && header.nlmsg_seq === 0) {
      this.#addEvent(bytes, groupOf(header));
    }
  }

  #addEvent(bytes: Uint8Array, group: number | undefined): void {
    this.#lastEvents.set(group, this.events.length);
    this.events.push({ bytes, group, after: this.#count });
  }

  open(): ReplayTransport {
    return new ReplayTransport(this, ++this.#portid);
  }

  /** The recorded answer to this request. */
  answer(request: Uint8Array): Exchange {
    const equal = this.#exchanges.get(keyOf(request));
    if (equal === undefined) throw new ReplayError(this.#explain(request, 0));
    const { exchanges, used } = equal;
    if (used < exchanges.length) {
      equal.used++;
      this.#use(exchanges[used]);
      return exchanges[used];
    }
    if (this.options.repeat !== true) throw new ReplayError(this.#explain(request, exchanges.length));
    return exchanges[exchanges.length - 1];
  }

  #use(exchange: Exchange): void {
    const { before, behind } = exchange;
    if (before === undefined) this.#first = behind;
    else before.behind = behind;
    if (behind === undefined) this.#last = before;
    else behind.before = before;
    // An event may have waited for this request.
    if (this.#proceed() && this.options.events === 'recorded') for (const socket of this.listening) socket.wake();
  }

  /** Finds out which events are due now. True when there are more than before. */
  #proceed(): boolean {
    const before = this.#due;
    const made = this.#first?.index ?? this.#count;
    while (this.#due < this.events.length && this.events[this.#due].after <= made) this.#due++;
    return this.#due > before;
  }

  /** How many of the events have come: of all that there are, the first. */
  get due(): number {
    return this.options.events === 'recorded' ? this.#due : this.events.length;
  }

  /** The index of the last event of a group, or overrun; -1 where there is none. */
  lastEvent(group: number | undefined): number {
    return this.#lastEvents.get(group) ?? -1;
  }

  #explain(request: Uint8Array, recorded: number): string {
    const asked = describeRequest(request);
    if (recorded > 0) {
      const times = recorded === 1 ? 'once, and that is' : `${recorded} times, and they are`;
      return `the capture answers ${asked} ${times} used up (repeat: true gives the last again)`;
    }
    const offered = this.#offered(request);
    if (offered.size === 0) return `the capture has no answer to ${asked}, nor any that is not used`;
    // What differs is in no word: a flag, or an attribute that stands elsewhere.
    const alike = offered.get(asked)?.request;
    const bytes = alike === undefined ? '' : ` (${describeBytes(request)}, but it has ${describeBytes(alike)})`;
    const names = [...offered].slice(0, NAMED).map(([words, { count }]) => `${words}${count > 1 ? ` (${count})` : ''}`);
    if (offered.size > NAMED) names.push('...');
    return `the capture has no answer to ${asked}${bytes}. The capture has: ${names.join('; ')}`;
  }

  /** By their words the first requests that are not used, those of the operation that was asked for before the others. */
  #offered(request: Uint8Array): Map<string, { request: Uint8Array; count: number }> {
    const operation = operationOf(request);
    const same = new Map<string, { request: Uint8Array; count: number }>();
    const others = new Map(same);
    let next = this.#first;
    for (let looked = 0; next !== undefined && looked < LOOKED_AT; looked++, next = next.behind) {
      next.words ??= describeRequest(next.request);
      const group = operationOf(next.request) === operation ? same : others;
      const known = group.get(next.words);
      if (known === undefined) group.set(next.words, { request: next.request, count: 1 });
      else known.count++;
    }
    return new Map([...same, ...others]);
  }
}

class ReplayTransport implements Transport {
  readonly name = 'replay';
  readonly portid: number;
  readonly #script: Script;
  readonly #groups = new Set<number>();
  /** Of groups that were left: how many of all events had come by then. */
  readonly #left = new Map<number, number>();
  readonly #replies = new Queue<Uint8Array>();
  /** A request whose recorded answer has no end. */
  #unfinished: Exchange | undefined;
  #event = 0;
  #listener: TransportListener | undefined;
  #closed = false;

  constructor(script: Script, portid: number) {
    this.#script = script;
    this.portid = portid;
  }

  get release(): string | undefined {
    return this.#script.release;
  }

  get ended(): boolean {
    if (this.#replies.length > 0) return false;
    // An event that waits for a request still comes, without a further send on this socket.
    const script = this.#script;
    if (this.#groups.size > 0 && script.lastEvent(undefined) >= this.#event) return false;
    for (const group of this.#groups) if (script.lastEvent(group) >= this.#event) return false;
    return this.#event >= this.#came;
  }

  get drained(): boolean {
    return this.#replies.length === 0 && this.#unfinished === undefined && this.#event >= this.#came;
  }

  /** How many of all events had come when a group was left. */
  get #came(): number {
    return Math.max(0, ...this.#left.values());
  }

  start(listener: TransportListener): void {
    this.#listener = listener;
  }

  send(bytes: Uint8Array): void {
    walkDatagram(viewOf(bytes), (header, _view, offset, end) => {
      const exchange = this.#script.answer(bytes.subarray(offset, end));
      for (const reply of exchange.replies) this.#replies.push(this.#readdress(reply, header.nlmsg_seq));
      if (!isFinished(exchange)) this.#unfinished = exchange;
    });
  }

  receive(): Datagram | undefined {
    const reply = this.#replies.shift();
    if (reply !== undefined) return datagram(reply);
    const event = this.#nextEvent();
    if (event === undefined && this.#unfinished !== undefined && this.ended) {
      const request = describeRequest(this.#unfinished.request);
      this.#unfinished = undefined;
      // Who waits for the end of that answer would wait for ever.
      throw new ReplayError(`the capture ends before the answer to ${request} does`);
    }
    return event;
  }

  #nextEvent(): Datagram | undefined {
    // Who reads its replies before it joins a group must not lose the events that precede them in the capture.
    const { events } = this.#script;
    const end = this.#groups.size === 0 ? this.#came : events.length;
    for (; this.#event < end; this.#event++) {
      const event = events[this.#event];
      if (!this.#concerns(event)) continue;
      if (this.#event >= this.#script.due) return undefined;
      this.#event++;
      if (event.group === undefined)
        throw new OverrunError('events were lost when this was recorded', lostIn(textOf(event.bytes)));
      return datagram(event.bytes);
    }
    return undefined;
  }

  joinGroup(group: number): void {
    this.#groups.add(group);
    this.#left.delete(group);
    this.#script.listening.add(this);
  }

  leaveGroup(group: number): void {
    if (!this.#groups.delete(group)) return;
    this.#left.set(group, this.#script.due);
    if (this.#groups.size === 0) this.#script.listening.delete(this);
  }

  ref(): void {}

  unref(): void {}

  close(): void {
    this.#closed = true;
    this.#script.listening.delete(this);
  }

  wake(): void {
    queueMicrotask(() => {
      if (!this.#closed) this.#listener?.readable();
    });
  }

  #concerns(event: CapturedEvent): boolean {
    if (event.group === undefined) return this.#groups.size > 0 || this.#event < this.#came;
    return this.#groups.has(event.group) || this.#event < (this.#left.get(event.group) ?? 0);
  }

  /** A copy of recorded replies with the sequence number of the request as it is now, and this socket's portid. */
  #readdress(reply: Uint8Array, sequence: number): Uint8Array {
    const copy = reply.slice();
    walkDatagram(viewOf(copy), (header, view, offset) => {
      header.nlmsg_seq = sequence;
      header.nlmsg_pid = this.portid;
      writeNlmsghdr(view, offset, header);
    });
    return copy;
  }
}

/** What record() noted in a control message. */
function textOf(message: Uint8Array): string {
  return new TextDecoder().decode(message.subarray(NLMSG_HDRLEN));
}

function lostIn(text: string): number | undefined {
  const match = /^lost=(\d+)$/.exec(text);
  return match === null ? undefined : Number(match[1]);
}

function datagram(bytes: Uint8Array): Datagram {
  return { bytes, view: viewOf(bytes), sender: 0, truncated: false };
}

/** Whether the capture has the ACK, error or DONE that the request asked for. */
function isFinished({ request, replies }: Exchange): boolean {
  const flags = viewOf(request).getUint16(6, HOST_LITTLE_ENDIAN);
  if ((flags & NLM_F_ACK) === 0 && (flags & NLM_F_DUMP) !== NLM_F_DUMP) return true;
  let finished = false;
  for (const reply of replies) {
    walkDatagram(viewOf(reply), ({ nlmsg_type }) => {
      finished ||= nlmsg_type === NLMSG_ERROR || nlmsg_type === NLMSG_DONE;
    });
  }
  return finished;
}

/** What equal requests have in common: all but nlmsg_seq and nlmsg_pid, which are another socket's. */
function keyOf(request: Uint8Array): string {
  const bytes = Buffer.from(request.buffer, request.byteOffset, request.length);
  return bytes.toString('latin1', 0, 8) + bytes.toString('latin1', NLMSG_HDRLEN);
}

/** The multicast group that the kernel sent an event to. */
function groupOf({ nlmsg_type, nlmsg_flags }: nlmsghdr): number {
  const expectation = nlmsg_type >> 8 === nfnl.NFNL_SUBSYS_CTNETLINK_EXP;
  if ((nlmsg_type & 0xff) === IPCTNL_MSG_CT_DELETE) {
    return expectation ? nfnl.NFNLGRP_CONNTRACK_EXP_DESTROY : nfnl.NFNLGRP_CONNTRACK_DESTROY;
  }
  if ((nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL)) !== 0) {
    return expectation ? nfnl.NFNLGRP_CONNTRACK_EXP_NEW : nfnl.NFNLGRP_CONNTRACK_NEW;
  }
  return expectation ? nfnl.NFNLGRP_CONNTRACK_EXP_UPDATE : nfnl.NFNLGRP_CONNTRACK_UPDATE;
}

/**
 * Opens sockets onto a capture (of record(), tcpdump on nlmon, or Wireshark) instead of the kernel. Every recorded exchange answers
 * one equal request, in the order of the capture; portids and sequence numbers are made to fit. Events come to the sockets that
 * joined their group, and after the last the event stream ends.
 *
 * @param capture the path of a pcap file, or its bytes
 * @throws TypeError, RangeError naming the argument
 * @throws DecodeError, UnsupportedError for what is no such capture; the errors of node:fs for a path that cannot be read
 */
export function replay(capture: string | URL | Uint8Array, options: ReplayOptions = {}): TransportFactory {
  if (typeof capture !== 'string' && !(capture instanceof URL) && !(capture instanceof Uint8Array)) {
    throw new TypeError(`capture must be a path, a URL or a Uint8Array, not ${describe(capture)}`);
  }
  checkOptions(options, REPLAY_OPTIONS);
  const bytes = capture instanceof Uint8Array ? capture : readFileSync(capture);
  const script = new Script(readPcap(bytes), options);
  return async (_options?: TransportOptions) => script.open();
}
