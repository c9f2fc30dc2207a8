/** `ctnetlink restore FILE`: what a snapshot has, and a line for each item that does not come back whole. */
import type { RestoreCounts, RestoreFailure, RestoreItem, RestoreLoss } from '../../conntrack/restore.ts';
import { describeEntry } from '../../ctnetlink/describe-tuple.ts';
import { EXPECT_ZONE, EXPECTED, ORIG, ZONE } from '../../ctnetlink/slots.ts';
import { KernelError } from '../../netlink/errors.ts';
import { EPERM } from '../../uapi/errno.ts';
import type { Context } from '../commands/context.ts';
import { Progress } from '../formats/progress.ts';
import { complain, complainPlainly } from '../output.ts';
import { readSnapshot, type SnapshotFile } from './file.ts';

export async function restore({ ct, settings }: Context): Promise<number> {
  const file = settings.file!;
  const snapshot = await readSnapshot(file);
  const { flows, expectations } = snapshot;
  const progress = new Progress('sent', flows.length);
  function* watched(): Generator<(typeof flows)[number]> {
    for (const flow of flows) {
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
  const { strictWindows } = settings;
  try {
    const result = await ct.restore({ flows: watched(), expectations }, { onLoss, onError, strictWindows });
    progress.end();
    complain(`${summaryOf(result.flows, 'flow entries')}; ${summaryOf(result.expectations, 'expectations')}.`);
    return result.flows.failed + result.expectations.failed > 0 ? 1 : 0;
  } finally {
    progress.end();
  }
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

function summaryOf({ whole, partial, failed }: RestoreCounts, what: string): string {
  const some = partial > 0 ? `, ${partial} of them in part` : '';
  return `${whole + partial} ${what} have been restored${some}${failed > 0 ? `, ${failed} have not` : ''}`;
}
