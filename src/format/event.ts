/** Events as conntrack -E prints them. */
import type { Flow } from '../ctnetlink/flow.ts';
import type { EventType } from '../ctnetlink/message.ts';
import { formatFlow, type PlainOptions } from './plain.ts';

/** What is printed of an event. */
export interface FlowEvent {
  readonly type: EventType;
  readonly flow: Flow;
  /** nl_pid of the socket whose request caused it; 0 (or undefined): the kernel itself. */
  readonly portid?: number;
}

export interface EventOptions extends Omit<PlainOptions, 'type'> {
  /** When it arrived, in milliseconds since 1970, fractions included: the `[1700000000.123456]` in front (-o timestamp). */
  received?: number;
  /** The program behind the portid, where it is known. */
  programName?: string;
}

/** The line of an event, without a newline. conntrack(8) marks what a program caused with or without -o userspace; so do we. */
export function formatEvent(event: FlowEvent, options: EventOptions = {}): string {
  const { received, programName } = options;
  let text = received === undefined ? '' : `[${timeval(received)}]\t`;
  text += formatFlow(event.flow, { ...options, type: event.type });
  if (event.portid) {
    text += ` [USERSPACE] portid=${event.portid}`;
    if (programName !== undefined) text += ` progname=${programName}`;
  }
  return text;
}

/** Seconds with six decimals, as a struct timeval is printed. */
function timeval(milliseconds: number): string {
  const microseconds = Math.floor(milliseconds * 1000);
  return `${Math.floor(microseconds / 1_000_000)}.${`${microseconds % 1_000_000}`.padStart(6, '0')}`;
}
