/** An event of a flow as -o says. */
import type { FlowEvent } from '../../ctnetlink/event.ts';
import type { Flow } from '../../ctnetlink/flow.ts';
import {
  type FormatEventOptions,
  type FormatEventXMLOptions,
  formatEvent,
  formatEventSave,
  formatEventXML,
} from '../../format/event.ts';
import { formatEventJSON, formatSyncJSON } from '../../format/json.ts';
import { timeval } from '../../format/time.ts';
import { isJSON, type Settings } from '../options/settings.ts';
import { type Clock, flowFormat, now, plainOptions } from './listing.ts';
import { programNames } from './program-names.ts';

/** The prefix of entries that were listed after an overrun, as wide as that of events. */
export const SYNC = '   [SYNC] ';

/** The text of an event, without a newline. What is the same of all is worked out once. */
export function eventFormat(settings: Settings): (event: FlowEvent) => string {
  const { output } = settings;
  const programOf = programNames(settings);
  if (isJSON(settings)) return (event) => formatEventJSON(event, programOf(event));
  if (output.has('save')) return (event) => formatEventSave(event, programOf(event));
  const timed = output.has('timestamp');
  if (output.has('xml')) {
    const options: FormatEventXMLOptions = { ...plainOptions(settings), time: timed };
    return (event) => formatEventXML(event, options);
  }
  const options: FormatEventOptions = plainOptions(settings);
  return (event) => {
    if (timed) options.received = now(event);
    options.programName = programOf(event);
    return formatEvent(event, options);
  };
}

/**
 * The text of a flow that was listed after an overrun: as -L prints it, with a prefix that distinguishes it from an
 * event.
 */
export function syncFormat(settings: Settings, clock: Clock): (flow: Flow) => string {
  const { output } = settings;
  if (isJSON(settings)) return (flow) => formatSyncJSON({ flow });
  const format = flowFormat(settings, clock);
  // <flow> without a type, and -A, which does no harm where the flow is there already.
  if (output.has('xml') || output.has('save')) return format;
  if (!output.has('timestamp')) return (flow) => SYNC + format(flow);
  return (flow) => `[${timeval(now(clock))}]\t${SYNC}${format(flow)}`;
}
