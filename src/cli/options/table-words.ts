/** The command lines of snapshot and restore: those of -L and -R, but for what makes no sense here. */
import { useLabelMap } from './labels.ts';
import { Parser } from './parse.ts';
import { type Settings, UsageError } from './settings.ts';

export type TableWord = 'snapshot' | 'restore';

const STRICT_WINDOWS = '--strict-windows';

export function isTableWord(word: string | undefined): word is TableWord {
  return word === 'snapshot' || word === 'restore';
}

/** @throws UsageError */
export function parseTableWord(word: TableWord, args: readonly string[]): Settings {
  useLabelMap();
  const settings = word === 'snapshot' ? snapshotSettings(args) : restoreSettings(args);
  settings.command = word;
  if (settings.netns.length > 1) throw new UsageError(`${word} takes one \`--netns'`);
  return settings;
}

function snapshotSettings(args: readonly string[]): Settings {
  const { settings, words } = new Parser(['-L', 'conntrack', ...args]);
  if (words.length > 0)
    throw new UsageError(`snapshot takes options only, not \`${words[0]}': it writes standard output`);
  if (settings.zero) throw new UsageError("Illegal option `--zero' with snapshot");
  if (settings.output.size > 0) throw new UsageError("Illegal option `--output' with snapshot");
  return settings;
}

function restoreSettings(args: readonly string[]): Settings {
  const others = args.filter((arg) => arg !== STRICT_WINDOWS);
  const { settings, words } = new Parser(['-R', '-', ...others]);
  if (words.length !== 1) throw new UsageError('restore takes one file, or - for standard input');
  [settings.file] = words;
  settings.strictWindows = others.length < args.length;
  return settings;
}
