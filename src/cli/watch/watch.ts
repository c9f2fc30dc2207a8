/** `ctnetlink watch`: each change of a table that stays true, and what it knows of itself, until SIGINT or SIGTERM. */
import { FlowTable } from '../../table/index.ts';
import { buffering } from '../commands/listen.ts';
import { Selection } from '../commands/selection.ts';
import type { Settings } from '../options/settings.ts';
import { complain, type Output } from '../output.ts';
import { atSignal } from '../signals.ts';
import { LineDisplay } from './lines.ts';
import { SummaryDisplay } from './summary.ts';
import type { Display, Watched } from './watched.ts';

const SECOND = 1000;
/** How long a reader may take for what is printed when a signal ends this, in milliseconds. */
const PATIENCE = 1000;

/** @returns the exit status */
export async function watch(settings: Settings, output: Output): Promise<number> {
  const { netns: names, follow, eventsMayAbort } = settings;
  const { receiveBuffer } = buffering(settings);
  const filter = new Selection(settings);
  const abort = new AbortController();
  const { signal } = abort;
  const watched: Watched[] = [];
  const display: Display = settings.summary
    ? new SummaryDisplay(settings, output, watched)
    : new LineDisplay(settings, output);
  let patience: NodeJS.Timeout | undefined;
  const unhook = atSignal(() => {
    // While the tables still say what they were.
    display.look?.();
    abort.abort();
    patience = setTimeout(() => output.giveUp(), PATIENCE);
  });
  let count = 0;
  try {
    for (const netns of names.length > 0 ? names : [undefined]) {
      const options = {
        ...(netns !== undefined && { netns }),
        filter,
        follow,
        receiveBuffer,
        eventsMayAbortProcess: eventsMayAbort,
        signal,
      };
      const table = await FlowTable.open(options);
      watched.push({ table, changes: table.changes({ states: true }), netns: names.length > 1 ? netns : undefined });
    }
    await show(watched, display, () => count++);
  } catch (error) {
    // The signal closed the tables.
    if (!signal.aborted) throw error;
  } finally {
    for (const { table } of watched) await table.close();
    await output.flush();
    unhook();
    clearTimeout(patience);
  }
  complain(`${count} changes have been shown.`);
  // What the stream still has would keep the process alive until somebody reads it.
  if (output.givenUp) process.exit(0);
  return 0;
}

/** Shows what happens until a table is closed. */
async function show(watched: readonly Watched[], display: Display, counted: () => void): Promise<void> {
  display.look?.();
  const timer = display.look && setInterval(() => display.look!(), SECOND);
  try {
    await Promise.all(
      watched.map(async (each) => {
        for (;;) {
          const { value, done } = await each.changes.next();
          if (done === true) return;
          if (value.type === 'state') {
            display.state(each, value);
            continue;
          }
          await display.change(each, value);
          counted();
        }
      }),
    );
  } finally {
    clearInterval(timer);
  }
}
