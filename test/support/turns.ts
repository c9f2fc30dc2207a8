/**
 * Lets the event loop turn `count` times; in each turn timers, sockets and immediates run. For what must not happen, or
 * not yet: whatever is ready runs within a turn or two, so that turns prove on any machine what milliseconds prove only
 * on a fast one.
 */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise<void>((resolve) => setTimeout(() => setImmediate(resolve), 1));
  }
}
