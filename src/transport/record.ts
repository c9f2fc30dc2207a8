import { isLent, isSource } from '../capture/file-source.ts';
import { wholeMessages } from '../capture/messages.ts';
import { listensNote, overrunNote, releaseNote, withNsid } from '../capture/notes.ts';
import { formatOfName, WRITERS, WRITTEN_FORMATS, type WrittenFormat } from '../capture/writers.ts';
import { type Checks, checkFunction, checkOptions, checkSync, describe, oneOf } from '../netlink/check.ts';
import { OverrunError, TransportError } from '../netlink/errors.ts';
import { ForwardingTransport } from '../netlink/forwarding.ts';
import { files } from '../netlink/platform.ts';
import type { Datagram, Transport, TransportFactory } from '../netlink/transport.ts';
import { EBUSY } from '../uapi/errno.ts';
import { forOne, OPEN_OPTIONS, type OpenOptions, openTransport } from './open.ts';

/** The owner may read and write: what a network talks to is nobody else's business. */
const PRIVATE = 0o600;
const OTHERS = 0o077;

/** Descriptors that this process was given, by the links that Linux has to them: nobody else can have planted those. */
const DESCRIPTOR = /^\/dev\/(stdout|stderr|fd\/\d+)$|^\/proc\/self\/fd\/\d+$/;

/** The capture file cannot be written, or its path is a symbolic link. `code` is the errno name ('ENOSPC', 'ELOOP'). */
export class RecordError extends TransportError {
  /** 'RecordError', of every copy of this package. */
  override name = 'RecordError';
  /** The capture file. */
  readonly path: string;

  constructor(path: string, message: string, cause: unknown) {
    super('record', -((cause as NodeJS.ErrnoException).errno ?? 0), message, { cause });
    this.path = path;
  }
}

/** What record takes, beside what opens the sockets that it records. */
export interface RecordOptions extends OpenOptions {
  /**
   * Called once when the file can no longer be written, such as on a full disk; in a microtask, so never from inside of
   * a send or receive. Default: `close` of the recorder throws the error.
   */
  onError?: ((error: RecordError) => void) | undefined;
  /** Default: 'pcapng' for a path that ends with .pcapng, 'hex' (text) for .hex and .txt, else 'pcap'. */
  format?: WrittenFormat | undefined;
}

const RECORD_OPTIONS: Checks<RecordOptions> = {
  ...OPEN_OPTIONS,
  onError: checkFunction,
  format: oneOf(...WRITTEN_FORMATS),
};

/** Opens sockets whose traffic goes into one capture file. */
export interface Recorder extends TransportFactory {
  /**
   * Closes the file; the sockets stay open, and neither they nor later ones are recorded. Idempotent.
   * @throws RecordError once, when the file could not be written to its end and there is no `onError`; TypeError if
   * that is async
   */
  close(): void;
}

/**
 * Records all traffic of the sockets that it opens into a capture that replay() and Wireshark read. Every datagram is
 * in the file when it has been sent or received: a program that dies leaves a whole capture.
 *
 * The file is made, or emptied, when the first socket is open. If none can be opened, an older file stays as it is. If
 * the file cannot be opened, the opening of the socket rejects.
 *
 * The file has mode 0600, also when it existed with another mode. A symbolic link as the last part of the path is
 * refused, so that nobody can redirect the capture of a privileged program onto another file. `/dev/stdout`,
 * `/dev/stderr` and `/dev/fd/N` are allowed, and so are FIFOs and devices; the modes of those stay as they are.
 *
 * When the file can no longer be written (ENOSPC, EDQUOT, EFBIG, EIO), recording ends and the program goes on: a
 * datagram that could not be recorded was sent or received anyway, so `send` and `receive` do not throw. The file is
 * cut after its last whole datagram and stays a capture that replay() reads. The error goes to `onError`, or is thrown
 * by the recorder's `close`. What was written into a FIFO cannot be taken back.
 *
 * @param path where to; overwritten
 * @param options of the sockets that are recorded, as for openTransport; and `onError`
 * @throws TypeError, RangeError naming the argument. The opening of a socket rejects with a RecordError for a symbolic
 * link (ELOOP), a capture that this process replays (EBUSY), a file of another user's whose mode cannot be changed
 * (EPERM), and a file that cannot be written; with the other errors of node:fs when it cannot be opened
 */
export function record(path: string, options: RecordOptions = {}): Recorder {
  // A number would be taken for a file descriptor of somebody else's.
  if (typeof path !== 'string') throw new TypeError(`path must be a string, not ${describe(path)}`);
  const checked = checkOptions(options, RECORD_OPTIONS);
  const { onError, format = formatOfName(path) ?? 'pcap', ...given } = checked;
  const writer = WRITERS[format];
  // What is undefined takes nothing away from what a socket is opened with.
  const openOptions: OpenOptions = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  /** Made when the first socket is open: until then, what has that name stays as it is. */
  let file: CaptureFile | undefined;
  let closed = false;
  let failure: Error | undefined;
  const report = (returned: unknown): void => {
    try {
      checkSync(returned, 'options.onError');
    } catch (error) {
      failure = error as Error;
    }
  };
  const append = (bytes: Uint8Array): void => {
    if (file?.open !== true) return;
    try {
      file.append(bytes);
    } catch (error) {
      const failed = error as RecordError;
      if (onError === undefined) failure = failed;
      else queueMicrotask(() => report(onError(failed)));
    }
  };
  const write: Write = (fromKernel, bytes, socket, time = now()) =>
    append(writer.record({ fromKernel, time, bytes, socket }));
  const noteRelease = (release: string): void => {
    // It is not known before a socket is open: in pcapng, another section says it.
    if (format === 'pcapng') append(writer.header(release));
    write(true, releaseNote(release).bytes);
  };
  let released = false;
  const recording = (transport: OpenOptions['transport']): TransportFactory => {
    return async (socketOptions?: OpenOptions) => {
      const inner = await openTransport({ ...socketOptions, ...openOptions, transport });
      try {
        if (!closed) file ??= new CaptureFile(path, writer.header());
      } catch (error) {
        inner.close();
        throw error;
      }
      if (!released && inner.release !== undefined) noteRelease(inner.release);
      released = true;
      return new RecordTransport(inner, write);
    };
  };
  return Object.assign(recording(openOptions.transport), {
    forOne: () => recording(forOne(openOptions).transport),
    close: (): void => {
      closed = true;
      file?.close();
      const error = failure;
      failure = undefined;
      if (error !== undefined) throw error;
    },
  });
}

/** A file that holds whole records at any time, as far as it can be cut. */
class CaptureFile {
  readonly #path: string;
  readonly #regular: boolean;
  #descriptor: number | undefined;
  /** Of the file header and whole records. */
  #length = 0;

  /** @throws RecordError, the errors of node:fs */
  constructor(path: string, header: Uint8Array) {
    this.#path = path;
    const given = DESCRIPTOR.test(path);
    this.#descriptor = openFile(path);
    try {
      let stat = files().fstatSync(this.#descriptor);
      if (stat.isFile() && isLent(stat))
        throw new RecordError(path, `${path} is a capture that this process replays; name another file`, {
          errno: -EBUSY,
        });
      if (!given && stat.isFile() && isSource(stat)) {
        // A later socket of that replay reads it on: it keeps that file, and another one gets the name.
        this.close();
        files().unlinkSync(path);
        this.#descriptor = openFile(path);
        stat = files().fstatSync(this.#descriptor);
      }
      this.#regular = stat.isFile();
      if (this.#regular && !given) this.#makePrivate(stat.mode);
      // Not before the mode: what is refused stays as it was.
      if (this.#regular) files().ftruncateSync(this.#descriptor, 0);
      this.append(header);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get open(): boolean {
    return this.#descriptor !== undefined;
  }

  /** Closes the file when that fails. @throws RecordError */
  append(bytes: Uint8Array): void {
    const descriptor = this.#descriptor!;
    try {
      // A disk that becomes full takes the first part of a record before it refuses the rest.
      for (let written = 0; written < bytes.length; ) written += files().writeSync(descriptor, bytes, written);
      this.#length += bytes.length;
    } catch (error) {
      const left = this.#cut();
      this.close();
      throw new RecordError(this.#path, `cannot write ${this.#path}: ${(error as Error).message}${left}`, error);
    }
  }

  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) files().closeSync(descriptor);
  }

  /** Takes a part of a record away again. Returns what an error message says about the file then. */
  #cut(): string {
    if (!this.#regular) return '; recording has ended';
    try {
      files().ftruncateSync(this.#descriptor!, this.#length);
      return '; recording has ended, and the file has every datagram before that';
    } catch (error) {
      return `; recording has ended, inside of a datagram, since the file cannot be cut: ${(error as Error).message}`;
    }
  }

  #makePrivate(mode: number): void {
    if ((mode & OTHERS) === 0) return;
    try {
      files().fchmodSync(this.#descriptor!, PRIVATE);
    } catch (error) {
      const reason = `${this.#path} is there already and cannot be made private: ${(error as Error).message}`;
      throw new RecordError(this.#path, `${reason}; remove it or name another file`, error);
    }
  }
}

/** Not truncated. @throws RecordError for a symbolic link, the errors of node:fs */
function openFile(path: string): number {
  const { O_WRONLY, O_CREAT, O_NOFOLLOW } = files().constants;
  // Windows has no O_NOFOLLOW.
  const follow = DESCRIPTOR.test(path) ? 0 : (O_NOFOLLOW ?? 0);
  try {
    return files().openSync(path, O_WRONLY | O_CREAT | follow, PRIVATE);
  } catch (error) {
    if (follow === 0 || (error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
    const reason = `${path} is a symbolic link, which could redirect the capture onto another file`;
    throw new RecordError(path, `${reason}; name the file itself`, error);
  }
}

/** Nanoseconds since the epoch. A number of milliseconds has no room for those. */
function now(): bigint {
  return BigInt(Math.round(performance.timeOrigin * 1000)) * 1000n + BigInt(Math.round(performance.now() * 1e6));
}

/** @param socket whose it is; undefined of what concerns none. @param time when it was captured; default: now */
type Write = (fromKernel: boolean, bytes: Uint8Array, socket?: number, time?: bigint) => void;

class RecordTransport extends ForwardingTransport {
  readonly #write: Write;
  /** Of what is recorded of a replay, when it was captured at first. */
  #time: bigint | undefined;
  #listens = false;

  constructor(inner: Transport, write: Write) {
    super(inner);
    this.#write = write;
  }

  override send(bytes: Uint8Array, takesLong?: boolean): ReturnType<Transport['send']> {
    const queued = this.inner.send(bytes, takesLong);
    this.#write(false, bytes, this.portid, this.#time);
    return queued;
  }

  override receive(): Datagram | undefined {
    try {
      const datagram = this.inner.receive();
      // Only the kernel is recorded: a replay could not distinguish another process from it.
      if (datagram !== undefined && datagram.sender === 0) this.#record(datagram);
      return datagram;
    } catch (error) {
      if (error instanceof OverrunError) this.#write(true, overrunNote(error.lost).bytes, this.portid, this.#time);
      throw error;
    }
  }

  override joinGroup(group: number): void {
    this.inner.joinGroup(group);
    if (this.#listens) return;
    this.#listens = true;
    // Where several sockets listen, a replay finds out by it what each has been given.
    this.#write(true, listensNote().bytes, this.portid, this.#time);
  }

  #record({ bytes, truncated, time, nsid }: Datagram): void {
    this.#time = time;
    const write = (part: Uint8Array): void =>
      this.#write(true, nsid === undefined ? part : withNsid(part, nsid), this.portid, time);
    if (!truncated) {
      write(bytes);
      return;
    }
    // The rest of it is lost, and a capture that ended inside of a message could not be read again.
    this.#write(true, overrunNote().bytes, this.portid, time);
    const whole = wholeMessages(bytes);
    if (whole > 0) write(bytes.subarray(0, whole));
  }
}
