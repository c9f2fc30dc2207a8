/**
 * The npm package `netlink`: prebuilt, Node's main thread only. It carries requests and dumps well; an event overrun
 * makes it abort the process, so it joins groups only with the option `eventsMayAbortProcess`.
 */

import { viewOf } from '../../netlink/byteorder.ts';
import { ACK_CHARGE, DUMP_CHARGE } from '../../netlink/charges.ts';
import { OverrunError, TransportError, UnsupportedError } from '../../netlink/errors.ts';
import { builtin, files, isMainThread } from '../../netlink/platform.ts';
import { runtime } from '../../netlink/runtime.ts';
import type { Datagram, Transport, TransportListener, TransportOptions } from '../../netlink/transport.ts';
import { ENOBUFS } from '../../uapi/errno.ts';
import { NETLINK_NETFILTER } from '../../uapi/netlink.ts';
import { packageRefused } from '../permissions.ts';

/**
 * One read takes a whole datagram: the kernel fills dumps 32 KiB at a time, and remembers the largest read of a socket.
 */
const READ_BUFFER = 65536;

/** Of the addon's interface, what is used. */
interface RawNetlinkSocket {
  on(event: 'message' | 'truncatedMessage', listener: (message: Uint8Array, info: { port: number }) => void): void;
  on(event: 'error', listener: (error: AddonError) => void): void;
  send(message: Uint8Array, options: { port: number }, callback: (error?: AddonError) => void): void;
  close(): void;
  address(): { port: number };
  ref(): void;
  unref(): void;
  addMembership(group: number): void;
  dropMembership(group: number): void;
  setRecvBufferSize(size: number): void;
}

interface AddonError extends Error {
  errno?: number;
  syscall?: string;
}

interface AddonModule {
  RawNetlinkSocket: new (
    protocol: number,
    options: { messagePeeking: boolean; msgBufferSize: number },
  ) => RawNetlinkSocket;
}

export interface AddonOptions extends TransportOptions {
  /**
   * Joins multicast groups although **an overrun of the receive buffer then aborts the process** (SIGABRT from inside
   * the addon, which JavaScript cannot catch), and although some events may be lost unreported. For tools that may die,
   * on quiet machines.
   */
  eventsMayAbortProcess?: boolean | undefined;
}

function toTransportError(syscall: string, error: AddonError): TransportError {
  return new TransportError(error.syscall ?? syscall, Math.abs(error.errno ?? 0), error.message, { cause: error });
}

function attempt<T>(syscall: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw toTransportError(syscall, error as AddonError);
  }
}

class AddonTransport implements Transport {
  readonly name = 'addon';
  readonly portid: number;
  readonly release = builtin('node:os')?.release();
  readonly ended = false;
  readonly window: number;
  readonly #socket: RawNetlinkSocket;
  readonly #mayJoin: boolean;
  #queue: (Datagram | TransportError | OverrunError)[] = [];
  #head = 0;
  #listener: TransportListener | undefined;
  #closed = false;

  constructor(socket: RawNetlinkSocket, mayJoin: boolean, window: number) {
    this.window = window;
    this.#socket = socket;
    this.#mayJoin = mayJoin;
    this.portid = attempt('getsockname', () => socket.address().port);
    closeAtExit(socket);
    socket.on('message', (message, info) => this.#push(datagram(message, info.port, false)));
    socket.on('truncatedMessage', (message, info) => this.#push(datagram(message, info.port, true)));
    socket.on('error', (error) => {
      const overrun = Math.abs(error.errno ?? 0) === ENOBUFS;
      this.#push(overrun ? new OverrunError('the receive buffer overran') : toTransportError('recvmsg', error));
    });
  }

  start(listener: TransportListener): void {
    this.#listener = listener;
  }

  send(bytes: Uint8Array): void {
    // The addon may keep what it cannot send at once, and takes Buffers only.
    const copy = Buffer.from(bytes);
    attempt('sendmsg', () =>
      this.#socket.send(copy, { port: 0 }, (error) => {
        if (error !== undefined && error !== null) this.#push(toTransportError('sendmsg', error));
      }),
    );
  }

  receive(): Datagram | undefined {
    if (this.#head === this.#queue.length) {
      if (this.#head > 0) {
        this.#queue = [];
        this.#head = 0;
      }
      return undefined;
    }
    const next = this.#queue[this.#head];
    // What has been handed out must not be kept alive by the queue.
    this.#queue[this.#head++] = NOTHING;
    if (next instanceof Error) throw next;
    return next;
  }

  joinGroup(group: number): void {
    if (!this.#mayJoin) throw new UnsupportedError(EVENTS_REFUSED);
    attempt('setsockopt', () => this.#socket.addMembership(group));
  }

  leaveGroup(group: number): void {
    attempt('setsockopt', () => this.#socket.dropMembership(group));
  }

  /** This addon opens sockets where the process is. */
  setting(name: string): number | undefined {
    try {
      const value = Number.parseInt(files().readFileSync(`/proc/sys/net/${name}`, 'latin1'), 10);
      return Number.isNaN(value) ? undefined : value;
    } catch {
      return undefined;
    }
  }

  ref(): void {
    if (!this.#closed) this.#socket.ref();
  }

  unref(): void {
    if (!this.#closed) this.#socket.unref();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#head = 0;
    // Inside of its own callback, which promises that it settles still belong to, the addon would go on with what it
    // has just closed and abort the process. No immediate runs in there.
    runtime.setImmediate(() => {
      // The process ended in between.
      if (open.delete(this.#socket)) this.#socket.close();
    });
  }

  /** An exception that left a handler of the addon would abort the process. */
  #push(item: Datagram | TransportError | OverrunError): void {
    if (this.#closed) return;
    enterCallback();
    this.#queue.push(item);
    try {
      this.#listener?.readable();
    } catch (error) {
      runtime.setImmediate(() => {
        throw error;
      });
    }
  }
}

/**
 * Those that the process closes when it ends: the addon calls back for what arrives later, when nothing can run any
 * more, and aborts.
 */
const open = new Set<RawNetlinkSocket>();
let closesAtExit = false;
let inCallback = false;

function closeAtExit(socket: RawNetlinkSocket): void {
  open.add(socket);
  if (closesAtExit) return;
  closesAtExit = true;
  runtime.onExit(() => {
    // Inside of a callback nothing may be closed: see AddonTransport.close.
    if (!inCallback) for (const each of open) each.close();
    open.clear();
  });
}

/** No immediate runs inside of a callback of the addon's, and promises do. */
function enterCallback(): void {
  if (inCallback) return;
  inCallback = true;
  runtime.setImmediate(() => {
    inCallback = false;
  });
}

/** net.core.rmem_default of most kernels; setsockopt doubles what it is given. */
const DEFAULT_BUFFER = 212992;
/** Answers, and an end to how many: more than enough to keep the kernel busy. */
const LARGEST_WINDOW = 64 * ACK_CHARGE;

/** The addon aborts the process when its buffer overruns, and a thousand requests at once are enough for that. */
function windowOf(receiveBuffer: number | undefined): number {
  const size = receiveBuffer === undefined ? DEFAULT_BUFFER : 2 * receiveBuffer;
  return Math.max(0, Math.min(LARGEST_WINDOW, size - DUMP_CHARGE));
}

const NOTHING: Datagram = {
  bytes: new Uint8Array(0),
  view: new DataView(new ArrayBuffer(0)),
  sender: 0,
  truncated: false,
};

const EVENTS_REFUSED =
  "the transport 'addon' does not take events: when they overrun its buffer it aborts the process. Pass eventsMayAbortProcess: true if that is acceptable";

function datagram(bytes: Uint8Array, sender: number, truncated: boolean): Datagram {
  return { bytes, view: viewOf(bytes), sender, truncated };
}

/**
 * @throws UnsupportedError where the addon does not run: other runtimes, worker threads, or `events` without the opt-in
 * @throws TransportError
 */
export async function openAddon(options: AddonOptions = {}): Promise<Transport> {
  if ('Deno' in globalThis || 'Bun' in globalThis)
    throw new UnsupportedError("the transport 'addon' runs on Node only");
  if (!isMainThread) throw new UnsupportedError("the transport 'addon' crashes outside of Node's main thread");
  if (options.netns !== undefined)
    throw new UnsupportedError("the transport 'addon' opens no socket in another network namespace");
  if (options.events === true && options.eventsMayAbortProcess !== true) throw new UnsupportedError(EVENTS_REFUSED);
  const { RawNetlinkSocket } = await load();
  const socket = attempt(
    'socket',
    () => new RawNetlinkSocket(NETLINK_NETFILTER, { messagePeeking: false, msgBufferSize: READ_BUFFER }),
  );
  try {
    const { receiveBuffer } = options;
    if (receiveBuffer !== undefined) attempt('setsockopt', () => socket.setRecvBufferSize(receiveBuffer));
    return new AddonTransport(socket, options.eventsMayAbortProcess === true, windowOf(receiveBuffer));
  } catch (error) {
    socket.close();
    throw error;
  }
}

async function load(): Promise<AddonModule> {
  try {
    // The part that has the socket; the package's index loads the whole of rtnetlink and nl80211.
    const specifier = 'netlink/dist/raw.js';
    const module = (await import(specifier)) as AddonModule & { default?: AddonModule };
    return module.default ?? module;
  } catch (error) {
    throw packageRefused('netlink', error);
  }
}
