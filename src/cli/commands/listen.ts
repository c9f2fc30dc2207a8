/**
 * -E: what happens is printed until the end of a replay, or until SIGINT or SIGTERM, and then what had arrived by that
 * time. What is lost is reported, and the table listed again where wanted.
 */
import type { EventSocketOptions } from '../../conntrack/event-sockets.ts';
import type { Events, OverrunEvent } from '../../conntrack/events.ts';
import { builtin } from '../../netlink/platform.ts';
import { denoAllows } from '../../transport/permissions.ts';
import { EventDocument } from '../formats/event-document.ts';
import { namedText, type Place, withNetns } from '../formats/netns.ts';
import { Overruns } from '../formats/overruns.ts';
import type { Settings } from '../options/settings.ts';
import { complain } from '../output.ts';
import { atSignal } from '../signals.ts';
import type { Context } from './context.ts';

export interface Listener<E extends object> {
  readonly stream: Events<E>;
  /** An event without a newline; undefined: it is not shown. */
  readonly text: (event: E) => string | undefined;
  /** The table as it is now, for --resync, in the texts of its entries. */
  readonly table: () => AsyncIterable<readonly string[]>;
}

const SOCK_MIN_RCVBUF = 2304;
/** The kernel doubles what it is asked for, into an int. */
const MOST_BYTES = 0x3fffffff;
/** The default, which is large enough for what comes until the code is compiled. */
const FORGIVING = 8 * 1024 * 1024;

/**
 * SO_RCVBUF of the socket that events come to, and on standard error what the kernel makes of it, as conntrack(8) says
 * it. A small one forgives no delay: what comes is received ahead.
 */
export function buffering({
  bufferSize,
  replay,
}: Settings): Pick<EventSocketOptions, 'receiveBuffer' | 'receiveAhead'> {
  if (bufferSize === undefined || replay !== undefined) return {};
  const bytes = Math.max(1, Math.min(bufferSize, MOST_BYTES));
  const size = Math.max(SOCK_MIN_RCVBUF, 2 * bytes);
  process.stderr.write(`NOTICE: Netlink socket buffer size has been set to ${size} bytes.\n`);
  const receiveAhead = bytes < FORGIVING;
  if (receiveAhead) hurry();
  return { receiveBuffer: bytes, receiveAhead };
}

/**
 * The threads that compile for us must not come before the one that receives, and it must not wait for those that would
 * help it to collect.
 */
function hurry(): void {
  try {
    const os = builtin('node:os');
    if (denoAllows({ name: 'sys', kind: 'setPriority' })) os?.setPriority(0, os.constants.priority.PRIORITY_HIGHEST);
  } catch {
    // Refused, as in a user namespace.
  }
  try {
    builtin('node:v8')?.setFlagsFromString('--no-parallel-scavenge');
  } catch {
    // Not V8.
  }
}

/** What is printed says which namespace it is of, where there are several. */
function named<E extends object>(
  settings: Settings,
  { netns }: Place,
  { stream, text, table }: Listener<E>,
): Listener<E> {
  if (netns === undefined) return { stream, text, table };
  return {
    stream,
    text: withNetns(settings, netns, text),
    async *table() {
      for await (const lines of table()) yield lines.map((line) => namedText(settings, netns, line));
    },
  };
}

/**
 * Prints events and says how many there were.
 * @param noun what there were so many of: 'flow events'
 */
export async function listen<E extends object>(
  { settings, output, each }: Context,
  noun: string,
  open: (place: Place) => Promise<Listener<E>>,
): Promise<number> {
  const listeners: Listener<E>[] = [];
  for (const place of each) listeners.push(named(settings, place, await open(place)));
  const document = new EventDocument(settings, output);
  const overruns = new Overruns();
  let stopped = false;
  const unhook = atSignal(() => {
    stopped = true;
    for (const { stream } of listeners) stream.drain();
  });

  let count = 0;
  const print = async ({ stream, text, table }: Listener<E>): Promise<void> => {
    for await (const event of stream) {
      if (isOverrun(event)) {
        overruns.add(event);
        document.addOverrun(event);
        if (!settings.resync || stopped) continue;
        // What happens meanwhile waits in the socket and is printed behind the listing, so that of two that differ the
        // later one holds.
        let entries = 0;
        for await (const lines of table()) {
          if (stopped) break;
          for (const line of lines) document.add(line);
          entries += lines.length;
          if (output.full) await output.flush();
        }
        if (stopped) continue;
        document.addResynced(entries);
        complain(`${entries} entries have been listed again.`);
      } else {
        const line = text(event);
        if (line === undefined) continue;
        document.add(line);
        count++;
      }
      if (output.full) await output.flush();
      else output.flushSoon();
    }
  };
  await Promise.all(listeners.map(print));
  document.end();
  await output.flush();
  unhook();
  overruns.summarize();
  complain(`${count} ${noun} have been shown.`);
  return 0;
}

function isOverrun(event: object): event is OverrunEvent {
  return (event as OverrunEvent).type === 'overrun';
}
