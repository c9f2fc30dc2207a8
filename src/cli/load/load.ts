/**
 * -R: what the lines of a file say. As conntrack(8) does it: all lines are read and checked before the first is carried
 * out, the first that the kernel refuses ends it, and nothing is printed about lines that succeeded. Other than there,
 * a line is no other for what the lines behind it say. Lines with -A or -I that follow each other go to the kernel many
 * in a datagram.
 */

import { ASSUMED_TIMEOUTS } from '../../ctnetlink/offloaded.ts';
import { KernelError } from '../../netlink/errors.ts';
import { changeFlows, removeFlows } from '../commands/change.ts';
import type { Context } from '../commands/context.ts';
import { create, described } from '../commands/create.ts';
import { flushFlows } from '../commands/flush.ts';
import { CommandFailure } from '../errors/report.ts';
import { COMMANDS } from '../options/commands.ts';
import { type Command, type Settings, UsageError } from '../options/settings.ts';
import { complainPlainly } from '../output.ts';
import { Creations } from './create.ts';
import { LONGEST, linesOf, unreadable } from './lines.ts';
import { Shapes } from './shapes.ts';

type Run = (context: Context) => Promise<unknown>;

interface Single {
  run: Run;
  settings: Settings;
  line: number;
}

export async function load(context: Context): Promise<number> {
  const file = context.settings.file!;
  const script = new Script(file);
  await script.read();
  for (const step of script.steps) {
    if (step instanceof Creations) await step.run(context.ct, file);
    else await run(context, step, script);
  }
  return 0;
}

/** Says which line it was, in front of what went wrong. */
async function run(context: Context, { run, settings, line }: Single, { file }: Script): Promise<void> {
  settings.replay = context.settings.replay;
  try {
    await run({ ...context, settings });
  } catch (error) {
    complainPlainly(`${file}:${line}:`);
    throw new CommandFailure(error, settings);
  }
}

/** Ends with the first that was refused. */
const update: Run = async (context) => {
  let refused: Error | undefined;
  await changeFlows(context, (error) => {
    refused ??= error;
  });
  if (refused !== undefined) throw refused;
};

/** What a line may say. */
const RUNS: Readonly<Partial<Record<Command, Run>>> = {
  add: create,
  create,
  delete: removeFlows,
  update,
  flush: flushFlows,
};

/** The lines of a file, checked. */
class Script {
  readonly file: string;
  readonly steps: (Creations | Single)[] = [];
  /** Lines without a timeout, and the first of them. */
  #assumed = 0;
  #firstAssumed = 0;

  constructor(file: string) {
    this.file = file;
  }

  /** @throws UsageError for a line that is none, behind its place on standard error */
  async read(): Promise<void> {
    const shapes = new Shapes();
    let number = 0;
    try {
      for await (const lines of linesOf(this.file)) {
        for (const line of lines) {
          number++;
          if (line.length > LONGEST) throw new UsageError(`the line has more than ${LONGEST} characters`);
          const settings = shapes.read(line);
          if (settings !== undefined) this.#add(settings, number);
        }
      }
    } catch (error) {
      if (error instanceof UsageError) complainPlainly(`${this.file}:${number}:`);
      throw unreadable(error, this.file);
    }
    this.#warn();
  }

  #warn(): void {
    if (this.#assumed === 0) return;
    const { tcp, other } = ASSUMED_TIMEOUTS;
    complainPlainly(
      `${this.file}:${this.#firstAssumed}: WARNING: no --timeout, as of an offloaded flow (${this.#assumed} such lines): ${tcp} seconds with TCP, ${other} with others`,
    );
  }

  #add(settings: Settings, line: number): void {
    if (settings.assumed && this.#assumed++ === 0) this.#firstAssumed = line;
    for (const warning of settings.warnings) complainPlainly(warning);
    const run = settings.table === 'conntrack' ? RUNS[settings.command!] : undefined;
    if (run === undefined) throw new UsageError(refusalOf(settings));
    if (run !== create || !this.#addCreation(settings, line)) this.steps.push({ run, settings, line });
  }

  /** @returns false for a line without a request, which is reported when its turn comes */
  #addCreation(settings: Settings, line: number): boolean {
    const last = this.steps.at(-1);
    const creations = last instanceof Creations ? last : new Creations();
    if (creations !== last) this.steps.push(creations);
    try {
      creations.add(described(settings), settings, line);
      return true;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      return false;
    }
  }
}

function refusalOf({ command, table }: Settings): string {
  if (command === 'load') return "unknown option `-R'";
  const letter = COMMANDS.find((row) => row.command === command)?.letter;
  const name = letter === undefined ? 'unknown' : `-${letter}${table === 'expect' ? ' expect' : ''}`;
  return `Cannot use command \`${name}' with --load-file`;
}
