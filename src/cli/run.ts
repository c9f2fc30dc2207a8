/** Carries out what a command line says. */
import { readFileSync } from 'node:fs';
import { Conntrack } from '../conntrack/conntrack.ts';
import { ORIG } from '../ctnetlink/tuple.ts';
import { NetlinkError } from '../netlink/errors.ts';
import type { TransportFactory } from '../netlink/transport.ts';
import { replay } from '../replay/replay.ts';
import type { OpenOptions } from '../transport/open.ts';
import { type Recorder, record } from '../transport/record.ts';
import { deleteFlows, updateFlows } from './change.ts';
import { completionScript } from './completion.ts';
import type { Run } from './context.ts';
import { countFlows } from './count.ts';
import { addFlow, createFlow } from './create.ts';
import { report } from './errors.ts';
import { flowEvents } from './events.ts';
import { createExpectation, deleteExpectation } from './expect-change.ts';
import { expectationEvents } from './expect-events.ts';
import { getExpectation } from './expect-get.ts';
import { countExpectations, listExpectations } from './expect-list.ts';
import { flushExpectations, flushFlows } from './flush.ts';
import { getFlow } from './get.ts';
import { helpText } from './help.ts';
import { labelMapPath } from './labels.ts';
import { list } from './list.ts';
import { load } from './load.ts';
import { complainPlainly, Output } from './output.ts';
import { refuseSame } from './same-file.ts';
import type { Command, Settings } from './settings.ts';
import { expectationStats, flowStats } from './stats.ts';
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
function textOf({ command, shell, flow }: Settings): string | undefined {
  if (command === undefined || command === 'help') return helpText(flow.slots[ORIG.proto] as number | undefined);
  if (command === 'version') return `${NAME}\n`;
  return command === 'completion' ? completionScript(shell!) : undefined;
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
  const text = textOf(settings);
  if (text !== undefined) {
    output.add(text);
    await output.flush();
    return 0;
  }
  const runs = settings.table === 'expect' ? ON_EXPECTATIONS : ON_FLOWS;
  let { transport } = surroundings;
  let recorder: Recorder | undefined;
  /** The command is carried out even if the file cannot be written, and then fails. */
  let recordStatus = 0;
  if (settings.replay !== undefined) transport = openCapture(settings.replay, settings.replayRelease);
  if (settings.record !== undefined) {
    const { record: to, replay: from, file } = settings;
    for (const read of [from, file, labelMapPath()]) if (read !== undefined) refuseSame(read, to);
    const onError = (error: Error): void => {
      recordStatus = report(error);
    };
    transport = recorder = record(settings.record, { transport, onError });
  }
  try {
    const open = () => Conntrack.open({ transport, eventsMayAbortProcess: settings.eventsMayAbort });
    await using ct = await open();
    const status = await runs[settings.command!]!({ ct, open, settings, output });
    return status === 0 ? recordStatus : status;
  } finally {
    recorder?.close();
  }
}

/** The decoder's errors say which byte is wrong, not of what. */
function openCapture(path: string, release: string | undefined): TransportFactory {
  try {
    const capture = path === '-' ? new Uint8Array(readFileSync(0)) : path;
    // The command is seldom written as it was when the capture was made, nor by the same program.
    return replay(capture, { match: 'meaning', ...(release !== undefined && { release }) });
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    throw new NetlinkError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}
