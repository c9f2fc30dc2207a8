import { describeRequest } from '../ctnetlink/request/describe.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { OverrunError } from '../netlink/errors.ts';
import { align4, walkDatagram, writeNlmsghdr } from '../netlink/nlmsg.ts';
import { Queue } from '../netlink/queue.ts';
import { type Handle, runtime } from '../netlink/runtime.ts';
import type { Datagram, Transport, TransportListener } from '../netlink/transport.ts';
import { NLM_F_ACK, NLM_F_CAPPED, NLMSG_ERROR, NLMSG_HDRLEN, NLMSG_MIN_TYPE } from '../uapi/netlink.ts';
import type { Answer, Cursor } from './cursor.ts';
import { ReplayError } from './error.ts';

/** Turns of the event loop in which a program that waits for events may still make a request. */
const PATIENCE = 2;
/** Milliseconds after which a warning says which request an event waits for. */
const PATIENT = 1000;

/** An answer that is given piece by piece, as it is received. */
interface Replies {
  readonly answer: Answer | ReplayError;
  readonly request: Uint8Array;
  readonly sequence: number;
  readonly wantsAck: boolean;
  /** The piece that comes next. */
  next: number;
  /** The ACK or error was given, or the end of the dump. */
  ended: boolean;
}

export class ReplayTransport implements Transport {
  readonly name = 'replay';
  readonly portid: number;
  readonly allNamespaces: boolean;
  readonly #cursor: Cursor;
  readonly #groups = new Set<number>();
  /** Of groups that were left: how many of all events had come by then. */
  readonly #left = new Map<number, number>();
  readonly #replies = new Queue<Replies>();
  #event = 0;
  /** Datagrams are given from here. */
  #scratch = new Uint8Array(0);
  #listener: TransportListener | undefined;
  readonly #done: () => void;
  #closed = false;
  #referenced = true;
  /** Turns in which nothing was asked while an event waited for a request. */
  #idle = 0;
  #waiting = false;
  /** The request that a warning was prepared for. */
  #warned: string | undefined;
  /**
   * Of events at their own pace: what the clock of the capture and that of this process said at the first, and what
   * waits for the next.
   */
  #pace: { captured: bigint; now: number } | undefined;
  #timer: Handle;
  /** When it fires. */
  #due = 0;

  /** @param done is called when it is closed */
  constructor(cursor: Cursor, portid: number, allNamespaces: boolean, done: () => void) {
    this.#done = done;
    this.allNamespaces = allNamespaces;
    this.#cursor = cursor;
    this.portid = portid;
  }

  get release(): string | undefined {
    return this.#cursor.options.release ?? this.#cursor.script.release;
  }

  get ended(): boolean {
    if (this.#replies.length > 0) return false;
    // An event that waits for a request still comes, without a further send on this socket.
    const { script } = this.#cursor;
    if (this.#groups.size > 0 && script.lastEvent(undefined) >= this.#event) return false;
    for (const group of this.#groups) if (script.lastEvent(group) >= this.#event) return false;
    return this.#event >= this.#came;
  }

  get drained(): boolean {
    return this.#replies.length === 0 && this.#event >= this.#came;
  }

  /** How many of all events had come when a group was left. */
  get #came(): number {
    return Math.max(0, ...this.#left.values());
  }

  start(listener: TransportListener): void {
    this.#listener = listener;
  }

  send(bytes: Uint8Array): void {
    this.#idle = 0;
    walkDatagram(viewOf(bytes), ({ nlmsg_seq, nlmsg_flags }, _view, offset, end) => {
      const request = bytes.slice(offset, end);
      let answer: Answer | ReplayError;
      try {
        answer = this.#cursor.answer(request, nlmsg_seq);
      } catch (error) {
        if (!(error instanceof ReplayError)) throw error;
        answer = error;
      }
      const wantsAck = (nlmsg_flags & NLM_F_ACK) !== 0;
      this.#replies.push({ answer, request, sequence: nlmsg_seq, wantsAck, next: 0, ended: false });
    });
  }

  receive(): Datagram | undefined {
    for (let replies = this.#replies.first; replies !== undefined; replies = this.#replies.first) {
      if (replies.answer instanceof ReplayError) {
        this.#replies.shift();
        throw replies.answer;
      }
      const datagram = this.#nextReply(replies, replies.answer);
      if (datagram !== undefined) return datagram;
    }
    return this.#nextEvent();
  }

  /**
   * The next piece of an answer that has anything in it; undefined at its end. @throws ReplayError when there is no
   * whole answer
   */
  #nextReply(replies: Replies, answer: Answer): Datagram | undefined {
    const { exchange } = answer;
    const { places, times } = exchange;
    while (replies.next < times.length) {
      const at = replies.next++;
      const length = this.#load(places[2 * at], places[2 * at + 1], replies, answer);
      if (length > 0) return this.#datagram(length, times[at]);
    }
    this.#replies.shift();
    const { sequence, request } = replies;
    // The kernel sends an ACK behind what a GET asks for: whoever was recorded did not read it.
    const complete = exchange.finished || (!exchange.dumps && (!exchange.wantsAck || times.length > 0));
    if (!complete)
      throw new ReplayError(`the capture ends before the answer to ${describeRequest(request)} does`, sequence);
    if (exchange.broken)
      throw new ReplayError(`a part of the answer to ${describeRequest(request)} is missing in the capture`, sequence);
    // Whoever recorded it did without.
    const acknowledged = replies.ended || (exchange.finished && exchange.wantsAck);
    if (!replies.wantsAck || acknowledged || exchange.dumps) return undefined;
    return this.#datagram(this.#acknowledge(replies));
  }

  /**
   * Puts a part of an answer where it is received from, and returns its length: readdressed, and without what was not
   * asked for.
   */
  #load(at: number, size: number, replies: Replies, { keeps }: Answer): number {
    const bytes = this.#cursor.script.read(at, size);
    if (this.#scratch.length < size) this.#scratch = new Uint8Array(2 * size);
    const scratch = this.#scratch;
    scratch.set(bytes);
    const view = viewOf(scratch.subarray(0, bytes.length));
    let to = 0;
    walkDatagram(view, (header, _view, offset, end) => {
      if (header.nlmsg_type === NLMSG_ERROR) {
        const refused = view.getInt32(offset + NLMSG_HDRLEN, HOST_LITTLE_ENDIAN) !== 0;
        // A program that asked for none would not know whose it is.
        if (!refused && !replies.wantsAck) return;
        replies.ended = true;
      } else if (keeps !== undefined && header.nlmsg_type >= NLMSG_MIN_TYPE && !keeps(view, offset, end)) {
        return;
      }
      header.nlmsg_seq = replies.sequence;
      header.nlmsg_pid = this.portid;
      writeNlmsghdr(view, offset, header);
      if (to < offset) scratch.copyWithin(to, offset, end);
      to = align4(to + end - offset);
    });
    return Math.min(to, bytes.length);
  }

  /** What the kernel says to whoever asks for it. */
  #acknowledge({ request, sequence }: Replies): number {
    const length = NLMSG_HDRLEN + 4 + NLMSG_HDRLEN;
    if (this.#scratch.length < length) this.#scratch = new Uint8Array(length);
    const scratch = this.#scratch;
    const view = viewOf(scratch);
    writeNlmsghdr(view, 0, {
      nlmsg_len: length,
      nlmsg_type: NLMSG_ERROR,
      nlmsg_flags: NLM_F_CAPPED,
      nlmsg_seq: sequence,
      nlmsg_pid: this.portid,
    });
    view.setInt32(NLMSG_HDRLEN, 0);
    scratch.set(request.subarray(0, NLMSG_HDRLEN), NLMSG_HDRLEN + 4);
    return length;
  }

  #nextEvent(): Datagram | undefined {
    const { script } = this.#cursor;
    // A program that reads its replies before it joins a group must not lose the events that precede them.
    const { events } = script;
    const end = this.#groups.size === 0 ? this.#came : events.length;
    for (; this.#event < end; this.#event++) {
      const { group, at, length, lost, time, nsid } = events[this.#event];
      if (!this.#concerns(group) || (nsid !== undefined && !this.allNamespaces)) continue;
      if (this.#event >= this.#cursor.due) {
        this.#waitForRequest();
        return undefined;
      }
      if (time !== undefined && !this.#isTime(time)) return undefined;
      this.#event++;
      if (group === undefined) throw new OverrunError('events were lost when this was recorded', lost);
      if (this.#scratch.length < length) this.#scratch = new Uint8Array(2 * length);
      this.#scratch.set(script.read(at, length));
      return this.#datagram(length, time, nsid);
    }
    return undefined;
  }

  /**
   * An event waits for a request. Where other programs made requests too, it may be one of theirs, which nobody makes
   * here.
   */
  #waitForRequest(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    runtime.setImmediate(() => {
      this.#waiting = false;
      if (this.#closed) return;
      this.#idle++;
      if (this.#idle < PATIENCE) this.#waitForRequest();
      else if (this.#cursor.giveUp()) this.#listener?.readable();
      else this.#warnOfWait();
    });
  }

  /** A program that left out the request would wait for ever, and not know why. */
  #warnOfWait(): void {
    const { awaited } = this.#cursor;
    if (awaited === undefined || this.#warned === awaited) return;
    this.#warned = awaited;
    const warn = (): void => {
      if (this.#closed || this.#cursor.awaited !== awaited) return;
      const text = `the next event of the capture waits for a request that the program has not made: ${awaited}`;
      runtime.warn('CTNETLINK_REPLAY_WAITS', text, "events: 'free' yields events without the requests before them");
    };
    runtime.setTimeout(warn, PATIENT, false);
  }

  /** Whether an event may come now; else this is woken when it may. */
  #isTime(time: bigint): boolean {
    const { events, speed = 1 } = this.#cursor.options;
    if (events !== 'timed') return true;
    const now = runtime.now();
    this.#pace ??= { captured: time, now };
    const due = this.#pace.now + Number(time - this.#pace.captured) / 1e6 / speed;
    if (due <= now) return true;
    this.#wakeAt(due);
    return false;
  }

  #wakeAt(due: number): void {
    runtime.clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = runtime.setTimeout(
      () => {
        this.#timer = undefined;
        this.#listener?.readable();
      },
      Math.min(Math.max(0, due - runtime.now()), LONGEST),
      this.#referenced,
    );
  }

  joinGroup(group: number): void {
    this.#groups.add(group);
    this.#left.delete(group);
    this.#cursor.listening.add(this);
  }

  leaveGroup(group: number): void {
    if (!this.#groups.delete(group)) return;
    this.#left.set(group, this.#cursor.due);
    if (this.#groups.size === 0) this.#cursor.listening.delete(this);
  }

  ref(): void {
    this.#reference(true);
  }

  unref(): void {
    this.#reference(false);
  }

  #reference(referenced: boolean): void {
    if (referenced === this.#referenced) return;
    this.#referenced = referenced;
    if (this.#timer !== undefined) this.#wakeAt(this.#due);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#done();
    runtime.clearTimeout(this.#timer);
    this.#cursor.listening.delete(this);
  }

  wake(): void {
    this.#idle = 0;
    queueMicrotask(() => {
      if (!this.#closed) this.#listener?.readable();
    });
  }

  #concerns(group: number | undefined): boolean {
    if (group === undefined) return this.#groups.size > 0 || this.#event < this.#came;
    return this.#groups.has(group) || this.#event < (this.#left.get(group) ?? 0);
  }

  #datagram(length: number, time?: bigint, nsid?: number): Datagram {
    const bytes = this.#scratch.subarray(0, length);
    return { bytes, view: viewOf(bytes), sender: 0, truncated: false, time, nsid };
  }
}

/** The longest that timers take, in milliseconds. */
const LONGEST = 0x7fffffff;
