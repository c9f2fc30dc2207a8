import { closeSync, openSync, writeSync } from 'node:fs';
import { checkOptions, describe } from '../netlink/check.ts';
import { OverrunError } from '../netlink/errors.ts';
import { walkDatagram } from '../netlink/nlmsg.ts';
import type { Datagram, Transport, TransportFactory, TransportListener } from '../netlink/transport.ts';
import { Writer } from '../netlink/writer.ts';
import { NLMSG_NOOP, NLMSG_OVERRUN } from '../uapi/netlink.ts';
import { type OpenOptions, openTransport } from './open.ts';
import { pcapFileHeader, pcapRecord } from './pcap.ts';

/** Opens sockets whose traffic goes into one capture file; `close` closes the file. */
export interface Recorder extends TransportFactory {
  close(): void;
}

/**
 * Records all traffic of the sockets that it opens into a capture that replay() and Wireshark read. Every datagram is in the file
 * when it has been sent or received: a program that dies leaves a whole capture.
 *
 * @param path where to; overwritten
 * @param options of the sockets that are recorded, as for openTransport
 * @throws the errors of node:fs when the file cannot be written
 */
export function record(path: string, options: OpenOptions = {}): Recorder {
  // A number would be taken for a file descriptor of somebody else's.
  if (typeof path !== 'string') throw new TypeError(`path must be a string, not ${describe(path)}`);
  checkOptions(options);
  const file = openSync(path, 'w');
  let open = true;
  const write = (fromKernel: boolean, bytes: Uint8Array): void => {
    if (open) writeSync(file, pcapRecord({ fromKernel, time: now(), bytes }));
  };
  try {
    writeSync(file, pcapFileHeader());
  } catch (error) {
    closeSync(file);
    throw error;
  }
  let released = false;
  const factory = async (socketOptions?: OpenOptions): Promise<Transport> => {
    const inner = await openTransport({ ...socketOptions, ...options, transport: options.transport });
    if (!released && inner.release !== undefined) write(true, note(NLMSG_NOOP, `release=${inner.release}`));
    released = true;
    return new RecordTransport(inner, write);
  };
  return Object.assign(factory, {
    close: (): void => {
      if (!open) return;
      open = false;
      closeSync(file);
    },
  });
}

function now(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}

/** A control message of our own making: see pcap.ts. */
function note(type: number, text: string): Uint8Array {
  const writer = new Writer(64);
  const at = writer.beginMessage(type, 0, 0);
  const bytes = new TextEncoder().encode(text);
  writer.bytes.set(bytes, writer.reserve(bytes.length));
  writer.endMessage(at);
  return writer.finish();
}

class RecordTransport implements Transport {
  readonly name: string;
  readonly #inner: Transport;
  readonly #write: (fromKernel: boolean, bytes: Uint8Array) => void;

  constructor(inner: Transport, write: (fromKernel: boolean, bytes: Uint8Array) => void) {
    this.name = inner.name;
    this.#inner = inner;
    this.#write = write;
  }

  get portid(): number {
    return this.#inner.portid;
  }

  get release(): string | undefined {
    return this.#inner.release;
  }

  get drained(): boolean | undefined {
    return this.#inner.drained;
  }

  get window(): number | undefined {
    return this.#inner.window;
  }

  get queueLimit(): number | undefined {
    return this.#inner.queueLimit;
  }

  get ended(): boolean {
    return this.#inner.ended;
  }

  start(listener: TransportListener): void {
    this.#inner.start(listener);
  }

  send(bytes: Uint8Array): ReturnType<Transport['send']> {
    const queued = this.#inner.send(bytes);
    this.#write(false, bytes);
    return queued;
  }

  receive(): Datagram | undefined {
    try {
      const datagram = this.#inner.receive();
      // Only the kernel is recorded: a replay could not tell another process from it.
      if (datagram !== undefined && datagram.sender === 0) this.#record(datagram);
      return datagram;
    } catch (error) {
      if (error instanceof OverrunError)
        this.#write(true, note(NLMSG_OVERRUN, error.lost === undefined ? '' : `lost=${error.lost}`));
      throw error;
    }
  }

  joinGroup(group: number): void {
    this.#inner.joinGroup(group);
  }

  leaveGroup(group: number): void {
    this.#inner.leaveGroup(group);
  }

  get attachFilter(): Transport['attachFilter'] {
    const inner = this.#inner;
    return inner.attachFilter === undefined ? undefined : (program) => inner.attachFilter!(program);
  }

  ref(): void {
    this.#inner.ref();
  }

  unref(): void {
    this.#inner.unref();
  }

  close(): void {
    this.#inner.close();
  }

  #record({ bytes, view, truncated }: Datagram): void {
    if (!truncated) {
      this.#write(true, bytes);
      return;
    }
    // The rest of it is lost, and a capture that ended inside of a message could not be read again.
    this.#write(true, note(NLMSG_OVERRUN, ''));
    this.#write(true, bytes.subarray(0, wholeMessages(view)));
  }
}

/** Where the last message that is there to its end ends. */
function wholeMessages(view: DataView): number {
  let whole = 0;
  try {
    walkDatagram(view, (_header, _view, _offset, end) => {
      whole = end;
    });
  } catch {
    // The one that was cut.
  }
  return whole;
}
