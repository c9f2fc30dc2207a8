/** Events as conntrack -E prints them. */

import type { ExpectationEvent, FlowEvent } from '../ctnetlink/event.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { EVENT_TIME } from '../ctnetlink/slots.ts';
import { checkString } from '../netlink/check.ts';
import { escapeControls } from '../netlink/escape.ts';
import {
  expectationText,
  expectationXML,
  type FormatExpectationOptions,
  type FormatExpectationXMLOptions,
} from './expectation.ts';
import { type AnyFormatOptions, checkOf, checkTime, FORMAT_OPTIONS } from './options.ts';
import { type FormatFlowOptions, flowText, PREFIXES } from './plain.ts';
import { formatFlowSave } from './save.ts';
import { kernelTimeval, timeval } from './time.ts';
import { type FormatFlowXMLOptions, flowXML } from './xml.ts';

/** An event to print: of what `ct.events()` yields, the type and the flow are enough. */
export type PrintableFlowEvent = Pick<FlowEvent, 'type' | 'flow'> & Partial<FlowEvent>;

/** What formatEvent takes. */
export interface FormatEventOptions extends Omit<FormatFlowOptions, 'type'> {
  /**
   * When it arrived, in milliseconds since 1970, fractions included: the `[1700000000.123456]` in front (-o timestamp).
   * Where the kernel says when the event happened (`timestamp.event`, Linux 6.14 with nf_conntrack_timestamp=1), that
   * is printed instead, as of conntrack(8) 1.4.9.
   */
  received?: number | undefined;
  /** The program behind the portid, where it is known. */
  programName?: string | undefined;
}

/** -o timestamp is `time` here. */
export type FormatEventXMLOptions = Omit<FormatFlowXMLOptions, 'type'>;

type OfAny = Omit<AnyFormatOptions, 'type'>;

const { type: _type, ...OF_FLOW } = FORMAT_OPTIONS;
const { time, now } = FORMAT_OPTIONS;
const check = checkOf<OfAny & FormatEventOptions>({ ...OF_FLOW, received: checkTime, programName: checkString });
const checkXml = checkOf<OfAny>(OF_FLOW);
const checkExpectation = checkOf<Omit<FormatExpectationOptions, 'type'>>({ received: checkTime });
const checkExpectationXml = checkOf<Omit<FormatExpectationXMLOptions, 'type'>>({ time, now });

/**
 * The line of an event, without a newline. conntrack(8) marks what a program caused with or without -o userspace; so do
 * we.
 */
export function formatEvent(event: PrintableFlowEvent, options: FormatEventOptions = {}): string {
  check(options);
  const { received, programName } = options;
  const at = event.time ?? options.now;
  const arrival = received === undefined ? '' : `[${eventTimeval(event.flow, at ?? received)}]\t`;
  const flow = flowText(event.flow, at === options.now ? options : { ...options, now: at });
  return (
    arrival +
    (flow === '' ? '' : PREFIXES[event.type]) +
    flow +
    cause(event, programName && escapeControls(programName))
  );
}

/** When it happened, in nanoseconds, or else when it arrived, in milliseconds. */
function eventTimeval({ slots }: Flow, received: number): string {
  const happened = slots[EVENT_TIME];
  return happened === undefined ? timeval(received) : kernelTimeval(happened);
}

/**
 * The `<flow>` element of an event, without a newline. As in conntrack(8) since 1.4.9, it does not name the program.
 */
export function formatEventXML(event: PrintableFlowEvent, options: FormatEventXMLOptions = {}): string {
  checkXml(options);
  return flowXML(event.flow, { ...options, type: event.type, now: event.time ?? options.now });
}

/** What conntrack(8) would be asked for to make the same happen again. */
const COMMANDS = { new: '-A', update: '-U', destroy: '-D' } as const;

/**
 * An event as the line of options with which conntrack(8) makes the same happen again: -A, -U or -D (-o save). The
 * portid and the name of the program follow it.
 */
export function formatEventSave(event: PrintableFlowEvent, programName?: string): string {
  return formatFlowSave(event.flow, COMMANDS[event.type]) + cause(event, programName && escapeSaved(programName));
}

/**
 * A name that adds no option to a line that -R reads: its words are ignored there, unless one begins with a dash or a
 * quote makes one begin.
 */
function escapeSaved(name: string): string {
  return escapeControls(name)
    .replaceAll('"', '\\x22')
    .replace(/ (?=-)/g, '\\x20');
}

function cause({ portid }: PrintableFlowEvent, programName: string | undefined): string {
  if (!portid) return '';
  const program = programName === undefined ? '' : ` progname=${programName}`;
  return ` [USERSPACE] portid=${portid}${program}`;
}

/** An event to print: of what `ct.expectations.events()` yields, the type and the expectation are enough. */
export type PrintableExpectationEvent = Pick<ExpectationEvent, 'type' | 'expectation'> & Partial<ExpectationEvent>;

/** The line of an event, without a newline. Like conntrack(8), it names the program for flows only. */
export function formatExpectationEvent(
  event: PrintableExpectationEvent,
  options: Omit<FormatExpectationOptions, 'type'> = {},
): string {
  checkExpectation(options);
  const { type, expectation } = event;
  const received = options.received && (event.time ?? options.received);
  return expectationText(expectation, { ...options, type, received });
}

/** The `<flow>` element of an event of an expectation, without a newline. */
export function formatExpectationEventXML(
  event: PrintableExpectationEvent,
  options: Omit<FormatExpectationXMLOptions, 'type'> = {},
): string {
  checkExpectationXml(options);
  const { type, expectation } = event;
  return expectationXML(expectation, { ...options, type, now: event.time ?? options.now });
}
