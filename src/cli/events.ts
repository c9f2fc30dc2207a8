/** -E: what happens to flows, until SIGINT or SIGTERM, or the end of a replay. */
import type { Conntrack } from '../conntrack/conntrack.ts';
import type { ConntrackEvent, FlowEvent } from '../conntrack/flow-events.ts';
import { type EventOptions, formatEvent } from '../format/event.ts';
import { formatEventJSON } from '../format/json.ts';
import { plainOptions } from './formats.ts';
import type { Settings } from './options.ts';
import { complain, type Output } from './output.ts';
import { ProgramNames } from './program-names.ts';

const OVERRUN = `WARNING: We have hit ENOBUFS! We are losing events.
This message means that the current netlink socket buffer size is too small.
Please, check --buffer-size in ctnetlink --help.
`;

/** Prints events and says how many there were. */
export async function events(ct: Conntrack, settings: Settings, output: Output): Promise<void> {
  const { bufferSize, family, output: shown } = settings;
  const types = settings.events.size > 0 ? [...settings.events] : undefined;
  const stream = await ct.events({ types, receiveBuffer: bufferSize });
  const stop = (): void => stream.close();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);

  const format = formatter(settings);
  const array = shown.has('json');
  let count = 0;
  if (array) output.add('[');
  for await (const event of stream) {
    if (event.type === 'overrun') process.stderr.write(OVERRUN);
    else if (family !== undefined && event.flow.family !== family) continue;
    const text = format(event);
    if (text === undefined) continue;
    if (array) output.add(`${count === 0 ? '\n' : ',\n'}${text}`);
    else output.add(`${text}\n`);
    count++;
    if (output.full) await output.flush();
    else output.flushSoon();
  }
  if (array) output.add(count === 0 ? ']\n' : '\n]\n');
  await output.flush();
  process.off('SIGINT', stop);
  process.off('SIGTERM', stop);
  complain(`${count} flow events have been shown.`);
}

/** Formats one event; undefined: it is not shown. */
function formatter(settings: Settings): (event: ConntrackEvent) => string | undefined {
  const { output, replay } = settings;
  if (output.has('json') || output.has('ndjson')) {
    return (event) => (event.type === 'overrun' ? JSON.stringify(event) : formatEventJSON(event));
  }
  const plain = plainOptions(settings);
  const timestamp = output.has('timestamp');
  // The programs of a capture are not those of this machine.
  const programs = replay === undefined ? new ProgramNames() : undefined;
  return (event) => {
    if (event.type === 'overrun') return undefined;
    const options: EventOptions = { ...plain };
    if (timestamp) options.received = performance.timeOrigin + performance.now();
    if (event.portid !== 0) options.programName = programs?.of((event as FlowEvent).portid);
    return formatEvent(event, options);
  };
}
