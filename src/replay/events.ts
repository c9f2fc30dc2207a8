/** The events of a capture, each once. */
import type { nlmsghdr } from '../netlink/nlmsg.ts';
import { NLM_F_MULTI, NLMSG_MIN_TYPE } from '../uapi/netlink.ts';

/** An event, or a loss of events. */
export interface CapturedEvent {
  /** Where the message is in the capture; of a loss, it has none. */
  readonly at: number;
  readonly length: number;
  /** Undefined: events were lost here, which concerns every socket. */
  readonly group: number | undefined;
  /** How many were lost, where that is known. */
  readonly lost: number | undefined;
  readonly time: bigint | undefined;
  /** How many requests precede it in the capture. */
  readonly after: number;
  /** Whose request the kernel reports with it; 0: nobody's. */
  readonly portid: number;
  /** The id of the network namespace that it is from; undefined for that of the socket. */
  readonly nsid: number | undefined;
}

/** Whether a message is an event. Answers carry NLM_F_MULTI, also those to a request with sequence number 0. */
export function isEvent({ nlmsg_seq, nlmsg_type, nlmsg_flags }: nlmsghdr): boolean {
  return nlmsg_seq === 0 && nlmsg_type >= NLMSG_MIN_TYPE && (nlmsg_flags & NLM_F_MULTI) === 0;
}

/** Events that a socket is waited for at the most: about what the largest receive buffer holds, several times. */
const MOST_BEHIND = 1 << 16;
/** Events that are remembered for a socket that begins to listen. */
const RECENT = 1024;

/** What others were given and a socket was not, oldest first. */
class Behind {
  #events: number[];
  #head = 0;

  constructor(events: number[]) {
    this.#events = events;
  }

  push(event: number): void {
    this.#events.push(event);
    if (this.#events.length - this.#head > MOST_BEHIND) this.#head += MOST_BEHIND / 2;
  }

  /**
   * Takes this one, and those in front of it, which a filter or a full buffer has kept away; false where it is not
   * there.
   */
  take(event: number): boolean {
    const at = this.#events.indexOf(event, this.#head);
    if (at < 0) return false;
    this.#head = at + 1;
    if (this.#head > RECENT && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
    return true;
  }
}

/**
 * Several sockets that listen are given each event once each, and a capture has all of that. Where it says whose each
 * is, the sockets are merged: an event that one of them has is given, and waited for at the others. nlmon says it of
 * none, and sees an event once for each listener, one behind the other: there, an event of a flow that is equal to the
 * one before it is the same one, as often as NEW and DESTROY events, which cannot come twice, are repeated.
 */
export class Duplicates {
  readonly #behind = new Map<number, Behind>();
  /** What was given last, for sockets that are not known yet. */
  #recent: number[] = [];
  /** By flow: its last event, how often it has come and been given. */
  readonly #lastOf = new Map<number, { event: number; times: number; given: number }>();
  /** How often each event comes: as often as the last did that cannot come twice, and the one that is not over yet. */
  #listeners = 1;
  #counted = 1;

  /**
   * @param event what equal events have in common
   * @param flow what events of one flow have in common
   * @param unique it cannot come twice in a row
   */
  isNew(event: number, flow: number, unique: boolean, socket: number | undefined): boolean {
    return socket === undefined ? this.#isFirst(event, flow, unique) : this.#isFirstOf(event, socket);
  }

  /** A socket listens from here on. */
  listens(socket: number): void {
    this.#behind.set(socket, new Behind([]));
  }

  /** Events were lost: what comes next may be equal to what came last, and another. */
  forget(): void {
    this.#lastOf.clear();
  }

  #isFirst(event: number, flow: number, unique: boolean): boolean {
    const last = this.#lastOf.get(flow);
    if (last?.event !== event) {
      this.#lastOf.set(flow, { event, times: 1, given: 1 });
      if (unique) {
        this.#listeners = this.#counted;
        this.#counted = 1;
      }
      return true;
    }
    last.times++;
    if (unique) {
      this.#counted = Math.max(this.#counted, last.times);
      return false;
    }
    if (last.times <= last.given * Math.max(this.#listeners, this.#counted)) return false;
    last.given++;
    return true;
  }

  #isFirstOf(event: number, socket: number): boolean {
    let behind = this.#behind.get(socket);
    if (behind === undefined) {
      // It began to listen at some time before this, and the capture does not say when.
      const at = this.#recent.lastIndexOf(event);
      behind = new Behind(at < 0 ? [] : this.#recent.slice(at));
      this.#behind.set(socket, behind);
    }
    if (behind.take(event)) return false;
    for (const [other, waiting] of this.#behind) if (other !== socket) waiting.push(event);
    this.#recent.push(event);
    if (this.#recent.length > 2 * RECENT) this.#recent = this.#recent.slice(RECENT);
    return true;
  }
}

/** What equal bytes have in common, and others, all but surely, have not: 53 bits. */
export function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let a = 0x811c9dc5;
  let b = 0x01000193;
  for (let at = from; at < to; at++) {
    a = Math.imul(a ^ bytes[at], 0x01000193);
    b = Math.imul(b ^ bytes[at], 0x85ebca6b) ^ (b >>> 13);
  }
  return (a >>> 0) * 0x200000 + (b >>> 11);
}
