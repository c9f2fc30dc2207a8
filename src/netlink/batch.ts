/**
 * Many requests in one datagram: one system call for all, and an answer only for what was refused, and for the last.
 */
import { EPERM } from '../uapi/errno.ts';
import { NLM_F_ACK } from '../uapi/netlink.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from './byteorder.ts';
import { KernelError, lostAnswer } from './errors.ts';
import { align4 } from './nlmsg.ts';
import type { Request } from './request.ts';
import { Writer } from './writer.ts';

/** A batch of so many bytes keeps the kernel for a quarter of a millisecond and more. */
const LARGE = 8192;

/** Several requests in one datagram: NetlinkSocket.sendBatch sends them with one system call. */
export class Batch {
  readonly #writer = new Writer(1 << 16);
  #count = 0;
  #operation = '';

  /** What errors call it: the operation of its requests. */
  get operation(): string {
    return this.#operation;
  }

  /** How many messages. */
  get count(): number {
    return this.#count;
  }

  /** How many bytes. */
  get length(): number {
    return this.#writer.length;
  }

  /** See Request. */
  get takesLong(): boolean {
    return this.length >= LARGE;
  }

  /** Valid until the next `add` or `clear`. */
  get bytes(): Uint8Array {
    return this.#writer.finish();
  }

  /** One more message; what writing it throws leaves the batch as it was. */
  add(request: Pick<Request, 'kind' | 'write'>): void {
    const writer = this.#writer;
    const at = writer.length;
    try {
      request.write(writer, 0);
    } catch (error) {
      writer.truncate(at);
      throw error;
    }
    this.#operation = request.kind.name;
    this.#count++;
  }

  /** Empties it, for the next requests. */
  clear(): void {
    this.#writer.reset();
    this.#count = 0;
  }
}

/**
 * Gives the messages their sequence numbers. The kernel answers errors in any case; an ACK is asked of the last alone.
 */
export function stampBatch(bytes: Uint8Array, first: number, count: number): void {
  const view = viewOf(bytes);
  for (let offset = 0, index = 0; index < count; index++) {
    if (index < count - 1) {
      const flags = view.getUint16(offset + 6, HOST_LITTLE_ENDIAN);
      view.setUint16(offset + 6, flags & ~NLM_F_ACK, HOST_LITTLE_ENDIAN);
    }
    view.setUint32(offset + 8, first + index, HOST_LITTLE_ENDIAN);
    offset += align4(view.getUint32(offset, HOST_LITTLE_ENDIAN));
  }
}

/** The reply to the message with this index, from its nlmsghdr at `offset` to `end`: what must stay is to be copied. */
export type TakeReply = (index: number, view: DataView, offset: number, end: number) => void;

/** A batch on its way. Only its last message asks for an ACK, which comes when all before it are done. */
export interface PendingBatch {
  readonly operation: string;
  /** Messages in it. */
  readonly count: number;
  /** Bytes of the receive buffer that the answers to one message take at the most. */
  readonly charge: number;
  /** Reached from here until it is settled. */
  readonly keep?: object;
  /** What one of them is about, as Request.subject. */
  subject?(index: number): string | undefined;
  /** Takes what comes before the answer to one of them; undefined: nothing does. */
  readonly take?: TakeReply;
  /** The kernel refused one of them; the others are not concerned. */
  failed(index: number, error: Error): void;
  /** Called exactly once: undefined when all have been answered for, else why nobody knows. */
  settle(error: Error | undefined): void;
}

interface Sent {
  readonly first: number;
  readonly batch: PendingBatch;
  /** As of any request: see sequence.ts. */
  readonly order: number;
  readonly since: number;
  later: boolean;
  /** Messages were lost while it was on its way, and a refusal may have been one of them. */
  doubtful: boolean;
  /**
   * EPERM for its first message: without CAP_NET_ADMIN nfnetlink refuses a datagram as a whole, and answers for nothing
   * behind it.
   */
  forbidden: KernelError | undefined;
}

/** Batches by their sequence numbers: a few at the most. */
export class PendingBatches {
  #pending: Sent[] = [];
  /** How many messages all of them have. A field, because every request asks for it. */
  messages = 0;
  /** Bytes of the receive buffer that the answers to all of them take at the most. */
  charge = 0;

  has(sequence: number): boolean {
    return this.#find(sequence) !== undefined;
  }

  add(first: number, batch: PendingBatch, order: number, since: number): void {
    this.#count(batch);
    this.#pending.push({ first, batch, order, since, later: false, doubtful: false, forbidden: undefined });
  }

  remove(batch: PendingBatch): void {
    this.#keep(this.#pending.filter((each) => each.batch !== batch));
  }

  /** The batch with this sequence number reaches the kernel some time later. */
  sentLater(sequence: number): void {
    const sent = this.#find(sequence);
    if (sent !== undefined) sent.later = true;
  }

  /** An answer: the batch that it is of, if any; `outcome` says whether it is an ACK (undefined) or a refusal. */
  answer(
    sequence: number,
    outcome: (batch: PendingBatch, index: number) => Error | undefined,
  ): { order: number } | undefined {
    const sent = this.#find(sequence);
    if (sent === undefined) return undefined;
    const { first, batch, doubtful } = sent;
    const index = sequence - first;
    const error = outcome(batch, index);
    if (error !== undefined) batch.failed(index, error);
    if (index === 0 && error instanceof KernelError && error.errno === EPERM) sent.forbidden = error;
    if (index === batch.count - 1) {
      this.remove(batch);
      batch.settle(doubtful ? lostAnswer(batch.operation, false) : undefined);
    }
    return sent;
  }

  /** A reply that is no answer yet; false when it is of no batch that takes any. */
  reply(sequence: number, view: DataView, offset: number, end: number): boolean {
    const sent = this.#find(sequence);
    if (sent?.batch.take === undefined) return false;
    const { first, batch } = sent;
    try {
      batch.take!(sequence - first, view, offset, end);
    } catch (error) {
      batch.failed(sequence - first, error as Error);
    }
    return true;
  }

  /** Messages were lost: of those on their way nobody knows whether a refusal was among them. */
  doubt(): void {
    for (const sent of this.#pending) sent.doubtful = true;
  }

  /** Requests for which this is true get no answer any more. */
  loseIf(isLost: (sent: Readonly<Pick<Sent, 'order' | 'since' | 'later'>>) => boolean): void {
    if (this.#pending.length === 0) return;
    const lost = this.#pending.filter(isLost);
    if (lost.length === 0) return;
    this.#keep(this.#pending.filter((sent) => !lost.includes(sent)));
    for (const { first, batch, forbidden, doubtful } of lost) {
      if (forbidden === undefined || doubtful) {
        batch.settle(lostAnswer(batch.operation, false));
        continue;
      }
      for (let index = 1; index < batch.count; index++) {
        const details = { ...forbidden, sequence: first + index, subject: batch.subject?.(index) };
        batch.failed(index, new KernelError(forbidden.errno, details));
      }
      batch.settle(undefined);
    }
  }

  loseAll(): void {
    this.loseIf(() => true);
  }

  settleAll(error: Error): void {
    const pending = this.#pending;
    this.#keep([]);
    for (const { batch } of pending) batch.settle(error);
  }

  #keep(pending: Sent[]): void {
    this.#pending = pending;
    this.messages = 0;
    this.charge = 0;
    for (const { batch } of pending) this.#count(batch);
  }

  #count({ count, charge }: PendingBatch): void {
    this.messages += count;
    this.charge += count * charge;
  }

  #find(sequence: number): Sent | undefined {
    for (const sent of this.#pending)
      if (sequence >= sent.first && sequence < sent.first + sent.batch.count) return sent;
    return undefined;
  }
}
