/**
 * One listener for each AbortSignal, whatever waits for it. A signal that thousands of requests share would look for
 * the listener of each among all others when a request is settled, and Node.js warns of a leak from the eleventh on.
 */
interface Shared {
  readonly aborts: Set<() => void>;
  listener(): void;
}

/** Reached from the signal alone. */
const watched = new WeakMap<AbortSignal, Shared>();

/** Calls `abort` once when the signal is aborted, unless `unwatch` comes first. Each function is watched for once. */
export function watch(signal: AbortSignal, abort: () => void): void {
  const shared = watched.get(signal);
  if (shared !== undefined) shared.aborts.add(abort);
  else begin(signal, abort);
}

export function unwatch(signal: AbortSignal, abort: () => void): void {
  const shared = watched.get(signal);
  if (shared?.aborts.delete(abort) === true && shared.aborts.size === 0) end(signal, shared);
}

function begin(signal: AbortSignal, abort: () => void): void {
  const aborts = new Set([abort]);
  const shared: Shared = {
    aborts,
    listener: () => {
      end(signal, shared);
      // One may settle others, which are taken out of the set then.
      for (const each of aborts) {
        aborts.delete(each);
        each();
      }
    },
  };
  watched.set(signal, shared);
  signal.addEventListener('abort', shared.listener, { once: true });
}

function end(signal: AbortSignal, { listener }: Shared): void {
  watched.delete(signal);
  signal.removeEventListener('abort', listener);
}
