/** The lines of a file. */
import { files } from '../../netlink/platform.ts';
import { UsageError } from '../options/settings.ts';

/** Characters that a line may have. One that conntrack(8) takes has several hundred. */
export const LONGEST = 65536;

/** What reading a file threw, as it is reported. */
export function unreadable(error: unknown, file: string): unknown {
  const { syscall, code } = error as NodeJS.ErrnoException;
  if (syscall === 'open') return new UsageError(`Failed to open file ${file} for reading`);
  // conntrack(8) takes a directory for an empty file.
  if (code === 'EISDIR') return new UsageError(`Failed to read file ${file}: it is a directory`);
  return error;
}

/**
 * The lines of a file or, for `-`, of standard input, as many at once as come at once. A line that is
 * too long is not gathered: its beginning, which is too long as well, is the last that comes.
 */
export async function* linesOf(file: string): AsyncGenerator<string[]> {
  const input = file === '-' ? process.stdin : files().createReadStream(file);
  let rest = '';
  for await (const text of input.setEncoding('utf8')) {
    const lines = (text as string).split('\n');
    lines[0] = rest + lines[0];
    rest = lines.pop()!;
    yield lines;
    if (rest.length > LONGEST) break;
  }
  if (rest !== '') yield [rest];
}
