/** What conntrack(8) says when the kernel refuses, as data: by command, table and errno. */
import type { KernelError } from '../../netlink/errors.ts';
import { EAFNOSUPPORT, EEXIST, EINVAL, ENOENT, ENOMEM, EPERM } from '../../uapi/errno.ts';
import { COMMANDS } from '../options/commands.ts';
import type { Commands } from '../options/option.ts';
import type { Settings } from '../options/settings.ts';
import { strerror } from './strerror.ts';

/** Numbers of the kernel's own; user space has no text for them. */
const ENOTSUPP = 524;
const ETIME = 62;

interface Failure {
  readonly errno: number;
  /** The commands that say so. Default: all. */
  readonly of?: Commands;
  readonly text: string;
}

const FAILURES: readonly Failure[] = [
  { errno: EPERM, text: 'sorry, you must be root or get CAP_NET_ADMIN capability to do this' },
  { errno: EINVAL, of: { conntrack: 'LGDIUFC', expect: 'LGDIEF' }, text: 'invalid parameters' },
  { errno: EEXIST, of: { conntrack: 'I' }, text: 'Such conntrack exists, try -U to update' },
  { errno: ENOENT, of: { conntrack: 'GDIA' }, text: "such conntrack doesn't exist" },
  { errno: ENOENT, of: { expect: 'I' }, text: 'master conntrack not found' },
  { errno: ENOMEM, of: { conntrack: 'GIA' }, text: 'not enough memory' },
  { errno: EAFNOSUPPORT, of: { conntrack: 'G' }, text: 'protocol not supported' },
  { errno: ETIME, of: { conntrack: 'IA' }, text: 'conntrack has expired' },
  { errno: ENOTSUPP, of: { conntrack: 'L' }, text: 'function not implemented' },
];

/** The last line about a refusal, without the name of the program. */
export function failureLine(
  { errno, operation }: Pick<KernelError, 'errno' | 'operation'>,
  { command, table }: Partial<Pick<Settings, 'command' | 'table'>> = {},
): string {
  // conntrack(8) joins when it opens the socket, and says so.
  if (operation === 'join') return table === 'expect' ? "Can't open handler" : "Can't open netlink socket";
  const letter = COMMANDS.find((row) => row.command === command)?.letter;
  const own = FAILURES.find((failure) => {
    if (failure.errno !== errno || failure.of === undefined) return failure.errno === errno;
    const letters = table === 'expect' ? failure.of.expect : failure.of.conntrack;
    return letter !== undefined && letters?.includes(letter) === true;
  });
  return `Operation failed: ${own?.text ?? strerror(errno)}`;
}
