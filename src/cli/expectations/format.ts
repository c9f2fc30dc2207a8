/**
 * An expectation, or an event of one, as -o says: each without a newline. conntrack(8) takes all outputs and knows xml
 * and timestamp.
 */
import type { ExpectationEvent } from '../../ctnetlink/event.ts';
import type { Expectation } from '../../ctnetlink/expectation.ts';
import { formatExpectationEvent, formatExpectationEventXML } from '../../format/event.ts';
import { formatExpectation, formatExpectationXML } from '../../format/expectation.ts';
import { formatExpectationEventJSON, formatExpectationJSON, formatSyncJSON } from '../../format/json.ts';
import { expectationTimeval } from '../../format/time.ts';
import { SYNC } from '../formats/event-format.ts';
import { type Clock, now } from '../formats/listing.ts';
import { programNames } from '../formats/program-names.ts';
import { isJSON, type Settings } from '../options/settings.ts';

export function expectationFormat(settings: Settings, clock: Clock): (expectation: Expectation) => string {
  const { output } = settings;
  if (isJSON(settings)) return formatExpectationJSON;
  const time = output.has('timestamp');
  if (output.has('xml')) return (expectation) => formatExpectationXML(expectation, { time, now: now(clock) });
  return (expectation) => formatExpectation(expectation, { received: time ? now(clock) : undefined });
}

export function expectationEventFormat(settings: Settings): (event: ExpectationEvent) => string {
  const { output } = settings;
  if (isJSON(settings)) {
    const programOf = programNames(settings);
    return (event) => formatExpectationEventJSON(event, programOf(event));
  }
  const time = output.has('timestamp');
  if (output.has('xml')) return (event) => formatExpectationEventXML(event, { time });
  return (event) => formatExpectationEvent(event, { received: time ? now(event) : undefined });
}

/** Of one that was listed after an overrun: see syncFormat. */
export function expectationSyncFormat(settings: Settings, clock: Clock): (expectation: Expectation) => string {
  const { output } = settings;
  if (isJSON(settings)) return (expectation) => formatSyncJSON({ expectation });
  if (output.has('xml')) return expectationFormat(settings, clock);
  const time = output.has('timestamp');
  return (expectation) => (time ? `[${expectationTimeval(now(clock))}]\t` : '') + SYNC + formatExpectation(expectation);
}
