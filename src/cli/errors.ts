/** What a failure looks like to who typed the command: one line, and never a stack. */
import { NetlinkError, UnsupportedError } from '../netlink/errors.ts';
import { UsageError } from './options.ts';
import { complain } from './output.ts';

/** Exit statuses of conntrack(8). */
const FAILED = 1;
const MISUSED = 2;

/** Says what went wrong and returns the exit status. CTNETLINK_DEBUG=1 shows where. */
export function report(error: unknown): number {
  if (process.env.CTNETLINK_DEBUG) console.error(error);
  if (error instanceof UsageError) {
    complain(error.message);
    process.stderr.write("Try `ctnetlink -h' or 'ctnetlink --help' for more information.\n");
    return MISUSED;
  }
  complain(`Operation failed: ${oneLine(error)}`);
  return FAILED;
}

function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  let { message } = error;
  if (error instanceof UnsupportedError && message.includes('eventsMayAbortProcess'))
    message += ' (here: --events-may-abort)';
  const { syscall } = error as NodeJS.ErrnoException;
  // What is neither of this package nor of the file system is a defect of this package.
  if (!(error instanceof NetlinkError) && syscall === undefined)
    message += ' (a defect of ctnetlink; with CTNETLINK_DEBUG=1 it says where)';
  return message.replaceAll('\n', ' ');
}
