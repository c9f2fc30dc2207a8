/**
 * The one error family. `code` is stable text to switch on; messages may change. Mistakes of the caller are not here:
 * they are TypeError and RangeError and name the argument.
 */
import { ENOBUFS, ERRNO_NAMES } from '../uapi/errno.ts';
import { escapeControls } from './escape.ts';

/** What every error of this package that is not the caller's mistake derives from. */
export class NetlinkError extends Error {
  /** 'NetlinkError', of every copy of this package. */
  override name = 'NetlinkError';
  /** Stable text: an errno name such as 'ENOENT', or 'ERR_...'. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What the kernel adds to an NLMSG_ERROR or NLMSG_DONE when NETLINK_EXT_ACK is set on the socket (Linux 4.12). */
export interface ExtendedAck {
  /** NLMSGERR_ATTR_MSG: a sentence of the kernel's. */
  message?: string;
  /** NLMSGERR_ATTR_OFFS: where in the request the offending attribute is, in bytes from its nlmsghdr. */
  offset?: number;
  /** NLMSGERR_ATTR_MISS_TYPE: the type of an attribute that the request should have had (Linux 6.1). */
  missingType?: number;
  /** NLMSGERR_ATTR_MISS_NEST: the offset of the nest that lacks it. */
  missingNest?: number;
}

/** The name of a positive errno, 'E' and the number for one that Linux does not name. */
export function errnoName(errno: number): string {
  return ERRNO_NAMES[errno] ?? `E${errno}`;
}

/** What a KernelError is made of. */
export interface KernelErrorDetails {
  /** What was asked for, such as 'create' or 'dump'. */
  operation: string;
  /** nlmsg_seq of the request. */
  sequence: number;
  /** What the request was about, such as the tuple of a flow. */
  subject?: string | undefined;
  /** What the kernel added, if anything. */
  extack?: ExtendedAck | undefined;
  /** What it means for this operation and, behind a semicolon, what to do. */
  explanation?: string | undefined;
}

/** The kernel refused a request: a negative errno in NLMSG_ERROR or NLMSG_DONE. `code` is its name ('ENOENT'). */
export class KernelError extends NetlinkError {
  /** 'KernelError', of every copy of this package. */
  override name = 'KernelError';
  /** Positive. */
  readonly errno: number;
  /** The request that was refused, such as 'create' or 'dump'. */
  readonly operation: string;
  /** nlmsg_seq of the request. */
  readonly sequence: number;
  /**
   * What the request was about, such as 'udp 192.0.2.1:5353 -> 198.51.100.2:53, zone 0'; undefined for a dump or a
   * flush.
   */
  readonly subject: string | undefined;
  /** What the kernel added to its errno; undefined if it added nothing. */
  readonly extack: ExtendedAck | undefined;
  /** What the errno means for this operation and, after a semicolon, what to do. The message has it too. */
  readonly explanation: string | undefined;

  constructor(errno: number, details: KernelErrorDetails) {
    const { operation, sequence, subject, extack, explanation } = details;
    const code = errnoName(errno);
    let message = `${operation}: ${code}`;
    const about = subject === undefined ? '' : ` (${escapeControls(subject)})`;
    if (explanation === undefined) {
      message += about;
    } else {
      // Behind what went wrong, and in front of what to do.
      const [meaning, ...remedies] = explanation.split('; ');
      message += `: ${[meaning + about, ...remedies].join('; ')}`;
    }
    if (extack?.message !== undefined) {
      message += ` (kernel: ${escapeControls(extack.message)}${extack.offset === undefined ? '' : `, at byte ${extack.offset} of the request`})`;
    }
    super(code, message);
    this.errno = errno;
    this.operation = operation;
    this.sequence = sequence;
    this.subject = subject;
    this.extack = extack;
    this.explanation = explanation;
  }
}

/**
 * Throws what ended a request in front of whoever awaits it. The kernel's answer is read in a turn of the event loop of
 * its own, where no frame of the caller is on the stack. After an `await` the runtime knows who awaits; so nothing is
 * paid for a request that ends well.
 */
export function throwHere(error: unknown): never {
  // Others may belong to several requests at once.
  if (error instanceof KernelError) Error.captureStackTrace?.(error, throwHere);
  throw error;
}

/** A socket operation failed. `code` is the errno name where there is one, else 'ERR_TRANSPORT'. */
export class TransportError extends NetlinkError {
  /** 'TransportError', of every copy of this package. */
  override name = 'TransportError';
  /** The system call that failed, such as 'bind', or what stands for one. */
  readonly syscall: string;
  /** Positive; 0 when the failure has none. */
  readonly errno: number;

  constructor(syscall: string, errno: number, message: string, options?: ErrorOptions) {
    super(errno > 0 ? errnoName(errno) : 'ERR_TRANSPORT', `${syscall}: ${message}`, options);
    this.syscall = syscall;
    this.errno = errno;
  }
}

/**
 * The transport has no answer to one request. `receive` throws it in the place of the answer; other requests continue.
 */
export class RequestError extends TransportError {
  /** 'RequestError', of every copy of this package. */
  override name = 'RequestError';
  /** nlmsg_seq of the request. */
  readonly sequence: number;

  constructor(syscall: string, message: string, sequence: number) {
    super(syscall, 0, message);
    this.sequence = sequence;
  }
}

/** This runtime, transport or kernel cannot do what was asked; the message says what can. */
export class UnsupportedError extends NetlinkError {
  /** 'UnsupportedError', of every copy of this package. */
  override name = 'UnsupportedError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_UNSUPPORTED', message, options);
  }
}

/** The receive buffer overran (ENOBUFS): messages were lost. The socket stays usable. */
export class OverrunError extends NetlinkError {
  /** 'OverrunError', of every copy of this package. */
  override name = 'OverrunError';
  /** ENOBUFS, 105. */
  readonly errno: number = ENOBUFS;
  /** How many messages were lost, if the transport knows. */
  readonly lost: number | undefined;
  /** The request whose answer was lost, such as 'create'; undefined where it is not known whose messages were. */
  readonly operation: string | undefined;

  constructor(message: string, lost?: number, operation?: string) {
    super('ENOBUFS', message);
    this.lost = lost;
    this.operation = operation;
  }
}

/** Nobody knows what the kernel answered. @param repeatable the request changes nothing */
export function lostAnswer(operation: string, repeatable: boolean): OverrunError {
  const remedy = repeatable
    ? 'Ask again, fewer at once'
    : 'The kernel may have carried it out: look at what is there before you ask again';
  return new OverrunError(
    `${operation}: the answer was lost, because it did not fit the receive buffer. ${remedy}`,
    undefined,
    operation,
  );
}

/**
 * NLM_F_DUMP_INTR: the table changed in a way that made this dump inconsistent. All of it was delivered; dump again.
 */
export class DumpInterruptedError extends NetlinkError {
  /** 'DumpInterruptedError', of every copy of this package. */
  override name = 'DumpInterruptedError';

  constructor(operation: string) {
    super(
      'ERR_DUMP_INTERRUPTED',
      `${operation}: the kernel marked the dump inconsistent (NLM_F_DUMP_INTR); dump again`,
    );
  }
}

/** Bytes with a broken length. Nothing else is an error to the decoder: what it does not know it keeps. */
export class DecodeError extends NetlinkError {
  /** 'DecodeError', of every copy of this package. */
  override name = 'DecodeError';
  /** Where the defect is, in bytes from the start of the buffer that was decoded. */
  readonly offset: number;
  /** Names of the attributes around it, outermost first, such as ['CTA_TUPLE_ORIG', 'CTA_TUPLE_IP']. */
  readonly path: readonly string[];
  readonly #problem: string;

  constructor(problem: string, offset: number, path: readonly string[] = []) {
    super('ERR_DECODE', `${path.length > 0 ? `${path.join(' > ')}: ` : ''}${problem} at byte ${offset}`);
    this.offset = offset;
    this.path = path;
    this.#problem = problem;
  }

  /** The same error with the path to it, which who found it did not know. */
  within(path: readonly string[]): DecodeError {
    return new DecodeError(this.#problem, this.offset, path);
  }
}

/** The socket was closed, by the caller or under it; what was pending is rejected with this. */
export class ClosedError extends NetlinkError {
  /** 'ClosedError', of every copy of this package. */
  override name = 'ClosedError';

  constructor(message = 'the socket is closed', options?: ErrorOptions) {
    super('ERR_CLOSED', message, options);
  }
}
