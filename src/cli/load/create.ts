/**
 * Lines with -A or -I that follow each other in a file: many in a datagram, with the effect that they have one by one.
 */
import type { Conntrack } from '../../conntrack/conntrack.ts';
import { LabelsError } from '../../conntrack/created-labels.ts';
import type { Failure } from '../../conntrack/many.ts';
import type { Flow } from '../../ctnetlink/flow.ts';
import { KernelError } from '../../netlink/errors.ts';
import { EEXIST } from '../../uapi/errno.ts';
import { CommandFailure } from '../errors/report.ts';
import { Progress } from '../formats/progress.ts';
import type { Settings } from '../options/settings.ts';
import { complainPlainly } from '../output.ts';

/** Many lines share it: what else they said is in the flow. */
type Kind = Pick<Settings, 'command' | 'table'>;

export class Creations {
  readonly #flows: Flow[] = [];
  readonly #kinds: Kind[] = [];
  readonly #lines: number[] = [];

  add(flow: Flow, { command, table }: Settings, line: number): void {
    const last = this.#kinds.at(-1);
    this.#flows.push(flow);
    this.#kinds.push(last?.command === command ? last! : { command, table });
    this.#lines.push(line);
  }

  /** Ends with the first that is refused. @throws CommandFailure for that, behind its place on standard error */
  async run(ct: Conntrack, file: string): Promise<void> {
    const progress = new Progress('added', this.#flows.length);
    const failed = new Set<number>();
    let refused: Failure | undefined;
    let sent = 0;
    const flows = this.#flows;
    function* untilRefused(): Generator<Flow> {
      for (const flow of flows) {
        if (refused !== undefined) return;
        sent++;
        progress.step();
        yield flow;
      }
    }
    try {
      await ct.createMany(untilRefused(), {
        onError: (failure) => {
          if (failure.error instanceof LabelsError) {
            // It was created.
            complainPlainly(`${file}:${this.#lines[failure.index]}: WARNING: ${failure.error.message}`);
            return;
          }
          failed.add(failure.index);
          if (this.#isRefusal(failure) && !(refused !== undefined && refused.index < failure.index)) refused = failure;
        },
      });
    } finally {
      progress.end();
    }
    if (refused === undefined) return;
    // Those behind it had been sent before it was answered.
    const { index, error } = refused as Failure;
    const behind = flows.slice(index + 1, sent).filter((_, at) => !failed.has(index + 1 + at));
    await ct.deleteMany(behind, { onError: () => {} });
    complainPlainly(`${file}:${this.#lines[index]}:`);
    throw new CommandFailure(error, this.#kinds[index]);
  }

  /** That a flow is there already is none of -A. */
  #isRefusal({ index, error }: Failure): boolean {
    return !(error instanceof KernelError && error.errno === EEXIST && this.#kinds[index].command === 'add');
  }
}
