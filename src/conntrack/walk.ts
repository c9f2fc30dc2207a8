/**
 * One walk over the table: a dump, and batches of requests for what matches, over another socket. A group of flows is
 * done when the kernel has answered for each. Where answers were lost, it is asked which of them are still there.
 */
import type { Flow } from '../ctnetlink/flow.ts';
import { Batch } from '../netlink/batch.ts';
import { OverrunError } from '../netlink/errors.ts';
import type { Lease } from '../netlink/lease.ts';
import { turnOfLoop } from '../netlink/runtime.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import { type BatchSender, senderOver } from './batch-sender.ts';
import { isGone } from './call.ts';
import type { DumpSockets } from './dump-sockets.ts';
import { stillThere } from './exact-many.ts';
import type { Work } from './send-many.ts';

/** Flows of one batch, as long as the answers have room. */
const TOGETHER = 256;
/** Batches that the kernel has while the dump goes on. */
const AHEAD = 3;
/** How often a flow is asked for again whose answer was lost. */
const MOST_TRIES = 3;

/** Takes what became of each flow, once. */
export interface Outcomes {
  /** @param flows that are sent next, over the socket with this portid; resolves when they may be */
  before(flows: readonly Flow[], portid: number): Promise<void>;
  done(flow: Flow): void;
  gone(flow: Flow): void;
  refused(flow: Flow, error: Error): void;
  /** So many flows were sent, and will not be answered. */
  unknown(count: number): void;
  /** A batch has been answered for. */
  step(): void;
}

/** What the batches go over. */
interface Opened {
  readonly sender: BatchSender;
  readonly portid: number;
  readonly work: Work;
}

export class Walk {
  readonly #lease: Lease;
  readonly #sockets: DumpSockets;
  readonly #workOver: (sender: BatchSender) => Work;
  readonly #outcomes: Outcomes;
  /** Taken with the first batch. */
  #opening: Promise<Opened> | undefined;
  #socket: NetlinkSocket | undefined;
  /** Filled and sent in one turn, so that one serves all. */
  readonly #batch = new Batch();
  #flows: Flow[] = [];
  readonly #begun: Promise<void>[] = [];

  /** @param work what is done with a batch */
  constructor(lease: Lease, sockets: DumpSockets, work: (sender: BatchSender) => Work, outcomes: Outcomes) {
    this.#lease = lease;
    this.#sockets = sockets;
    this.#workOver = work;
    this.#outcomes = outcomes;
  }

  /** One more flow. Waits when too many batches are on their way. @throws what ended one of them */
  async add(flow: Flow): Promise<void> {
    this.#flows.push(flow);
    if (this.#flows.length >= TOGETHER) await this.#next();
  }

  /** Sends what is left, and waits for all. @throws what ended one of them, when all have ended */
  async finish(): Promise<void> {
    if (this.#flows.length > 0) this.#send();
    await this.settle();
  }

  /** Waits for what is on its way. @throws the first failure, when all have ended */
  async settle(): Promise<void> {
    const ends = await Promise.allSettled(this.#begun.splice(0));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** No more is sent. */
  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined) this.#sockets.giveBack(socket);
  }

  async #next(): Promise<void> {
    this.#send();
    if (this.#begun.length > AHEAD) await this.#begun.shift();
  }

  #send(): void {
    const flows = this.#flows;
    this.#flows = [];
    const sent = this.#all(flows);
    // The call that waits for it gets the error.
    sent.catch(() => {});
    this.#begun.push(sent);
  }

  async #all(flows: readonly Flow[]): Promise<void> {
    this.#opening ??= this.#open();
    const opened = await this.#opening;
    const { largestBatch, largestReadBatch } = opened.sender;
    const most = Math.min(largestBatch, largestReadBatch);
    for (let at = 0; at < flows.length; at += most) await this.#some(opened, flows.slice(at, at + most));
    this.#outcomes.step();
  }

  /**
   * A socket that no dump is on: the answers would be queued behind those of a dump that a slow loop reads.
   */
  async #open(): Promise<Opened> {
    const socket = await this.#sockets.takeOther();
    this.#socket = socket;
    const sender = senderOver(socket, this.#lease);
    return { sender, portid: socket.transport.portid, work: this.#workOver(sender) };
  }

  async #some({ sender, portid, work }: Opened, flows: readonly Flow[]): Promise<void> {
    for (let tries = 1; ; tries++) {
      await this.#outcomes.before(flows, portid);
      const lost = await this.#attempt(work, flows, tries > 1);
      if (lost.flows.length === 0) return;
      const found = await stillThere(sender, lost.flows).catch((error: unknown) => {
        this.#outcomes.unknown(lost.flows.length);
        throw error;
      });
      for (const flow of found.gone) this.#outcomes.done(flow);
      for (const [flow, error] of found.failed) this.#outcomes.refused(flow, error);
      if (found.there.length === 0) return;
      if (tries === MOST_TRIES) {
        for (const flow of found.there) this.#outcomes.refused(flow, lost.error!);
        return;
      }
      flows = found.there;
    }
  }

  /**
   * Sends requests for these flows.
   * @param again what is gone by now is done
   * @returns those whose answer was lost
   */
  async #attempt(
    work: Work,
    flows: readonly Flow[],
    again: boolean,
  ): Promise<{ flows: Flow[]; error: Error | undefined }> {
    const batch = this.#batch;
    batch.clear();
    const errors = new Map<number, Error>();
    const sent: Flow[] = [];
    for (const flow of flows) {
      try {
        batch.add(work.request(flow, false));
        sent.push(flow);
      } catch (error) {
        this.#outcomes.refused(flow, error as Error);
      }
    }
    if (sent.length === 0) {
      // Nothing is awaited from the kernel.
      await turnOfLoop();
      return { flows: [], error: undefined };
    }
    this.#socket!.assertOpen();
    let unknown: Error | undefined;
    let ended: Error | undefined;
    try {
      await work.send(batch, sent, (at, error) => errors.set(at, error));
    } catch (error) {
      if (error instanceof OverrunError) unknown = error;
      else ended = error as Error;
    }
    if (ended !== undefined) this.#outcomes.unknown(sent.length - errors.size);
    const lost: Flow[] = [];
    for (const [at, flow] of sent.entries()) {
      const error = errors.get(at) ?? unknown;
      if (error === undefined) {
        if (ended === undefined) this.#outcomes.done(flow);
      } else if (isGone(error)) {
        if (again) this.#outcomes.done(flow);
        else this.#outcomes.gone(flow);
      } else if (error instanceof OverrunError) lost.push(flow);
      else this.#outcomes.refused(flow, error);
      if (error instanceof OverrunError) unknown ??= error;
    }
    if (ended !== undefined) throw ended;
    return { flows: lost, error: unknown };
  }
}
