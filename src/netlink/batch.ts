/** Many requests in one datagram: one system call for all, and an answer only for what was refused, and for the last. */
import { NLM_F_ACK } from '../uapi/netlink.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from './byteorder.ts';
import { align4 } from './nlmsg.ts';
import { type BuildRequest, Writer } from './writer.ts';

export class Batch {
  readonly #writer = new Writer(1 << 16);
  #count = 0;

  /** How many messages. */
  get count(): number {
    return this.#count;
  }

  /** How many bytes. */
  get length(): number {
    return this.#writer.length;
  }

  /** Valid until the next `add` or `clear`. */
  get bytes(): Uint8Array {
    return this.#writer.finish();
  }

  /** One more message; what the builder throws leaves the batch as it was. */
  add(build: BuildRequest): void {
    const writer = this.#writer;
    const at = writer.length;
    try {
      build(writer, 0);
    } catch (error) {
      writer.truncate(at);
      throw error;
    }
    this.#count++;
  }

  clear(): void {
    this.#writer.reset();
    this.#count = 0;
  }
}

/** Gives the messages their sequence numbers. The kernel answers errors in any case; an ACK is asked of the last alone. */
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

/** A batch on its way. Only its last message asks for an ACK, which comes when all before it are done. */
export interface PendingBatch {
  readonly operation: string;
  /** Messages in it. */
  readonly count: number;
  /** The kernel refused one of them; the others are not concerned. */
  failed(index: number, error: Error): void;
  /** Called exactly once: undefined when all have been answered for, else why nobody knows. */
  settle(error: Error | undefined): void;
}

/** Batches by their sequence numbers: a few at the most. */
export class PendingBatches {
  #pending: { readonly first: number; readonly batch: PendingBatch }[] = [];

  /** How many messages all of them have. */
  get messages(): number {
    let messages = 0;
    for (const { batch } of this.#pending) messages += batch.count;
    return messages;
  }

  add(first: number, batch: PendingBatch): void {
    this.#pending.push({ first, batch });
  }

  remove(batch: PendingBatch): void {
    this.#pending = this.#pending.filter((each) => each.batch !== batch);
  }

  /** An answer: false when it is of no batch, else `outcome` says whether it is an ACK (undefined) or a refusal. */
  answer(sequence: number, outcome: (operation: string) => Error | undefined): boolean {
    for (const { first, batch } of this.#pending) {
      const index = sequence - first;
      if (index < 0 || index >= batch.count) continue;
      const error = outcome(batch.operation);
      if (error !== undefined) batch.failed(index, error);
      if (index === batch.count - 1) {
        this.remove(batch);
        batch.settle(undefined);
      }
      return true;
    }
    return false;
  }

  settleAll(error: Error): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const { batch } of pending) batch.settle(error);
  }
}
