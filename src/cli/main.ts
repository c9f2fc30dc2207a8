#!/usr/bin/env node
/** The command `ctnetlink`: conntrack(8)'s options, output and exit statuses. */
import { Conntrack } from '../conntrack/conntrack.ts';
import { NetlinkError } from '../netlink/errors.ts';
import type { TransportFactory } from '../netlink/transport.ts';
import type { OpenOptions } from '../transport/open.ts';
import { type Recorder, record } from '../transport/record.ts';
import { replay } from '../transport/replay.ts';
import { count } from './count.ts';
import { report } from './errors.ts';
import { events } from './events.ts';
import { list } from './list.ts';
import { helpText, parse, type Settings } from './options.ts';
import { Output } from './output.ts';
import { stats } from './stats.ts';
import { NAME } from './version.ts';
import { withoutFfiWarning } from './warnings.ts';

async function run(settings: Settings): Promise<void> {
  const output = new Output();
  if (settings.command === undefined || settings.command === 'help') {
    output.add(helpText());
    return await output.flush();
  }
  if (settings.command === 'version') {
    output.add(`${NAME}\n`);
    return await output.flush();
  }

  let transport: OpenOptions['transport'];
  let recorder: Recorder | undefined;
  if (settings.replay !== undefined) transport = openCapture(settings.replay);
  if (settings.record !== undefined) transport = recorder = record(settings.record, { transport });
  try {
    await using ct = await Conntrack.open({ transport, eventsMayAbortProcess: settings.eventsMayAbort });
    if (settings.command === 'list') await list(ct, settings, output);
    else if (settings.command === 'event') await events(ct, settings, output);
    else if (settings.command === 'count') await count(ct, output);
    else await stats(ct, output);
  } finally {
    recorder?.close();
  }
}

/** The decoder's errors say which byte is wrong, not of what. */
function openCapture(path: string): TransportFactory {
  try {
    return replay(path);
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    throw new NetlinkError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

withoutFfiWarning();
// An error that nobody awaits, such as one of a socket's callback.
process.on('uncaughtException', (error) => process.exit(report(error)));

try {
  await run(parse(process.argv.slice(2)));
} catch (error) {
  process.exitCode = report(error);
}
