/**
 * What this package takes from the runtime besides system calls: turns of the event loop, the clock, chance, and notice
 * that an object was collected. All of it goes through this one object, so that a simulation can decide it: the
 * simulated kernel of the tests replaces the functions, and a seed then gives the whole run.
 */
import { builtin } from './platform.ts';

/** A timer or an immediate: what the function that made it returned. */
export type Handle = unknown;

export interface Runtime {
  /** Calls back in the next turn of the event loop. */
  setImmediate(callback: () => void): Handle;
  clearImmediate(handle: Handle): void;
  /** Calls back once, after so many milliseconds. `keepsAlive` false: the process may end before. */
  setTimeout(callback: () => void, milliseconds: number, keepsAlive?: boolean): Handle;
  clearTimeout(handle: Handle): void;
  /** Calls back again and again. */
  setInterval(callback: () => void, milliseconds: number, keepsAlive?: boolean): Handle;
  clearInterval(handle: Handle): void;
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** At least 0, below 1. */
  random(): number;
  /** Calls `collected` some time after nothing reaches `target` any more, or never. `collected` must not reach it. */
  onCollected(target: object, collected: () => void, token: object): void;
  /** Ends what onCollected began with this token. */
  forget(token: object): void;
  /** Calls back when the process ends, from its main thread; nothing asynchronous happens after it. */
  onExit(callback: () => void): void;
  /** Prints a warning for whoever runs the program, with the stack of what caused it. */
  warn(code: string, message: string, stack: string): void;
}

/** A timer that may let the process end, as in Node.js, Deno and Bun. */
type Timer = unknown;

interface Timers {
  setImmediate(callback: () => void): Handle;
  clearImmediate(handle: never): void;
  setTimeout(callback: () => void, milliseconds: number): Timer;
  clearTimeout(timer: never): void;
  setInterval(callback: () => void, milliseconds: number): Timer;
  clearInterval(timer: never): void;
}

/** In a browser, which has no immediates, a message to itself is one. */
function webTimers(): Timers {
  const waiting = new Map<object, () => void>();
  const { port1, port2 } = new MessageChannel();
  (port1 as unknown as { onmessage(): void }).onmessage = () => {
    const [next] = waiting;
    if (next === undefined) return;
    waiting.delete(next[0]);
    next[1]();
  };
  return {
    setImmediate(callback) {
      const handle = {};
      waiting.set(handle, callback);
      port2.postMessage(undefined);
      return handle;
    },
    clearImmediate: (handle) => void waiting.delete(handle),
    setTimeout: (callback, milliseconds) => globalThis.setTimeout(callback, milliseconds),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    setInterval: (callback, milliseconds) => globalThis.setInterval(callback, milliseconds),
    clearInterval: (timer) => globalThis.clearInterval(timer),
  };
}

// Not the global ones of Deno, whose timers always keep the process alive.
const timers: Timers = builtin('node:timers') ?? webTimers();

function release(timer: Timer): Timer {
  (timer as Partial<NodeJS.Timeout>).unref?.();
  return timer;
}

const collections = new FinalizationRegistry<() => void>((collected) => collected());

export const runtime: Runtime = {
  setImmediate: (callback) => timers.setImmediate(callback),
  clearImmediate: (handle) => timers.clearImmediate(handle as never),
  setTimeout: (callback, milliseconds, keepsAlive = true) => {
    const timer = timers.setTimeout(callback, milliseconds);
    return keepsAlive ? timer : release(timer);
  },
  clearTimeout: (handle) => timers.clearTimeout(handle as never),
  setInterval: (callback, milliseconds, keepsAlive = true) => {
    const timer = timers.setInterval(callback, milliseconds);
    return keepsAlive ? timer : release(timer);
  },
  clearInterval: (handle) => timers.clearInterval(handle as never),
  now: () => performance.now(),
  random: () => Math.random(),
  onCollected: (target, collected, token) => collections.register(target, collected, token),
  forget: (token) => void collections.unregister(token),
  onExit: (callback) => void globalThis.process?.once?.('exit', callback),
  warn: (code, message, stack) => {
    if (globalThis.process?.emitWarning === undefined) console.warn(`${code}: ${message}\n${stack}`);
    else process.emitWarning(message, { type: 'CtnetlinkWarning', code, detail: stack });
  },
};

/** Lets everything else of the program have its turn. */
export function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => void runtime.setImmediate(resolve));
}
