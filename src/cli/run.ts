/** Carries out what a command line says. */
import { Conntrack } from '../conntrack/conntrack.ts';
import { ORIG } from '../ctnetlink/slots.ts';
import type { OpenOptions } from '../transport/open.ts';
import type { Recorder } from '../transport/record.ts';
import { deleteFlows, updateFlows } from './commands/change.ts';
import type { Run } from './commands/context.ts';
import { countFlows } from './commands/count.ts';
import { addFlow, createFlow } from './commands/create.ts';
import { flowEvents } from './commands/events.ts';
import { flushExpectations, flushFlows } from './commands/flush.ts';
import { getFlow } from './commands/get.ts';
import { list } from './commands/list.ts';
import { expectationStats, flowStats } from './commands/stats.ts';
import { report } from './errors/report.ts';
import { createExpectation, deleteExpectation } from './expectations/change.ts';
import { expectationEvents } from './expectations/events.ts';
import { getExpectation } from './expectations/get.ts';
import { countExpectations, listExpectations } from './expectations/list.ts';
import type { Place } from './formats/netns.ts';
import { load } from './load/load.ts';
import type { Command, Settings } from './options/settings.ts';
import { complainPlainly, Output } from './output.ts';
import { NAME } from './version.ts';

type Runs = Readonly<Partial<Record<Command, Run>>>;

const ON_FLOWS: Runs = {
  list,
  get: getFlow,
  delete: deleteFlows,
  create: createFlow,
  add: addFlow,
  update: updateFlows,
  event: flowEvents,
  flush: flushFlows,
  load,
  snapshot: async (context) => (await import('./extras.ts')).snapshot(context),
  restore: async (context) => (await import('./extras.ts')).restore(context),
  count: countFlows,
  stats: flowStats,
};

const ON_EXPECTATIONS: Runs = {
  list: listExpectations,
  get: getExpectation,
  delete: deleteExpectation,
  create: createExpectation,
  event: expectationEvents,
  flush: flushExpectations,
  count: countExpectations,
  stats: expectationStats,
};

/** What a command prints that asks no kernel. */
async function textOf({ command, shell, flow }: Settings): Promise<string | undefined> {
  if (command === undefined || command === 'help') {
    const { helpText } = await import('./extras.ts');
    return helpText(flow.slots[ORIG.proto] as number | undefined);
  }
  if (command === 'version') return `${NAME}\n`;
  if (command !== 'completion') return undefined;
  const { completionScript } = await import('./extras.ts');
  return completionScript(shell!);
}

/** What a command works on, where that is not the kernel and standard output. */
export interface Surroundings {
  transport?: OpenOptions['transport'];
  output?: Output;
}

/** @returns the exit status */
export async function run(settings: Settings, surroundings: Surroundings = {}): Promise<number> {
  for (const warning of settings.warnings) complainPlainly(warning);
  const { output = new Output() } = surroundings;
  const text = await textOf(settings);
  if (text !== undefined) {
    output.add(text);
    await output.flush();
    return 0;
  }
  // It has sockets of its own.
  if (settings.command === 'watch') return await (await import('./watch/watch.ts')).watch(settings, output);
  const runs = settings.table === 'expect' ? ON_EXPECTATIONS : ON_FLOWS;
  let { transport } = surroundings;
  let recorder: Recorder | undefined;
  /** The command is carried out even if the file cannot be written, and then fails. */
  let recordStatus = 0;
  const { replay, record } = settings;
  if (replay !== undefined || record !== undefined) {
    const { openCapture, openRecorder } = await import('./extras.ts');
    if (replay !== undefined) transport = openCapture(replay, settings.replayRelease);
    const onError = (error: Error): void => {
      recordStatus = report(error);
    };
    if (record !== undefined) transport = recorder = openRecorder(record, settings, { transport, onError });
  }
  const each: Place[] = [];
  try {
    const { netns: names, eventsMayAbort } = settings;
    const openIn = (netns?: string) =>
      Conntrack.open({ transport, eventsMayAbortProcess: eventsMayAbort, ...(netns !== undefined && { netns }) });
    const open = () => openIn(names[0]);
    for (const netns of names.length > 0 ? names : [undefined])
      each.push({ ct: await openIn(netns), netns: names.length > 1 ? netns : undefined });
    const [{ ct }] = each;
    const status = await runs[settings.command!]!({ ct, each, open, settings, output });
    return status === 0 ? recordStatus : status;
  } finally {
    for (const { ct } of each) await ct.close();
    recorder?.close();
  }
}
