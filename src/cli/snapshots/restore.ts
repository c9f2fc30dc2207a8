/** `ctnetlink restore FILE`: what a snapshot has, and a line for each item that does not come back whole. */
import { setImmediate } from 'node:timers/promises';
import {
  RestoreError,
  type RestoreFailure,
  type RestoreItem,
  type RestoreLoss,
  type RestoreResult,
} from '../../conntrack/restore.ts';
import type { RestoreCounts } from '../../conntrack/restored.ts';
import { creationOrder } from '../../ctnetlink/creation-order.ts';
import { describeEntry } from '../../ctnetlink/describe-tuple.ts';
import { EXPECT_ZONE, EXPECTED, ORIG, ZONE } from '../../ctnetlink/slots.ts';
import { KernelError } from '../../netlink/errors.ts';
import { EPERM } from '../../uapi/errno.ts';
import type { Context } from '../commands/context.ts';
import { Progress } from '../formats/progress.ts';
import { complain, complainPlainly } from '../output.ts';
import { Interruption } from '../signals.ts';
import { readSnapshot, type SnapshotFile } from './file.ts';

/** Flows between two turns of the event loop, in which a signal is noticed. */
const TURN = 1024;

export async function restore({ ct, settings }: Context): Promise<number> {
  const file = settings.file!;
  const snapshot = inOrder(await readSnapshot(file));
  const { flows, expectations } = snapshot;
  const progress = new Progress('sent', flows.length);
  async function* watched(): AsyncGenerator<(typeof flows)[number]> {
    for (const [index, flow] of flows.entries()) {
      if (index % TURN === 0) await setImmediate();
      progress.step();
      yield flow;
    }
  }
  const onLoss = (loss: RestoreLoss): void => {
    const losses = loss.losses.map(({ property, reason }) => `${property}: ${reason}`).join('; ');
    complainPlainly(`${placeOf(file, snapshot, loss)}: restored in part (${subjectOf(snapshot, loss)}): ${losses}`);
  };
  const onError = (failure: RestoreFailure): void => {
    const { error } = failure;
    // It is the same for all.
    if (error instanceof KernelError && error.errno === EPERM) throw error;
    complainPlainly(`${placeOf(file, snapshot, failure)}: not restored: ${error.message}`);
  };
  const interruption = new Interruption();
  const { signal } = interruption;
  const options = { onLoss, onError, strictWindows: settings.strictWindows, signal };
  try {
    const result = await ct.restore({ flows: watched(), expectations }, options);
    progress.end();
    summarize(result);
    if (interruption.status > 0) return interruption.status;
    return result.flows.failed + result.expectations.failed > 0 ? 1 : 0;
  } catch (error) {
    progress.end();
    if (!(error instanceof RestoreError)) throw error;
    const { result, cause } = error;
    const { status } = interruption;
    if (status > 0 || isAnythingBack(result)) summarize(result);
    if (status === 0) throw cause;
    complain('interrupted: the others have not been restored');
    return status;
  } finally {
    interruption.end();
  }
}

function inOrder(snapshot: SnapshotFile): SnapshotFile {
  const { flows, flowLines } = snapshot;
  const order = creationOrder(flows);
  if (order === undefined) return snapshot;
  const { expectations, expectationLines } = snapshot;
  return {
    flows: order.map((at) => flows[at]),
    flowLines: order.map((at) => flowLines[at]),
    expectations,
    expectationLines,
  };
}

function isAnythingBack({ flows, expectations }: RestoreResult): boolean {
  return [flows, expectations].some(({ whole, partial, unknown }) => whole + partial + unknown > 0);
}

function summarize({ flows, expectations }: RestoreResult): void {
  complain(`${summaryOf(flows, 'flow entries')}; ${summaryOf(expectations, 'expectations')}.`);
}

function placeOf(file: string, { flowLines, expectationLines }: SnapshotFile, { kind, index }: RestoreItem): string {
  return `${file}:${(kind === 'flow' ? flowLines : expectationLines)[index]}`;
}

function subjectOf({ flows, expectations }: SnapshotFile, { kind, index }: RestoreItem): string {
  if (kind === 'flow') {
    const { slots } = flows[index];
    return describeEntry(slots, ORIG, slots[ZONE], undefined);
  }
  const { slots } = expectations[index];
  return `expected ${describeEntry(slots, EXPECTED, slots[EXPECT_ZONE], undefined)}`;
}

function summaryOf({ whole, partial, failed, unknown }: RestoreCounts, what: string): string {
  const some = partial > 0 ? `, ${partial} of them in part` : '';
  const not = failed > 0 ? `, ${failed} have not` : '';
  return `${whole + partial} ${what} have been restored${some}${not}${unknown > 0 ? `, ${unknown} perhaps` : ''}`;
}
