/** A kernel that the test plays: messages as it would send them, and a transport in memory that carries them. */
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import {
  align4,
  newNlmsghdr,
  type nlmsghdr,
  readNlmsghdr,
  walkDatagram,
  writeNlmsghdr,
} from '../../src/netlink/nlmsg.ts';
import type { Datagram, Transport, TransportListener } from '../../src/netlink/transport.ts';
import {
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
} from '../../src/uapi/netlink.ts';
import { startClock, stopClock } from './clock.ts';

/** What fills a datagram that is no longer valid: as lengths, types and values it is nothing sensible. */
const POISON = 0xa5;
/** What surrounds a datagram in its buffer: a reader that leaves its range finds this. */
const MARGIN = 32;

export interface MessageOptions {
  type?: number;
  flags?: number;
  portid?: number;
}

/** One message, without padding after it. */
export function message(
  sequence: number,
  payload: Uint8Array | number[] = [],
  options: MessageOptions = {},
): Uint8Array {
  const bytes = new Uint8Array(NLMSG_HDRLEN + payload.length);
  writeNlmsghdr(viewOf(bytes), 0, {
    nlmsg_len: bytes.length,
    nlmsg_type: options.type ?? 0x100,
    nlmsg_flags: options.flags ?? 0,
    nlmsg_seq: sequence,
    nlmsg_pid: options.portid ?? 0,
  });
  bytes.set(payload, NLMSG_HDRLEN);
  return bytes;
}

/** A 32-bit integer in host order. */
export function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setInt32(0, value, HOST_LITTLE_ENDIAN);
  return bytes;
}

/** An attribute with its padding. */
export function nlattr(type: number, value: Uint8Array | number[]): Uint8Array {
  const bytes = new Uint8Array(align4(4 + value.length));
  viewOf(bytes).setUint16(0, 4 + value.length, HOST_LITTLE_ENDIAN);
  viewOf(bytes).setUint16(2, type, HOST_LITTLE_ENDIAN);
  bytes.set(value, 4);
  return bytes;
}

export function concat(...parts: (Uint8Array | number[])[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export interface ErrorOptions {
  /** The request that is echoed whole, as without NETLINK_CAP_ACK; else only its header is. */
  whole?: Uint8Array;
  /** Attributes of the extended ACK. */
  extack?: Uint8Array;
}

/** NLMSG_ERROR; `errno` is positive and 0 is an ACK. */
export function error(sequence: number, errno: number, { whole, extack }: ErrorOptions = {}): Uint8Array {
  const echo = whole ?? message(sequence);
  const padded = concat(echo, new Uint8Array(align4(echo.length) - echo.length));
  const flags = (whole === undefined ? NLM_F_CAPPED : 0) | (extack === undefined ? 0 : NLM_F_ACK_TLVS);
  return message(sequence, concat(int32(-errno), padded, extack ?? []), { type: NLMSG_ERROR, flags });
}

export function ack(sequence: number): Uint8Array {
  return error(sequence, 0);
}

/** NLMSG_DONE; `errno` is positive. */
export function done(sequence: number, errno = 0, extack?: Uint8Array, flags = 0): Uint8Array {
  const tlvs = extack === undefined ? 0 : NLM_F_ACK_TLVS;
  return message(sequence, concat(int32(-errno), extack ?? []), {
    type: NLMSG_DONE,
    flags: NLM_F_MULTI | tlvs | flags,
  });
}

/** One datagram of these messages: all padded but the last. */
export function datagram(...messages: Uint8Array[]): Uint8Array {
  return concat(
    ...messages.flatMap((each, index) =>
      index === messages.length - 1 ? [each] : [each, new Uint8Array(align4(each.length) - each.length)],
    ),
  );
}

export function headerOf(bytes: Uint8Array): nlmsghdr {
  const header = newNlmsghdr();
  readNlmsghdr(viewOf(bytes), 0, bytes.length, header);
  return header;
}

/** Copies of the messages in a datagram. */
export function messagesOf(bytes: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  walkDatagram(viewOf(bytes), (_header, _view, offset, end) => messages.push(bytes.slice(offset, end)));
  return messages;
}

/** Plays the kernel: called from inside `send`, with each request that it may keep. */
export type Script = (request: Uint8Array, header: nlmsghdr, transport: FakeTransport) => void;

// After every test, also of files without such a transport.
if (typeof afterEach === 'function') afterEach(startClock);

/** Stops the clock until the end of the test: what one turn of the event loop reads must not depend on the load. */
export class FakeTransport implements Transport {
  readonly name = 'fake';
  readonly portid = 4242;
  /** A test may say which kernel it plays. */
  release: string | undefined = undefined;
  ended = false;
  /** A test may say that this transport knows when nothing waits. */
  drained: boolean | undefined = undefined;
  /** Copies of all messages that were sent. */
  readonly sent: Uint8Array[] = [];
  readonly groups = new Set<number>();
  referenced = true;
  closed = false;
  /** How often `receive` was called, with and without success. */
  receives = 0;
  /** Called when nothing is queued: a kernel that always has more. */
  more: (() => Uint8Array | undefined) | undefined;
  readonly #script: Script | undefined;
  readonly #queue: (Datagram | Error)[] = [];
  #listener: TransportListener | undefined;
  #last: Uint8Array | undefined;

  constructor(script?: Script) {
    this.#script = script;
    stopClock();
  }

  /** Puts a datagram of these messages where `receive` finds it. */
  queue(...messages: Uint8Array[]): void {
    this.#queue.push(inTheMiddle(datagram(...messages)));
  }

  /** The same for one that did not come whole, or from the kernel. */
  queueDatagram(bytes: Uint8Array, special: Partial<Pick<Datagram, 'sender' | 'truncated'>> = {}): void {
    this.#queue.push({ ...inTheMiddle(bytes), ...special });
  }

  /** Makes the next `receive` throw. */
  queueError(error: Error): void {
    this.#queue.push(error);
  }

  /** Notifies the reader that there is something. */
  readable(): void {
    this.#listener?.readable();
  }

  /** `queue` and `readable`. */
  deliver(...messages: Uint8Array[]): void {
    this.queue(...messages);
    this.readable();
  }

  /** The socket is gone. */
  fail(error: Error): void {
    this.#listener?.failed(error);
  }

  /** Datagrams that nobody has read. */
  get unread(): number {
    return this.#queue.length;
  }

  start(listener: TransportListener): void {
    if (this.#listener !== undefined) throw new Error('start was called twice');
    this.#listener = listener;
  }

  send(bytes: Uint8Array): void {
    if (this.closed) throw new Error('send after close');
    for (const request of messagesOf(bytes)) {
      this.sent.push(request);
      this.#script?.(request, headerOf(request), this);
    }
  }

  receive(): Datagram | undefined {
    if (this.closed) throw new Error('receive after close');
    this.receives++;
    // The datagram before this one is no longer valid: a reader that kept its bytes finds out.
    this.#last?.fill(POISON);
    this.#last = undefined;
    let next = this.#queue.shift();
    if (next === undefined) {
      const bytes = this.more?.();
      if (bytes !== undefined) next = inTheMiddle(bytes);
    }
    if (next instanceof Error) throw next;
    this.#last = next?.bytes;
    return next;
  }

  joinGroup(group: number): void {
    this.groups.add(group);
  }

  leaveGroup(group: number): void {
    this.groups.delete(group);
  }

  ref(): void {
    this.referenced = true;
  }

  unref(): void {
    this.referenced = false;
  }

  close(): void {
    this.closed = true;
    this.#last?.fill(POISON);
  }
}

function inTheMiddle(bytes: Uint8Array): Datagram {
  const around = new Uint8Array(bytes.length + 2 * MARGIN).fill(POISON);
  const inside = around.subarray(MARGIN, MARGIN + bytes.length);
  inside.set(bytes);
  return { bytes: inside, view: viewOf(inside), sender: 0, truncated: false };
}

/** Lets everything that waits for a promise run. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** How a promise has ended so far. */
export function watch(promise: Promise<unknown>): { state: 'pending' | 'resolved' | 'rejected'; reason: unknown } {
  const watched = { state: 'pending' as 'pending' | 'resolved' | 'rejected', reason: undefined as unknown };
  promise.then(
    () => {
      watched.state = 'resolved';
    },
    (reason) => {
      watched.state = 'rejected';
      watched.reason = reason;
    },
  );
  return watched;
}

/** What a promise is rejected with; throws when it is not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (reason) {
    return reason;
  }
  throw new Error('the promise was not rejected');
}
