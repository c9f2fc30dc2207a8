/** The output for a failure: a line or two, and never a stack. */
import { ProtocolFamilyError } from '../../ctnetlink/request/protocol.ts';
import { IncompleteTupleError } from '../../ctnetlink/tuple.ts';
import { KernelError, NetlinkError, UnsupportedError } from '../../netlink/errors.ts';
import { builtin } from '../../netlink/platform.ts';
import { environmentVariable, permissionRefused } from '../../transport/permissions.ts';
import { EEXIST, EINVAL } from '../../uapi/errno.ts';
import { type Settings, UsageError } from '../options/settings.ts';
import { complain, complainPlainly } from '../output.ts';
import { failureLine } from './failures.ts';

/** Exit status of conntrack(8); that of misuse is the error's own. */
const FAILED = 1;

/** What a message depends on. */
type Asked = Pick<Settings, 'command' | 'table'>;

/** What went wrong with one of several commands: that of a line of a file. */
export class CommandFailure extends Error {
  readonly settings: Asked;

  constructor(cause: unknown, settings: Asked) {
    super('a command failed', { cause });
    this.settings = settings;
  }
}

/**
 * Says what went wrong and returns the exit status. CTNETLINK_DEBUG=1 shows where.
 * @param settings what was asked for, where that is known: the last line about what the kernel refused is
 * conntrack(8)'s, which depends on it. A line before it says what it means and what to do.
 */
export function report(error: unknown, settings?: Asked): number {
  if (error instanceof CommandFailure) return report(error.cause, error.settings);
  if (environmentVariable('CTNETLINK_DEBUG')) {
    // An import of node:util loads all that it can do: a tenth of a start.
    const text = builtin('node:util')?.inspect(error) ?? String(error);
    for (const line of text.split('\n')) complainPlainly(line);
  }
  if (error instanceof UsageError) {
    if (error.hint !== undefined) complain(error.hint);
    complain(error.message);
    for (const line of error.pointer) complainPlainly(line);
    if (error.status !== FAILED)
      process.stderr.write("Try `ctnetlink -h' or 'ctnetlink --help' for more information.\n");
    return error.status;
  }
  if (error instanceof IncompleteTupleError || error instanceof ProtocolFamilyError) {
    complain(error.message);
    complain(failureLine({ errno: EINVAL, operation: '' }, settings));
    return FAILED;
  }
  if (error instanceof KernelError) {
    explain(error);
    complain(failureLine(error, settings));
  } else {
    complain(`Operation failed: ${oneLine(error)}`);
  }
  return FAILED;
}

/**
 * What it means and what to do. Of what exists already there is nothing more to say: the sentence speaks of a call that
 * no option makes.
 */
function explain(error: KernelError): void {
  const { errno, explanation, extack } = error;
  if (errno !== EEXIST && (explanation !== undefined || extack?.message !== undefined)) complain(oneLine(error));
}

/** Failures that -U reports, each in a line without a name in front, before it continues. */
export class Refusals {
  readonly #settings: Settings;
  readonly #explained = new Set<number>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get any(): boolean {
    return this.#explained.size > 0;
  }

  add(error: KernelError): void {
    if (!this.#explained.has(error.errno)) explain(error);
    this.#explained.add(error.errno);
    complainPlainly(failureLine(error, this.#settings));
  }
}

function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  let { message } = error;
  if (error instanceof UnsupportedError && message.includes('eventsMayAbortProcess'))
    message += ' (here: --events-may-abort)';
  const { syscall } = error as NodeJS.ErrnoException;
  const refused = permissionRefused(error);
  if (refused !== undefined) return refused;
  // What is neither of this package nor of the file system is a defect of this package.
  if (!(error instanceof NetlinkError) && syscall === undefined)
    message += ' (a defect of ctnetlink; with CTNETLINK_DEBUG=1 it says where)';
  return message.replaceAll('\n', ' ');
}
