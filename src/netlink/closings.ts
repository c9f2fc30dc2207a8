/**
 * Who must know when a socket is closed, although no request of theirs is pending: calls that wait for the program.
 * A call that waits for an answer is settled by the tracker.
 */
import type { ClosedError } from './errors.ts';

type Closed = (error: ClosedError) => void;

/** By socket. */
const watched = new WeakMap<object, Set<Closed>>();

/** Calls `closed` once when the socket is closed, unless `unwatchClosing` comes first. */
export function watchClosing(socket: object, closed: Closed): void {
  const some = watched.get(socket);
  if (some === undefined) watched.set(socket, new Set([closed]));
  else some.add(closed);
}

export function unwatchClosing(socket: object, closed: Closed): void {
  watched.get(socket)?.delete(closed);
}

/** The socket was closed. */
export function noteClosed(socket: object, error: ClosedError): void {
  const some = watched.get(socket) ?? [];
  watched.delete(socket);
  for (const closed of some) closed(error);
}
