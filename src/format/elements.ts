/** What XML of flows and XML of expectations have in common. */
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import type { TupleSlots } from '../ctnetlink/slots.ts';
import { replaceControls } from '../netlink/escape.ts';
import { FAMILY_NAMES, PROTOCOL_NAMES } from './names.ts';
import { twoDigits } from './time.ts';

const DECLARATION = '<?xml version="1.0" encoding="utf-8"?>';

/**
 * What conntrack -o xml prints in front of the lines of a listing or of events, by what they are of; nothing where
 * there are none.
 */
export const XML_BEGIN = { conntrack: `${DECLARATION}\n<conntrack>\n`, expect: `${DECLARATION}\n<expect>\n` } as const;
/** And what behind them. */
export const XML_END = { conntrack: '</conntrack>\n', expect: '</expect>\n' } as const;

/** Flows and expectations begin with it. */
export const FLOW_BEGIN = {
  new: '<flow type="new">',
  update: '<flow type="update">',
  destroy: '<flow type="destroy">',
} as const;

function numbered(layer: string, names: readonly string[]): readonly string[] {
  return names.map((name, number) => `<${layer} protonum="${number}" protoname="${name}">`);
}

const LAYER3 = numbered('layer3', FAMILY_NAMES);
const LAYER4 = numbered('layer4', PROTOCOL_NAMES);

export function layer3Begin(slots: readonly SlotValue[], at: TupleSlots): string {
  return LAYER3[(slots[at.family] ?? 0) as number];
}

export function layer4Begin(slots: readonly SlotValue[], at: TupleSlots): string {
  return LAYER4[(slots[at.proto] ?? 0) as number];
}

/** The local time of printing, milliseconds since 1970, by default the clock's. The week begins with 1, a Sunday. */
export function when(now: number | undefined): string {
  const date = new Date(now ?? Date.now());
  const time = `<hour>${date.getHours()}</hour><min>${twoDigits(date.getMinutes())}</min><sec>${twoDigits(date.getSeconds())}</sec>`;
  const day = `<wday>${date.getDay() + 1}</wday><day>${date.getDate()}</day><month>${date.getMonth() + 1}</month>`;
  return `<when>${time}${day}<year>${date.getFullYear()}</year></when>`;
}

/** Characters that the text of an element must not contain: markup, and those that XML 1.0 cannot have at all. */
const FORBIDDEN = /[&<]|\]\]>|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;
const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', ']]>': ']]&gt;' };

/**
 * Text as the content of an element. A character that XML does not have becomes U+FFFD, another control character a
 * reference such as `&#x9b;`: a parser reads the same text, and a terminal is not driven by it.
 */
export function escapeXML(text: string): string {
  const allowed = text.replace(FORBIDDEN, (found) => ESCAPES[found] ?? '\ufffd');
  return replaceControls(allowed, (control) => `&#x${control.charCodeAt(0).toString(16)};`);
}
