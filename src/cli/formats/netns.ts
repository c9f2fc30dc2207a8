/** Where several --netns are given, each entry says which one it is of. */
import type { Conntrack } from '../../conntrack/conntrack.ts';
import { escapeXML } from '../../format/elements.ts';
import { escapeControls } from '../../netlink/escape.ts';
import { isJSON, type Settings } from '../options/settings.ts';

/** A namespace that a command works in. */
export interface Place {
  readonly ct: Conntrack;
  /** Undefined: it is the only one, which needs no name. */
  readonly netns: string | undefined;
}

/** The same text with the name of its namespace. */
export function namedText(settings: Settings, netns: string | undefined, text: string): string {
  if (netns === undefined) return text;
  if (isJSON(settings)) return `${text.slice(0, -1)},"netns":${JSON.stringify(netns)}}`;
  if (settings.output.has('xml')) return text.replace(/^<(flow|expect)\b/, `<$1 netns="${escapeXML(netns)}"`);
  return `${text.trimEnd()} netns=${escapeControls(netns)}`;
}

/** The same of what formats an entry; the format itself if there is only one namespace. */
export function withNetns<T, R extends string | undefined>(
  settings: Settings,
  netns: string | undefined,
  format: (entry: T) => R,
): (entry: T) => R {
  if (netns === undefined) return format;
  return (entry) => {
    const text = format(entry);
    return (text === undefined ? text : namedText(settings, netns, text)) as R;
  };
}
