/** Events as conntrack -E prints them. */
import type { Flow } from '../ctnetlink/flow.ts';
import type { EventType } from '../ctnetlink/message.ts';
import { escapeXML } from './elements.ts';
import { formatFlow, type PlainOptions } from './plain.ts';
import { formatFlowXML, type XmlOptions } from './xml.ts';

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

/** -o timestamp is `time` here. */
export interface EventXmlOptions extends Omit<XmlOptions, 'type'> {
  /** The program behind the portid, where it is known. */
  programName?: string;
}

/** The line of an event, without a newline. conntrack(8) marks what a program caused with or without -o userspace; so do we. */
export function formatEvent(event: FlowEvent, options: EventOptions = {}): string {
  const { received, programName } = options;
  const arrival = received === undefined ? '' : `[${timeval(received)}]\t`;
  return arrival + formatFlow(event.flow, { ...options, type: event.type }) + cause(event, programName);
}

/** The same in XML, where which program caused it is text between the elements. */
export function formatEventXML(event: FlowEvent, options: EventXmlOptions = {}): string {
  const { programName } = options;
  const flow = formatFlowXML(event.flow, { ...options, type: event.type });
  return flow + cause(event, programName && escapeXML(programName));
}

function cause({ portid }: FlowEvent, programName: string | undefined): string {
  if (!portid) return '';
  const program = programName === undefined ? '' : ` progname=${programName}`;
  return ` [USERSPACE] portid=${portid}${program}`;
}

/** Seconds with six decimals, as a struct timeval is printed. */
function timeval(milliseconds: number): string {
  const microseconds = Math.floor(milliseconds * 1000);
  return `${Math.floor(microseconds / 1_000_000)}.${`${microseconds % 1_000_000}`.padStart(6, '0')}`;
}
