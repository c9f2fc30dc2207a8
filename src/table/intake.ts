/** Gives messages to the contents of a table: as they are where that is enough, and decoded into one flow otherwise. */
import type { EventType } from '../ctnetlink/event.ts';
import { Flow } from '../ctnetlink/flow.ts';
import { decodeFlowInto } from '../ctnetlink/message.ts';
import { attributesOf } from '../nfnetlink/nfgenmsg.ts';
import { NFGENMSG_LEN } from '../uapi/nfnetlink.ts';
import type { ChangeCause } from './change.ts';
import type { Contents } from './contents.ts';

export class Intake {
  readonly #contents: Contents;
  /** Has the rare slots too: with nf_conntrack_timestamp=1, each event has one (timestamp.event). */
  readonly #flow: Flow = new Flow();

  constructor(contents: Contents) {
    this.#contents = contents;
  }

  event(type: EventType, view: DataView, offset: number, end: number): void {
    const start = attributesOf(offset, end);
    if (this.#contents.eventAsIs(type, view, start, end, view.getUint8(start - NFGENMSG_LEN))) return;
    this.#contents.event(type, this.#decode(view, offset, end));
  }

  snapshot(view: DataView, offset: number, end: number, since: number, cause: ChangeCause): void {
    const start = attributesOf(offset, end);
    if (this.#contents.snapshotAsIs(view, start, end, view.getUint8(start - NFGENMSG_LEN), since, cause)) return;
    this.#contents.snapshot(this.#decode(view, offset, end), since, cause);
  }

  /** The flow in a message, until the next one. */
  #decode(view: DataView, offset: number, end: number): Flow {
    const flow = this.#flow;
    const { slots } = flow;
    // Quicker than fill.
    for (let slot = 0; slot < slots.length; slot++) slots[slot] = undefined;
    flow.unknown = undefined;
    decodeFlowInto(flow, view, offset, end);
    return flow;
  }
}
