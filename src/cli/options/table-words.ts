/** The command lines of snapshot, restore and watch: those of -L, -R and -E, but for what makes no sense here. */
import { useLabelMap } from './labels.ts';
import { Parser } from './parse.ts';
import { type OutputType, type Settings, UsageError } from './settings.ts';

export type TableWord = 'snapshot' | 'restore' | 'watch';

const STRICT_WINDOWS = '--strict-windows';
const SUMMARY = '--summary';
const FOLLOW = '--follow';

/** Outputs that have no place for a change. */
const NOT_OF_CHANGES: readonly OutputType[] = ['xml', 'save', 'json', 'userspace'];

export function isTableWord(word: string | undefined): word is TableWord {
  return word === 'snapshot' || word === 'restore' || word === 'watch';
}

/** @throws UsageError */
export function parseTableWord(word: TableWord, args: readonly string[]): Settings {
  useLabelMap();
  const settings = READ[word](args);
  settings.command = word;
  if (settings.netns.length > 1 && word !== 'watch') throw new UsageError(`${word} takes one \`--netns'`);
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

function watchSettings(args: readonly string[]): Settings {
  const others: string[] = [];
  let follow: string | undefined;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at];
    if (arg === FOLLOW) follow = args[++at] ?? '';
    else if (arg.startsWith(`${FOLLOW}=`)) follow = arg.slice(FOLLOW.length + 1);
    else if (arg !== SUMMARY) others.push(arg);
  }
  if (follow !== undefined && follow !== 'all' && follow !== 'lifecycle')
    throw new UsageError(`--follow takes all or lifecycle, not \`${follow}'`);
  const { settings, words } = new Parser(['-E', 'conntrack', ...others]);
  if (words.length > 0) throw new UsageError(`watch takes options only, not \`${words[0]}'`);
  if (settings.events.size > 0)
    throw new UsageError("Illegal option `--event-mask' with watch: --follow takes its place");
  if (settings.resync) throw new UsageError("Illegal option `--resync' with watch: it always does so");
  if (settings.replay !== undefined || settings.record !== undefined)
    throw new UsageError('watch works with the live table only, without --replay and --record');
  const output = NOT_OF_CHANGES.find((name) => settings.output.has(name));
  if (output !== undefined) throw new UsageError(`Illegal option \`--output ${output}' with watch`);
  settings.follow = follow ?? 'all';
  settings.summary = args.includes(SUMMARY);
  return settings;
}

const READ: Readonly<Record<TableWord, (args: readonly string[]) => Settings>> = {
  snapshot: snapshotSettings,
  restore: restoreSettings,
  watch: watchSettings,
};
