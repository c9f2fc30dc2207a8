import { NLM_F_DUMP } from '../uapi/netlink.ts';
import { Writer } from './writer.ts';

/** What all requests of one kind have in common: made once, by `operation`. */
export interface Operation {
  /** What errors call it, such as 'create' or 'dump'. */
  readonly name: string;
  /** nlmsg_type: see nfnlType. */
  readonly type: number;
  /** nlmsg_flags: NLM_F_* bits. */
  readonly flags: number;
  /** The flags have NLM_F_DUMP: it ends with DONE, and one at a time runs on a socket; others wait for their turn. */
  readonly dump: boolean;
  /**
   * A reply comes before its ACK, such as the flow of a `get`. If only the ACK arrives, the answer was lost. If only
   * the ACK was lost, it was not.
   */
  readonly replies: boolean;
  /**
   * It changes nothing, not even counters. If its answer is lost before its sink got a message, the request is sent
   * again, at most three times. A request that is not repeatable rejects with OverrunError instead.
   */
  readonly repeatable: boolean;
}

/** An operation: whether it dumps is what its flags say. */
export function operation(kind: Omit<Operation, 'dump'>): Operation {
  return { ...kind, dump: (kind.flags & NLM_F_DUMP) === NLM_F_DUMP };
}

/** One request to the kernel, as a value: what it is called, how it is answered and how it is written. */
export interface Request {
  /** What it is called, and how it is answered. */
  readonly kind: Operation;
  /**
   * The kernel may need milliseconds before it returns from the system call, for example for a dump with a filter that
   * few entries pass. A transport that can, sends it in another thread.
   */
  readonly takesLong: boolean;
  /** Writes one whole message with this sequence number. */
  write(writer: Writer, sequence: number): void;
  /**
   * What it is about, for messages of errors: a tuple in words, made when it is asked for. Undefined: no entry in
   * particular.
   */
  subject(): string | undefined;
}

/** The message of a request by itself. */
export function bytesOf(request: Request, sequence = 0): Uint8Array {
  const writer = new Writer();
  request.write(writer, sequence);
  return writer.finish();
}
