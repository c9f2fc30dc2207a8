/** -D and -U: what matches is dumped, and then deleted or changed, many to a datagram. */
import { isGone } from '../../conntrack/call.ts';
import type { Conntrack } from '../../conntrack/conntrack.ts';
import { type SlotValue, sameValue } from '../../ctnetlink/attributes/kinds.ts';
import { Flow } from '../../ctnetlink/flow.ts';
import { labelBits, labelWords } from '../../ctnetlink/labels.ts';
import { patched } from '../../ctnetlink/patch.ts';
import { LABELS, LABELS_MASK, MARK, ORIG, SCTP_VTAG_ORIG, SCTP_VTAG_REPLY } from '../../ctnetlink/slots.ts';
import { beLiberal } from '../../ctnetlink/tcp-flags.ts';
import { KernelError } from '../../netlink/errors.ts';
import { IPPROTO_TCP } from '../../uapi/in.ts';
import { Refusals } from '../errors/report.ts';
import { flowFormat, Listing } from '../formats/listing.ts';
import { Progress } from '../formats/progress.ts';
import type { Settings } from '../options/settings.ts';
import { complain } from '../output.ts';
import type { Context } from './context.ts';
import { inTurn } from './in-turn.ts';
import { selected } from './list.ts';
import { CHANGED, Selection } from './selection.ts';

/** Flows that are worked on at a time: two datagrams of requests. */
const TOGETHER = 512;

/** Nothing that matched is a failure. */
function statusOf(count: number): number {
  return count > 0 ? 0 : 1;
}

export async function deleteFlows(context: Context): Promise<number> {
  const count = await removeFlows(context);
  complain(`${count} flow entries have been deleted.`);
  return statusOf(count);
}

/** Deletes what matches, prints it, and gives how many there were. */
export async function removeFlows(context: Context): Promise<number> {
  let refused: Error | undefined;
  const remove = async (ct: Conntrack, batch: Flow[]): Promise<Flow[]> => {
    if (refused !== undefined) return [];
    const failed = new Set<number>();
    await ct.deleteMany(batch, {
      onError: ({ index, error }) => {
        failed.add(index);
        // What went by itself since it was dumped is no failure, and not counted.
        if (!isGone(error)) refused ??= error;
      },
    });
    return failed.size === 0 ? batch : batch.filter((_flow, index) => !failed.has(index));
  };
  const count = await work(context, new Selection(context.settings), 'deleted', remove);
  if (refused !== undefined) throw refused;
  return count;
}

/**
 * Prints what comes of the flows that match, and gives how many there were. They are dumped over one socket and worked
 * on over another: if both shared one, the dump would have to be read until the answers come, to its end in the worst
 * case.
 */
async function work(
  { ct, open, settings, output }: Context,
  selection: Selection,
  verb: string,
  done: (ct: Conntrack, batch: Flow[]) => Promise<Flow[]>,
): Promise<number> {
  await using other = await open();
  const progress = new Progress(verb);
  const listing = new Listing<Flow>(settings, output, flowFormat(settings, ct), 'none');
  const batches = selected(ct, selection);
  let count = 0;
  const counted = async (batch: Flow[]): Promise<Flow[]> => {
    const flows = await done(other, batch);
    count += flows.length;
    return flows;
  };
  // A batch may be on its way.
  output.changed = () => `at least ${count} flow entries have been ${verb}, and the command has ended early.`;
  try {
    for await (const flows of inTurn(gathered(batches), counted)) {
      for (const flow of flows) listing.add(flow);
      progress.step(flows.length);
      await listing.flushIfFull();
    }
  } finally {
    progress.end();
    await listing.end();
    output.changed = undefined;
  }
  return listing.count;
}

/** At least so many flows at a time, as long as there are. */
async function* gathered(batches: AsyncIterable<Flow[]>): AsyncGenerator<Flow[]> {
  let flows: Flow[] = [];
  for await (const batch of batches) {
    for (const flow of batch) flows.push(flow);
    if (flows.length < TOGETHER) continue;
    yield flows;
    flows = [];
  }
  if (flows.length > 0) yield flows;
}

export async function updateFlows(context: Context): Promise<number> {
  const refusals = new Refusals(context.settings);
  const count = await changeFlows(context, (error) => refusals.add(error));
  complain(`${count} flow entries have been updated.`);
  return refusals.any ? 1 : statusOf(count);
}

/**
 * Changes what matches, prints it as it is then, and gives how many were changed. Goes on after what the kernel
 * refuses.
 */
export async function changeFlows(context: Context, onRefused: (error: KernelError) => void): Promise<number> {
  const { settings } = context;
  const change = new Change(settings);
  let failed: Error | undefined;
  const apply = async (ct: Conntrack, batch: Flow[]): Promise<Flow[]> => {
    if (failed !== undefined) return [];
    const requests = batch.map((flow) => change.of(flow)).filter((request) => request !== undefined);
    const unchanged = new Set<Flow>();
    await ct.updateMany(requests, {
      // The kernel compares no id in an update: it may find another flow, whose reply has the tuple of this one. A
      // capture finds none, and conntrack(8) did not ask.
      exact: settings.replay === undefined,
      onError: ({ item, error }) => {
        unchanged.add(item as Flow);
        if (isGone(error)) return;
        if (error instanceof KernelError) onRefused(error);
        else failed ??= error;
      },
    });
    const done = requests.filter((request) => !unchanged.has(request));
    const found = await Promise.allSettled(done.map((request) => ct.get(request)));
    failed ??= found.find((each) => each.status === 'rejected')?.reason;
    return found.flatMap((each) => (each.status === 'fulfilled' && each.value !== undefined ? [each.value] : []));
  };
  const count = await work(context, new Selection(settings, true), 'updated', apply);
  if (failed !== undefined) throw failed;
  return count;
}

const VTAGS = [SCTP_VTAG_ORIG, SCTP_VTAG_REPLY];
/** Not the verification tags, which conntrack(8) does not look at. */
const COMPARED = [...CHANGED, MARK].filter((slot) => !VTAGS.includes(slot));

/** What -U changes. */
class Change {
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /**
   * The request for one flow: what names it, and what is to change. Undefined where it makes no difference: what is so
   * already is neither sent nor counted, as of conntrack(8).
   */
  of(flow: Flow): Flow | undefined {
    const { mark, flow: asked } = this.#settings;
    const patch = new Flow();
    for (const slot of CHANGED) patch.slots[slot] = asked.slots[slot];
    const update = patched(flow, patch);
    const from = flow.slots;
    const to = update.slots;
    if (mark !== undefined) {
      const old = (from[MARK] ?? 0) as number;
      to[MARK] = ((old & ~mark.mask) ^ mark.value) | 0;
    }
    const changes = COMPARED.some((slot) => to[slot] !== undefined && !sameValue(to[slot], from[slot]));
    if (!this.#setLabels(to, from[LABELS] as Uint8Array | undefined) && !changes) return undefined;
    if (asked.slots[ORIG.proto] === IPPROTO_TCP) beLiberal(to);
    return update;
  }

  /**
   * Whether labels are to change. Of those to take away it is only looked whether there are any, as of conntrack(8).
   */
  #setLabels(slots: SlotValue[], has: Uint8Array | undefined): boolean {
    const { labelsAdd, labelsDelete } = this.#settings;
    if (labelsAdd !== undefined) {
      // The mask leaves labels alone that another program sets meanwhile.
      slots[LABELS] = labelWords(labelsAdd);
      slots[LABELS_MASK] = slots[LABELS];
      return true;
    }
    if (labelsDelete === undefined || has === undefined) return false;
    const left = labelsDelete.length === 0 ? [] : labelBits(has).filter((bit) => !labelsDelete.includes(bit));
    slots[LABELS] = labelWords(left);
    return true;
  }
}
