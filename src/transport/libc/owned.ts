/**
 * The one rule for memory: **what the kernel, or another thread, may read or write belongs to this registry, from
 * `allocate` to `free`.**
 *
 * No object that a program can drop owns such memory. The registry is reached from a timer, so that neither a
 * collection nor a module that is loaded again frees it. `free` is called when the kernel has reported the last
 * completion that concerns the memory, and by nobody else: see ring.ts, which counts them. What is never freed (a ring)
 * stays for the life of the process.
 */
import { runtime } from '../../netlink/runtime.ts';

const owned = new Set<object>();

/** The longest that timers take: it never does anything. */
const FOR_EVER = 0x7fffffff;
let rooted = false;

/** Keeps an object for as long as the process runs, or until `disown`. */
export function own<T extends object>(object: T): T {
  owned.add(object);
  if (!rooted) {
    rooted = true;
    // A timer that does not keep the process alive is reached by the runtime itself, and reaches the registry.
    runtime.setInterval(() => owned.size, FOR_EVER, false);
  }
  return object;
}

export function disown(object: object): void {
  owned.delete(object);
}

/** Zeroed bytes outside of the heap that a collector moves. */
export function allocate(size: number): Uint8Array<ArrayBuffer> {
  // With a length alone, V8 keeps small typed arrays on its heap.
  return own(new Uint8Array(new ArrayBuffer(size)));
}

export { disown as free };
