import type { Conntrack } from '../../conntrack/conntrack.ts';
import type { Place } from '../formats/netns.ts';
import type { Settings } from '../options/settings.ts';
import type { Output } from '../output.ts';

/** What a command works with; it resolves to the exit status. */
export interface Context {
  readonly ct: Conntrack;
  /** One for each --netns; `ct` is the first. Without a name if there is only one. */
  readonly each: readonly Place[];
  /** Another one like it. */
  readonly open: () => Promise<Conntrack>;
  readonly settings: Settings;
  readonly output: Output;
}

export type Run = (context: Context) => Promise<number>;
