/** Flows that come back: created as they were, looked up, and compared. */
import type { FlowInit } from '../ctnetlink/attributes/flow-properties.ts';
import { describeTuple } from '../ctnetlink/describe-tuple.ts';
import { Flow } from '../ctnetlink/flow.ts';
import { addOffloadLosses, FLOW_LOSSES, type Loss } from '../ctnetlink/losses.ts';
import {
  buildRestore,
  buildUnscale,
  STRICT_WINDOWS,
  WITHOUT_HELPER,
  WITHOUT_MASTER,
} from '../ctnetlink/request/restore.ts';
import { HELPER, MASTER, ORIG } from '../ctnetlink/slots.ts';
import { expectationsZone, hasTuple, origZone } from '../ctnetlink/tuple.ts';
import { Batch } from '../netlink/batch.ts';
import { KernelError } from '../netlink/errors.ts';
import type { Request } from '../netlink/request.ts';
import { ENOENT, EOPNOTSUPP } from '../uapi/errno.ts';
import type { BatchSender } from './batch-sender.ts';
import { lookUpCreated } from './created.ts';
import type { Place } from './many.ts';
import type { Restored } from './restored.ts';
import type { Failed, Outcome, ReportingWork } from './send-many.ts';

type Item = FlowInit | Flow;

/**
 * The zones of the flows that have a helper, by their original tuples: the kernel does not report the zone of an
 * expectation, which is that of its master. By the zone in which it finds the master, that in which it finds what the
 * master expects.
 */
export type MasterZones = Map<string, Map<number, number>>;

/** What the kernel refused a flow for, and what to leave out then. */
const LEFT_OUT: readonly (readonly [without: number, property: string, reason: string])[] = [
  [
    WITHOUT_HELPER,
    'helper',
    'this kernel has no helper of this name for this protocol; load its module, and restore the flow again',
  ],
  [WITHOUT_MASTER, 'master', 'its master is neither among the flows nor in the table'],
];

export class FlowRestore implements ReportingWork<Flow, Item> {
  readonly operation = 'restore';
  readonly keepsEntries = true;
  readonly most: number;
  readonly zones: MasterZones = new Map();
  readonly #sender: BatchSender;
  readonly #restored: Restored<Item>;
  /** Flows that are `expected`: they wait until their masters are there. */
  #waiting: (Place<Item> & { readonly flow: Flow })[] = [];
  /** Flows were created since the latest round began. */
  #progress = true;
  /** Of this round: what its flows go without. */
  #without: number;
  readonly #windows: number;
  readonly #second = new Batch();

  /** @param strict TCP flags as they were */
  constructor(sender: BatchSender, strict: boolean, restored: Restored<Item>) {
    this.#sender = sender;
    this.#windows = strict ? STRICT_WINDOWS : 0;
    this.#without = this.#windows;
    this.#restored = restored;
    this.most = sender.largestBatch;
  }

  from(item: Item): Flow {
    return Flow.from(item);
  }

  waits(flow: Flow, index: number, item: Item): boolean {
    const { slots } = flow;
    if (slots[HELPER] !== undefined) this.#noteZone(slots);
    if (!hasTuple(slots, MASTER)) return false;
    this.#waiting.push({ index, item, flow });
    return true;
  }

  /**
   * A round of those that wait: the kernel finds the masters, which may themselves be in it. When a round brought none
   * back, those whose masters are not among them go without.
   */
  waiting(): readonly Place<Item>[] {
    let some = this.#waiting;
    this.#waiting = [];
    if (!this.#progress) {
      const tuples = new Set(some.map(({ flow }) => describeTuple(flow.slots, ORIG)));
      const alone = some.filter(({ flow }) => !tuples.has(describeTuple(flow.slots, MASTER)));
      // Each waits for another: none is the first.
      if (alone.length > 0 && alone.length < some.length) {
        const now = new Set(alone);
        this.#waiting = some.filter((each) => !now.has(each));
        some = alone;
      }
    }
    this.#without = this.#windows | (this.#progress ? 0 : WITHOUT_MASTER);
    this.#progress = false;
    return some;
  }

  request(flow: Flow): Request {
    return buildRestore(flow, this.#without);
  }

  async send(
    batch: Batch,
    items: readonly (Flow | Item)[],
    fail: Failed,
    { place, report }: Outcome<Item>,
  ): Promise<void> {
    const flows = items as readonly Flow[];
    const restored = this.#restored;
    restored.sent(flows.length);
    const failed = (at: number, error: Error): void => {
      restored.settled();
      fail(at, error);
    };
    const round = this.#without;
    /** By place in the batch: what each flow went without, or -1 if the kernel refused it. */
    const sent = new Int8Array(flows.length).fill(round);
    let helpless: number[] = [];
    const subject = (at: number): string | undefined => buildRestore(flows[at]).subject();
    const refused = (at: number, error: Error): void => {
      const { slots } = flows[at];
      const without = sent[at];
      sent[at] = -1;
      if (isRefusal(error, EOPNOTSUPP) && slots[HELPER] !== undefined && (without & WITHOUT_HELPER) === 0)
        helpless.push(at);
      else if (isRefusal(error, ENOENT) && hasTuple(slots, MASTER) && (round & WITHOUT_MASTER) === 0) {
        restored.settled();
        this.#waiting.push({ ...place(at), flow: flows[at] });
      } else failed(at, error);
    };
    await this.#sender.sendBatch(batch, refused, subject);
    if (helpless.length > 0) {
      const again = helpless;
      helpless = [];
      const second = this.#second;
      second.clear();
      for (const at of again) {
        sent[at] = round | WITHOUT_HELPER;
        second.add(buildRestore(flows[at], sent[at]));
      }
      const refusedAgain = (index: number, error: Error): void => refused(again[index], error);
      await this.#sender.sendBatch(second, refusedAgain, (index) => subject(again[index]));
    }
    if (sent.some(isCreated)) this.#progress = true;
    await this.#unscale(flows, sent, refused);
    const created: number[] = [];
    for (let at = 0; at < sent.length; at++) if (isCreated(sent[at])) created.push(at);
    await lookUpCreated(this.#sender, flows, created, (at, found) => {
      if (found instanceof Error) {
        failed(at, found);
        return;
      }
      const losses = this.#lossesOf(flows[at], found, sent[at]);
      if (losses === undefined) restored.whole();
      else report(restored.partial(place(at), losses));
    });
  }

  /** Flows that wait for their first answer: see buildUnscale. */
  async #unscale(flows: readonly Flow[], sent: Int8Array, failed: Failed): Promise<void> {
    const second = this.#second;
    second.clear();
    const places: number[] = [];
    for (let at = 0; at < sent.length; at++) {
      const request = isCreated(sent[at]) ? buildUnscale(flows[at]) : undefined;
      if (request === undefined) continue;
      second.add(request);
      places.push(at);
    }
    if (places.length === 0) return;
    const subject = (index: number): string | undefined => buildUnscale(flows[places[index]])?.subject();
    await this.#sender.sendBatch(second, (index, error) => failed(places[index], error), subject);
  }

  #lossesOf(wanted: Flow, found: Flow, without: number): Loss[] | undefined {
    const losses = FLOW_LOSSES.find(wanted, found, this.#restored.recounted);
    if (losses === undefined) return undefined;
    addOffloadLosses(losses, wanted.slots, found.slots);
    for (const [bit, property, reason] of LEFT_OUT) {
      const loss = (without & bit) === 0 ? undefined : losses.find((each) => each.property === property);
      if (loss !== undefined) loss.reason = reason;
    }
    return losses;
  }

  #noteZone(slots: Flow['slots']): void {
    const tuple = describeTuple(slots, ORIG);
    const zones = this.zones.get(tuple);
    if (zones === undefined) this.zones.set(tuple, new Map([[origZone(slots), expectationsZone(slots)]]));
    else zones.set(origZone(slots), expectationsZone(slots));
  }
}

/** Of what a flow went without: -1 if the kernel refused it. */
function isCreated(without: number): boolean {
  return without >= 0;
}

function isRefusal(error: Error, errno: number): boolean {
  return error instanceof KernelError && error.errno === errno;
}
