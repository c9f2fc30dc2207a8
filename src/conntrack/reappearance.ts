/** Looks which of the flows that were deleted come back. */
import { explainKernelError } from '../ctnetlink/explain.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { keyOf } from '../ctnetlink/key.ts';
import { decodeFlow, eventTypeOf, FLOW_GROUPS } from '../ctnetlink/message.ts';
import { ORIG, REPLY, START } from '../ctnetlink/slots.ts';
import { copyTupleParts } from '../ctnetlink/tuple.ts';
import { unwatch, watch } from '../netlink/aborts.ts';
import { ClosedError, type OverrunError } from '../netlink/errors.ts';
import type { nlmsghdr } from '../netlink/nlmsg.ts';
import { runtime } from '../netlink/runtime.ts';
import type { EventSink } from '../netlink/sequence.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { Transport } from '../netlink/transport.ts';
import { joinGroup } from './events.ts';
import { Wakeup } from './wakeup.ts';

/** A flow that is being deleted, or was. */
interface Deleted {
  readonly flow: Flow;
  /** Of the socket that asks for it. */
  readonly portid: number;
  /** By its two tuples: the next packet may come from either end. */
  readonly keys: readonly string[];
  reappeared: boolean;
}

/**
 * A flow that was created before its delete was sent has a NEW event, too, and flows that are older than the first
 * listener have no DESTROY event that would tell the two apart. So all events that have arrived are read before a
 * delete is sent (NetlinkSocket.passed): a NEW event of its tuple that is read later is of another flow.
 */
export class Reappearance implements EventSink {
  readonly #socket: NetlinkSocket;
  readonly #most: number;
  readonly #deleted = new Map<string, Deleted>();
  /** The first that came back. */
  readonly sample: Flow[] = [];
  reappeared = 0;
  wrongGeneration = 0;
  lost: number | undefined = 0;
  #ended: Error | undefined;
  /** The wait is over, or the events have ended. */
  readonly #over = new Wakeup();

  /** @param most flows in the sample. @throws KernelError, UnsupportedError; the transport is closed then */
  constructor(transport: Transport, most: number) {
    this.#most = most;
    this.#socket = new NetlinkSocket(transport, explainKernelError);
    try {
      for (const group of [FLOW_GROUPS.new, FLOW_GROUPS.destroy]) joinGroup(transport, group);
      this.#socket.setEventSink(this);
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  /** Flows that are deleted next. Resolves when they may be. @throws what ended the events */
  async before(flows: readonly Flow[], portid: number): Promise<void> {
    await this.#socket.passed();
    if (this.#ended !== undefined) throw this.#ended;
    for (const flow of flows) {
      const keys = [flow.key(), keyOf(asReply(flow), 'flow')];
      const deleted = { flow, portid, keys, reappeared: false };
      for (const key of keys) this.#deleted.set(key, deleted);
    }
  }

  /** The flow was not deleted. */
  forget(flow: Flow): void {
    const deleted = this.#deleted.get(flow.key());
    if (deleted?.flow !== flow || deleted.reappeared) return;
    for (const key of deleted.keys) if (this.#deleted.get(key) === deleted) this.#deleted.delete(key);
  }

  /** All events of so many milliseconds more. @throws the reason of the signal */
  async wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    const wake = (): void => this.#over.wake();
    const timer = runtime.setTimeout(wake, milliseconds);
    if (signal !== undefined) watch(signal, wake);
    if (this.#ended === undefined && signal?.aborted !== true) await this.#over.wait();
    runtime.clearTimeout(timer);
    if (signal !== undefined) unwatch(signal, wake);
    // Also of a wait that was cut short, whose counts are right up to its end.
    await this.#socket.passed();
    signal?.throwIfAborted();
    if (this.#ended !== undefined) throw this.#ended;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  close(): void {
    this.#socket.close();
  }

  message(header: nlmsghdr, view: DataView, offset: number, end: number): void {
    const type = eventTypeOf(header);
    if ((type !== 'new' && type !== 'destroy') || this.#deleted.size === 0) return;
    const flow = decodeFlow(view, offset, end);
    const key = flow.key();
    const deleted = this.#deleted.get(key);
    if (deleted === undefined) return;
    if (type === 'destroy') {
      if (header.nlmsg_pid === deleted.portid && key === deleted.keys[0] && startsDiffer(flow, deleted.flow))
        this.wrongGeneration++;
    } else if (!deleted.reappeared) {
      deleted.reappeared = true;
      this.reappeared++;
      if (this.sample.length < this.#most) this.sample.push(flow);
    }
  }

  overrun({ lost }: OverrunError): void {
    this.lost = this.lost === undefined || lost === undefined ? undefined : this.lost + lost;
  }

  end(error?: Error): void {
    this.#ended = error ?? new ClosedError();
    this.#over.wake();
  }
}

/** The attributes of a flow that begins with a packet of the other end. */
function asReply({ slots }: Flow): Flow['slots'] {
  const reversed = slots.slice();
  copyTupleParts(slots, REPLY, reversed, ORIG);
  reversed[ORIG.zone] = slots[REPLY.zone];
  return reversed;
}

/** Both have one: nf_conntrack_timestamp was 1. */
function startsDiffer(a: Flow, b: Flow): boolean {
  const [first, second] = [a.slots[START], b.slots[START]];
  return first !== undefined && second !== undefined && first !== second;
}
