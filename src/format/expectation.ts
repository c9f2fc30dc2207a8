/**
 * An expectation as text, to the letter what nfexp_snprintf of libnetfilter_conntrack 1.0.9 prints and so what
 * conntrack -L expect lists. It shows neither NAT nor function nor id. Text is escaped as in that of flows.
 */

import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { Expectation } from '../ctnetlink/expectation.ts';
import {
  EXPECT_CLASS,
  EXPECT_FLAGS,
  EXPECT_HELPER,
  EXPECT_MASK,
  EXPECT_MASTER,
  EXPECT_TIMEOUT,
  EXPECT_ZONE,
  EXPECTED,
} from '../ctnetlink/slots.ts';
import { escapeControls } from '../netlink/escape.ts';
import { NF_CT_EXPECT_INACTIVE, NF_CT_EXPECT_PERMANENT, NF_CT_EXPECT_USERSPACE } from '../uapi/nf_conntrack_common.ts';
import { escapeXML, FLOW_BEGIN, layer3Begin, layer4Begin, when } from './elements.ts';
import { type AnyFormatOptions, checkOf, checkTime, FORMAT_OPTIONS } from './options.ts';
import { type FormatFlowOptions, PREFIXES } from './plain.ts';
import { expectationTimeval } from './time.ts';
import { addressesXML, layer4XML, tupleText } from './tuple.ts';
import type { FormatFlowXMLOptions } from './xml.ts';

/** What formatExpectation takes. */
export interface FormatExpectationOptions extends Pick<FormatFlowOptions, 'type'> {
  /**
   * When it was read, in milliseconds since 1970, fractions included: the `[1700000000.123456]` in front (-o
   * timestamp).
   */
  received?: number | undefined;
}

/** -o timestamp is `time` here. */
export type FormatExpectationXMLOptions = Pick<FormatFlowXMLOptions, 'type' | 'time' | 'now'>;

const check = checkOf<AnyFormatOptions & FormatExpectationOptions>({ ...FORMAT_OPTIONS, received: checkTime });
const checkXml = checkOf<AnyFormatOptions>(FORMAT_OPTIONS);

const FLAG_NAMES = [
  [NF_CT_EXPECT_PERMANENT, 'PERMANENT'],
  [NF_CT_EXPECT_INACTIVE, 'INACTIVE'],
  [NF_CT_EXPECT_USERSPACE, 'USERSPACE'],
] as const;

/** The names of the flags that are set. */
function flagNames(slots: readonly SlotValue[]): string[] {
  const flags = (slots[EXPECT_FLAGS] ?? 0) as number;
  return FLAG_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
}

/** The line of an expectation, without a newline; with `type`, as an event. */
export function formatExpectation(expectation: Expectation, options: FormatExpectationOptions = {}): string {
  check(options);
  return expectationText(expectation, options);
}

/** The same of options that were checked. */
export function expectationText(expectation: Expectation, options: FormatExpectationOptions): string {
  checkExpectation(expectation);
  const { slots } = expectation;
  const { type, received } = options;
  let text = received === undefined ? '' : `[${expectationTimeval(received)}]\t`;
  if (type !== undefined) text += PREFIXES[type];
  if (slots[EXPECT_TIMEOUT] !== undefined) text += `${(slots[EXPECT_TIMEOUT] as number) >>> 0} `;
  text += `proto=${slots[EXPECTED.proto] ?? 0}`;
  text += tupleText(slots, EXPECTED, ' src=', ' dst=');
  text += tupleText(slots, EXPECT_MASK, ' mask-src=', ' mask-dst=');
  text += tupleText(slots, EXPECT_MASTER, ' master-src=', ' master-dst=');
  if (slots[EXPECT_ZONE] !== undefined) text += ` zone=${slots[EXPECT_ZONE]}`;
  // Flags without a name leave their space behind.
  if (slots[EXPECT_FLAGS]) text += ` ${flagNames(slots).join(',')}`;
  if (slots[EXPECT_CLASS] !== undefined) text += ` class=${(slots[EXPECT_CLASS] as number) >>> 0}`;
  if (slots[EXPECT_HELPER] === undefined) return text;
  text += ` helper=${escapeControls(slots[EXPECT_HELPER] as string)}`;
  // C takes the space off that parts behind leave, and so one of the helper's own.
  return text.endsWith(' ') ? text.slice(0, -1) : text;
}

/** The `<flow>` element of an expectation, without a newline; with `type`, as an event. */
export function formatExpectationXML(expectation: Expectation, options: FormatExpectationXMLOptions = {}): string {
  checkXml(options);
  return expectationXML(expectation, options);
}

/** The same of options that were checked. */
export function expectationXML(expectation: Expectation, options: FormatExpectationXMLOptions): string {
  checkExpectation(expectation);
  const { slots } = expectation;
  let text = options.type === undefined ? '<flow>' : FLOW_BEGIN[options.type];
  text += `${layer3Begin(slots, EXPECTED)}${ofEach(slots, addressesXML)}</layer3>`;
  text += `${layer4Begin(slots, EXPECTED)}${ofEach(slots, layer4XML)}</layer4><meta>`;
  if (slots[EXPECT_HELPER] !== undefined)
    text += `<helper-name>${escapeXML(slots[EXPECT_HELPER] as string)}</helper-name>`;
  if (slots[EXPECT_TIMEOUT] !== undefined) text += `<timeout>${(slots[EXPECT_TIMEOUT] as number) >>> 0}</timeout>`;
  if (slots[EXPECT_CLASS] !== undefined) text += `<class>${(slots[EXPECT_CLASS] as number) >>> 0}</class>`;
  if (slots[EXPECT_ZONE] !== undefined) text += `<zone>${slots[EXPECT_ZONE]}</zone>`;
  if (options.time === true) text += when(options.now);
  for (const name of flagNames(slots)) text += `<${name.toLowerCase()}/>`;
  return `${text}</meta></flow>`;
}

/** A layer of the three tuples. */
function ofEach(slots: readonly SlotValue[], layer: typeof layer4XML): string {
  const [expected, mask, master] = [EXPECTED, EXPECT_MASK, EXPECT_MASTER].map((at) => layer(slots, at));
  return `<expected>${expected}</expected><mask>${mask}</mask><master>${master}</master>`;
}

function checkExpectation(expectation: unknown): asserts expectation is Expectation {
  if (!(expectation instanceof Expectation))
    throw new TypeError('expectation must be an Expectation; Expectation.from() makes one of plain properties');
}
