/** -D and -U: what matches is dumped, and then deleted or changed one by one, many to a datagram. */
import { Flow } from '../ctnetlink/flow.ts';
import { sameValue } from '../ctnetlink/kinds.ts';
import { labelBits } from '../ctnetlink/labels.ts';
import { ORIG, slotOfProperty } from '../ctnetlink/tuple.ts';
import { KernelError } from '../netlink/errors.ts';
import { ENOENT } from '../uapi/errno.ts';
import type { Context } from './context.ts';
import { Refusals } from './errors.ts';
import { flowFormat, Listing } from './formats.ts';
import { selected } from './list.ts';
import { complain } from './output.ts';
import { Progress } from './progress.ts';
import { CHANGED, Selection } from './selection.ts';
import type { Settings } from './settings.ts';

/** Nothing that matched is a failure. */
function statusOf(count: number): number {
  return count > 0 ? 0 : 1;
}

/** Flows that went by themselves since they were dumped are no failure, and not counted. */
function isGone(error: Error): boolean {
  return error instanceof KernelError && error.errno === ENOENT;
}

export async function deleteFlows(context: Context): Promise<number> {
  const count = await removeFlows(context);
  complain(`${count} flow entries have been deleted.`);
  return statusOf(count);
}

/** Deletes what matches, prints it, and gives how many there were. */
export async function removeFlows({ ct, settings, output }: Context): Promise<number> {
  const progress = new Progress('deleted');
  const selection = new Selection(settings);
  const listing = new Listing<Flow>(settings, output, flowFormat(settings), 'none');
  for await (const batch of selected(ct, selection, {}, settings.replay !== undefined)) {
    const failed = new Set<number>();
    let refused: Error | undefined;
    await ct.deleteMany(batch, {
      onError: ({ index, error }) => {
        failed.add(index);
        if (!isGone(error)) refused ??= error;
      },
    });
    batch.forEach((flow, index) => {
      if (!failed.has(index)) listing.add(flow);
    });
    if (refused !== undefined) {
      progress.end();
      await listing.end();
      throw refused;
    }
    progress.step(batch.length);
    await listing.flushIfFull();
  }
  progress.end();
  await listing.end();
  return listing.count;
}

export async function updateFlows(context: Context): Promise<number> {
  const count = await changeFlows(context);
  complain(`${count} flow entries have been updated.`);
  return statusOf(count);
}

/** Changes what matches, prints it as it is then, and gives how many there were. */
export async function changeFlows({ ct, settings, output }: Context): Promise<number> {
  const progress = new Progress('updated');
  const selection = new Selection(settings, true);
  const change = new Change(settings);
  const refusals = new Refusals(settings);
  const listing = new Listing<Flow>(settings, output, flowFormat(settings), 'none');
  for await (const batch of selected(ct, selection, {}, settings.replay !== undefined)) {
    const changing = batch.filter((flow) => change.changes(flow));
    const gone = new Set<number>();
    await ct.updateMany(
      changing.map((flow) => change.of(flow)),
      {
        onError: ({ index, error }) => {
          // What is refused is told, shown as it is and counted, as by conntrack(8).
          if (isGone(error)) gone.add(index);
          else refusals.add(error);
        },
      },
    );
    for (const [index, flow] of changing.entries()) {
      if (gone.has(index)) continue;
      // As it is now.
      const changed = await ct.get(flow);
      if (changed !== undefined) listing.add(changed);
    }
    progress.step(batch.length);
    await listing.flushIfFull();
  }
  progress.end();
  await listing.end();
  return listing.count;
}

const MARK = slotOfProperty('mark');
const STATUS = slotOfProperty('status');
const LABELS = slotOfProperty('labels');
const ZONE = slotOfProperty('zone');
const VTAGS = ['sctp.vtagOrig', 'sctp.vtagReply'].map((property) => slotOfProperty(property));
/** Not the verification tags, which conntrack(8) does not look at. */
const COMPARED = [...CHANGED, MARK].filter((slot) => !VTAGS.includes(slot));
const ROOM = 128;

/** What -U changes. */
class Change {
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Whether it makes a difference: what is so already is neither sent nor counted, as of conntrack(8). */
  changes(flow: Flow): boolean {
    const { labelsAdd, labelsDelete } = this.#settings;
    // Of labels it only looks whether there are any to take away.
    if (labelsAdd !== undefined || (labelsDelete !== undefined && flow.slots[LABELS] !== undefined)) return true;
    const update = this.of(flow).slots;
    return COMPARED.some((slot) => update[slot] !== undefined && !sameValue(update[slot], flow.slots[slot]));
  }

  /** The request for one flow: what names it, and what is to change. */
  of(flow: Flow): Flow {
    const { mark, flow: asked } = this.#settings;
    const update = new Flow();
    const to = update.slots;
    for (const slot of [ORIG.family, ...ORIG.all, ZONE]) to[slot] = flow.slots[slot];
    for (const slot of CHANGED) to[slot] = asked.slots[slot];
    if (to[STATUS] !== undefined) to[STATUS] = (to[STATUS] as number) | ((flow.slots[STATUS] ?? 0) as number);
    if (mark !== undefined) {
      const old = (flow.slots[MARK] ?? 0) as number;
      to[MARK] = ((old & ~mark.mask) ^ mark.value) | 0;
    }
    return this.#withLabels(update, flow);
  }

  #withLabels(update: Flow, flow: Flow): Flow {
    const { labelsAdd, labelsDelete } = this.#settings;
    if (labelsAdd === undefined && labelsDelete === undefined) return update;
    const has = flow.slots[LABELS] as Uint8Array | undefined;
    const bits = new Set(has === undefined ? [] : labelBits(has));
    for (const bit of labelsAdd ?? []) bits.add(bit);
    if (labelsDelete?.length === 0) bits.clear();
    for (const bit of labelsDelete ?? []) bits.delete(bit);
    return Flow.from({ ...update.toJSON(), labels: [...bits].filter((bit) => bit < ROOM) });
  }
}
