/** -E: what happens is printed until SIGINT or SIGTERM, or the end of a replay; what is lost is told, and the table listed anew where wanted. */
import { constants, setPriority } from 'node:os';
import type { Conntrack } from '../conntrack/conntrack.ts';
import type { Events, OverrunEvent } from '../conntrack/events.ts';
import type { Context } from './context.ts';
import { EventDocument } from './event-document.ts';
import { complain, type Output } from './output.ts';
import { Overruns } from './overruns.ts';
import type { Settings } from './settings.ts';

export interface Listener<E extends object> {
  /** What the last line says that there were so many of: 'flow events'. */
  readonly noun: string;
  /** @param receiveBuffer SO_RCVBUF, where it was asked for */
  readonly open: (ct: Conntrack, receiveBuffer: number | undefined) => Promise<Events<E>>;
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

/** SO_RCVBUF of the socket that events come to, and on standard error what the kernel makes of it, as conntrack(8) says it. */
function receiveBuffer({ bufferSize, replay }: Settings): number | undefined {
  if (bufferSize === undefined || replay !== undefined) return undefined;
  const bytes = Math.max(1, Math.min(bufferSize, MOST_BYTES));
  const size = Math.max(SOCK_MIN_RCVBUF, 2 * bytes);
  process.stderr.write(`NOTICE: Netlink socket buffer size has been set to ${size} bytes.\n`);
  return bytes;
}

/** Prints events and says how many there were. */
export async function listen<E extends object>(
  { ct, settings, output }: Context,
  listener: Listener<E>,
): Promise<number> {
  const { noun, open } = listener;
  const bytes = receiveBuffer(settings);
  if (bytes !== undefined && bytes < FORGIVING) hurry();
  const stream = await open(ct, bytes);
  const follower = new Follower(settings, output, listener);
  const stop = (): void => {
    follower.stopped = true;
    stream.close();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  await follower.follow(stream);
  process.off('SIGINT', stop);
  process.off('SIGTERM', stop);
  follower.overruns.summarize();
  complain(`${follower.count} ${noun} have been shown.`);
  return 0;
}

/** A small buffer forgives no delay: the threads that compile and collect for us must not come first. May be refused, as in a user namespace. */
function hurry(): void {
  try {
    setPriority(0, constants.priority.PRIORITY_HIGHEST);
  } catch {}
}

class Follower<E extends object> {
  readonly overruns = new Overruns();
  count = 0;
  stopped = false;
  readonly #settings: Settings;
  readonly #output: Output;
  readonly #listener: Listener<E>;
  readonly #document: EventDocument;

  constructor(settings: Settings, output: Output, listener: Listener<E>) {
    this.#settings = settings;
    this.#output = output;
    this.#listener = listener;
    this.#document = new EventDocument(settings, output);
  }

  async follow(stream: Events<E>): Promise<void> {
    const document = this.#document;
    const output = this.#output;
    const { text } = this.#listener;
    for await (const event of stream) {
      if (isOverrun(event)) {
        this.overruns.add(event);
        document.addOverrun(event);
        if (!this.#settings.resync) continue;
        await this.#listAnew();
        if (this.stopped) break;
      } else {
        const line = text(event);
        if (line === undefined) continue;
        document.add(line);
        this.count++;
      }
      if (output.full) await output.flush();
      else output.flushSoon();
    }
    document.end();
    await output.flush();
  }

  /** What happens meanwhile waits in the socket and is printed behind the listing, so that of two that differ the later one holds. */
  async #listAnew(): Promise<void> {
    let entries = 0;
    for await (const lines of this.#listener.table()) {
      if (this.stopped) return;
      for (const line of lines) this.#document.add(line);
      entries += lines.length;
      if (this.#output.full) await this.#output.flush();
    }
    if (this.stopped) return;
    this.#document.addResynced(entries);
    complain(`${entries} entries have been listed anew.`);
  }
}

function isOverrun(event: object): event is OverrunEvent {
  return (event as OverrunEvent).type === 'overrun';
}
