/**
 * Sends and receives in another thread, on another processor, while JavaScript decodes what came before and builds what
 * comes next. Two thirds of the time of a dump are spent in recvmsg, and of that of a batch in sendmsg, so that our own
 * part comes to cost next to nothing. What is sent here is what takes the kernel long (Request.takesLong): large
 * batches, and dumps with a filter or of one family, for which the kernel walks the table inside of sendmsg and recvmsg
 * until it has a datagram full of what passes: half a second for a million flows if none passes.
 *
 * One chain of operations is under way at a time: datagrams to send, if there are any, then receives. They end in their
 * order. Where there is io_uring, a thread of the kernel does them (ring.ts). When nothing is left to receive, the next
 * receive ends with EAGAIN, which cancels the rest: nothing is left waiting. Elsewhere a thread of the C library does
 * them (aio.ts). There EAGAIN cancels nothing: the rest end the same way, or receive what came meanwhile. Where neither
 * can be had, what was to be sent is sent directly.
 */
import { runtime } from '../../netlink/runtime.ts';
import type { Datagram } from '../../netlink/transport.ts';
import { EAGAIN, ECANCELED, ENOBUFS } from '../../uapi/errno.ts';
import { AioChain } from './aio.ts';
import { sendmsg } from './call.ts';
import type { Chain } from './chain.ts';
import { Ring } from './io_uring/ring.ts';
import type { Libc } from './libc.ts';
import { Outgoing } from './outgoing.ts';
import { DATAGRAM_SIZE, ReceiveBuffers } from './receive-buffers.ts';

/** Receives in a chain: of a dump some 5 ms of the kernel's work, half a megabyte. */
const CHAIN = 16;
/** Datagrams sent in a chain. */
const SENDS = 4;
/** Datagrams that are waited for at once: every wake-up costs the thread of the kernel's too. */
const TOGETHER = 4;
/**
 * Milliseconds that the event loop is kept while nothing comes: a kernel that filters a large table may take long for
 * one datagram.
 */
const PATIENCE = 4;
/** Milliseconds between looks whether all of a closed socket has been sent. */
const CLOSING = 2;

/** Among the buffers of what came: in this place the receive buffer overran. */
const OVERRUN = -1;

/** @throws TransportError where nothing can do chains on such a socket, RangeError where there is no memory */
function chainFor(libc: Libc, connected: boolean): Chain {
  try {
    return Ring.take(libc, PATIENCE);
  } catch (error) {
    // read(2) does not say who sent a datagram.
    if (libc.aio === undefined || !connected) throw error;
    return new AioChain(libc, libc.aio, PATIENCE);
  }
}

export class Ahead {
  readonly #fd: number;
  readonly #libc: Libc;
  readonly #connected: boolean;
  #chain: Chain;
  readonly #buffers: ReceiveBuffers;
  readonly #outgoing: Outgoing[] = [];
  /** Used again: memory outside of the heap costs more than what it takes to fill it. */
  readonly #spare: Outgoing[] = [];
  /** The datagrams at the head of the chain, which must stay where they are until they are sent. */
  readonly #sending: Outgoing[] = [];
  /** Those of a chain that ended before their turn. */
  readonly #unsent: Outgoing[] = [];
  #sendError: Error | undefined;
  /** The half of the buffers that the chain receives into. */
  #half = 1;
  /** Receives of the chain, and those of them whose end has not been seen. */
  #receives = 0;
  #under = 0;
  /** Lengths by buffer. */
  readonly #lengths = new Int32Array(2 * CHAIN);
  /** Buffers whose datagram came and was not handed on (or OVERRUN), `count` of them from `first` on, going round. */
  readonly #came = new Int32Array(2 * CHAIN + 1);
  #first = 0;
  #count = 0;
  /** There may be more to receive. */
  #more = false;
  /** The receive buffer overran, and the queue was not read empty since: what is sent now would not be answered. */
  #congested = false;
  #refused = false;
  #closing = false;

  /**
   * @param connected only the kernel can send to this socket
   * @throws TransportError where nothing can do chains on it, RangeError where there is no memory
   */
  constructor(libc: Libc, fd: number, connected: boolean) {
    this.#libc = libc;
    this.#fd = fd;
    this.#connected = connected;
    this.#buffers = new ReceiveBuffers(libc, 2 * CHAIN);
    try {
      this.#chain = chainFor(libc, connected);
    } catch (error) {
      this.#buffers.free();
      throw error;
    }
  }

  /** While it is, the socket must not be read by anybody else. */
  get busy(): boolean {
    return this.#chained || this.#count > 0 || this.#more || this.#outgoing.length > 0;
  }

  /** A chain was not taken, or not all of it: nothing is to be sent or started here any more. */
  get refused(): boolean {
    return this.#refused;
  }

  /** Receives until there is no more, from the next `receive` or `advance` on. */
  start(): void {
    this.#more = true;
  }

  /**
   * Sends a copy of the datagram, then receives until there is no more, from the next `receive` or `advance` on: not at
   * once, because the datagram that was given last may still be read, and a chain would receive over it.
   */
  send(bytes: Uint8Array): void {
    const spare = this.#spare.pop();
    if (spare?.set(bytes) === true) {
      this.#outgoing.push(spare);
      return;
    }
    spare?.free();
    this.#outgoing.push(new Outgoing(this.#libc, bytes));
  }

  /**
   * The next datagram, if one is there; 'overrun' in the place where the receive buffer overran.
   * @throws TransportError when a datagram could not be sent
   */
  receive(): Datagram | 'overrun' | undefined {
    this.#collect();
    if (this.#count === 0) {
      const error = this.#sendError;
      this.#sendError = undefined;
      if (error !== undefined) throw error;
      return undefined;
    }
    const buffer = this.#came[this.#first];
    this.#first = (this.#first + 1) % this.#came.length;
    this.#count--;
    if (buffer === OVERRUN) return 'overrun';
    return this.#buffers.datagram(buffer, this.#lengths[buffer]);
  }

  /**
   * Lets the kernel go on, and waits for the next to come, some milliseconds at the most. No datagram that was given is
   * valid after it.
   */
  advance(): void {
    this.#collect();
    if (this.#chained && this.#count === 0 && this.#chain.ready === 0)
      this.#chain.wait(this.#sending.length + Math.min(this.#under, TOGETHER));
  }

  /**
   * Sends what is still to be sent, then calls `closed` when the kernel uses neither our memory nor the descriptor any
   * more.
   */
  close(closed: () => void): void {
    this.#closing = true;
    this.#collect();
    // Nobody reads any more.
    this.#count = 0;
    const unsent = this.#outgoing.length > 0;
    if (this.#chained || unsent) {
      runtime.setTimeout(() => this.close(closed), CLOSING, unsent || this.#sending.length > 0);
      return;
    }
    this.#chain.retire(() => {
      this.#buffers.free();
      for (const outgoing of this.#spare.splice(0)) outgoing.free();
      closed();
    });
  }

  /** A chain is under way. */
  get #chained(): boolean {
    return this.#under > 0 || this.#sending.length > 0;
  }

  /** Takes the ends that are there, and starts the next chain before anybody decodes what they gave. */
  #collect(): void {
    for (let ready = this.#chain.ready; ready > 0; ready--) {
      const result = this.#chain.next();
      const sent = this.#sending.shift();
      if (sent === undefined) this.#received(result);
      else if (result < 0) this.#unsent.push(sent);
      else this.#spare.push(sent);
    }
    if (this.#chained) return;
    if (this.#unsent.length > 0) {
      // The kernel had no memory for the first of them. A chain of the kernel's has cancelled the others with it.
      this.#outgoing.unshift(...this.#unsent.splice(0));
      this.#sendDirectly();
    }
    const more = this.#outgoing.length > 0 || (this.#more && !this.#closing);
    if (more && this.#otherHalfIsFree) this.#startChain();
  }

  /** A receive of the chain has ended. */
  #received(result: number): void {
    const buffer = this.#half * CHAIN + this.#receives - this.#under;
    this.#under--;
    if (result >= 0) {
      this.#lengths[buffer] = result;
      // The largest that the kernel makes are smaller.
      if (!this.#chain.fillsHeaders) this.#buffers.setTruncated(buffer, result === DATAGRAM_SIZE);
      this.#cameNext(buffer);
      return;
    }
    // Behind one that ended so.
    if (result === -ECANCELED) return;
    // What is queued comes behind an overrun. After all others, whoever receives directly finds out what there is.
    this.#more = result === -ENOBUFS;
    if (result === -ENOBUFS) {
      this.#cameNext(OVERRUN);
      this.#congested = true;
    } else if (result === -EAGAIN) {
      this.#congested = false;
    }
  }

  #cameNext(buffer: number): void {
    this.#came[(this.#first + this.#count++) % this.#came.length] = buffer;
  }

  /** Nothing of it waits to be handed on: it would be the first. */
  get #otherHalfIsFree(): boolean {
    return this.#count === 0 || Math.floor(this.#came[this.#first] / CHAIN) === this.#half;
  }

  #startChain(): void {
    this.#more = false;
    if (this.#refused) {
      this.#sendDirectly();
      return;
    }
    const sending = this.#congested ? [] : this.#outgoing.splice(0, SENDS);
    this.#half ^= 1;
    // Behind what is sent an ACK each, and EAGAIN. Where more comes, a chain of its own takes it.
    const receives = sending.length > 0 ? sending.length + 1 : CHAIN;
    let taken = this.#submit(sending, receives);
    if (taken === 0 && this.#leaveRing()) taken = this.#submit(sending, receives);
    this.#sending.push(...sending.slice(0, taken));
    this.#outgoing.unshift(...sending.slice(taken));
    this.#receives = Math.max(0, taken - sending.length);
    this.#under = this.#receives;
    if (taken === sending.length + receives) {
      this.#more = true;
      return;
    }
    this.#refused = true;
    if (!this.#chained) this.#sendDirectly();
  }

  #submit(sending: readonly Outgoing[], receives: number): number {
    const chain = this.#chain;
    for (const outgoing of sending) chain.send(this.#fd, outgoing);
    const first = this.#half * CHAIN;
    for (let at = 0; at < receives; at++) chain.receive(this.#fd, this.#buffers, first + at, at === receives - 1);
    return chain.submit();
  }

  /** The kernel lets this process set rings up, but not use them: takes another chain. False where there is none. */
  #leaveRing(): boolean {
    if (!(this.#chain instanceof Ring) || !Ring.isForbidden(this.#libc)) return false;
    try {
      const chain = chainFor(this.#libc, this.#connected);
      this.#chain.retire(() => {});
      this.#chain = chain;
      return true;
    } catch {
      return false;
    }
  }

  #sendDirectly(): void {
    for (let next = this.#outgoing.shift(); next !== undefined; next = this.#outgoing.shift()) {
      this.#spare.push(next);
      try {
        sendmsg(this.#libc, this.#fd, next);
      } catch (error) {
        // The others are requests of their own.
        this.#sendError ??= error as Error;
      }
    }
  }
}
