/**
 * Flows and events as JSON: what Flow.toJSON gives, which Flow.from takes back. Status as names, 64-bit counters above 2^53 - 1 as
 * decimal text.
 */
import type { Flow } from '../ctnetlink/flow.ts';
import type { FlowEvent } from './event.ts';

/** A flow as one line of JSON. */
export function formatFlowJSON(flow: Flow): string {
  return JSON.stringify(flow.toJSON());
}

/** An event as one line of JSON: {"type":"new","flow":{...}}, with the portid where a program caused it. */
export function formatEventJSON(event: FlowEvent): string {
  const { type, flow, portid } = event;
  return JSON.stringify(portid ? { type, flow, portid } : { type, flow });
}
