#!/usr/bin/env node
/** The command `ctnetlink`: conntrack(8)'s options, output and exit statuses. */
import { report } from './errors/report.ts';
import { withoutFfiWarning } from './errors/warnings.ts';
import { parse } from './options/parse.ts';
import type { Settings } from './options/settings.ts';
import { isTableWord, parseTableWord } from './options/table-words.ts';
import { isToolName } from './options/tool-names.ts';
import { run } from './run.ts';

withoutFfiWarning();
// An error that nobody awaits, such as one of a socket's callback.
process.on('uncaughtException', (error) => process.exit(report(error, settings)));

let settings: Settings | undefined;
try {
  const args = process.argv.slice(2);
  const [name, ...rest] = args;
  const asked = rest.includes('-h') || rest.includes('--help');
  if (isTableWord(name) && !asked) {
    settings = parseTableWord(name, rest);
    process.exitCode = await run(settings);
  } else if (isToolName(name)) {
    const { runTool } = await import('./extras.ts');
    process.exitCode = await runTool(name, rest);
  } else {
    settings = parse(args);
    process.exitCode = await run(settings);
  }
} catch (error) {
  process.exitCode = report(error, settings);
}
