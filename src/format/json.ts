/**
 * Flows, expectations and events as JSON: what their toJSON gives, which Flow.from and Expectation.from take back.
 * Status as names, 64-bit counters above 2^53 - 1 as decimal text.
 */
import type { Expectation } from '../ctnetlink/expectation.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { escapeControlsInJSON } from '../netlink/escape.ts';
import type { PrintableExpectationEvent, PrintableFlowEvent } from './event.ts';

/** A flow that was listed after lost events, marked as no event: {"type":"sync","flow":{...}}. */
export function formatSyncJSON(entry: { flow: Flow } | { expectation: Expectation }): string {
  return json({ type: 'sync', ...entry });
}

/** JSON that may go to a terminal: control characters in text are escaped, also those that JSON allows. */
function json(value: object): string {
  return escapeControlsInJSON(JSON.stringify(value));
}

/** A flow as one line of JSON. */
export function formatFlowJSON(flow: Flow): string {
  return json(flow);
}

/**
 * An event as one line of JSON: {"type":"new","flow":{...}}, with the portid where a program caused it, and its name as
 * `progname` where it is given.
 */
export function formatEventJSON(event: PrintableFlowEvent, programName?: string): string {
  const { type, flow } = event;
  return json({ type, flow, ...cause(event, programName) });
}

function cause({ portid }: PrintableFlowEvent | PrintableExpectationEvent, progname: string | undefined): object {
  if (!portid) return {};
  return progname === undefined ? { portid } : { portid, progname };
}

/** An expectation as one line of JSON. */
export function formatExpectationJSON(expectation: Expectation): string {
  return json(expectation);
}

/**
 * An event of an expectation as one line of JSON: {"type":"new","expectation":{...}}, with the portid where a program
 * caused it, and its name as `progname` where it is given.
 */
export function formatExpectationEventJSON(event: PrintableExpectationEvent, programName?: string): string {
  const { type, expectation } = event;
  return json({ type, expectation, ...cause(event, programName) });
}
