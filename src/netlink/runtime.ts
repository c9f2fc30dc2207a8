/**
 * What this package takes from the runtime besides system calls: turns of the event loop, the clock, chance, and notice that an object
 * was collected. All of it goes through this one object, so that a simulation can decide it: the simulated kernel of the tests replaces
 * the functions, and a seed then gives the whole run.
 */
import { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from 'node:timers';

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

const collections = new FinalizationRegistry<() => void>((collected) => collected());

export const runtime: Runtime = {
  setImmediate: (callback) => setImmediate(callback),
  clearImmediate: (handle) => clearImmediate(handle as NodeJS.Immediate),
  setTimeout: (callback, milliseconds, keepsAlive = true) => {
    const timer = setTimeout(callback, milliseconds);
    if (!keepsAlive) timer.unref();
    return timer;
  },
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
  setInterval: (callback, milliseconds, keepsAlive = true) => {
    const timer = setInterval(callback, milliseconds);
    if (!keepsAlive) timer.unref();
    return timer;
  },
  clearInterval: (handle) => clearInterval(handle as NodeJS.Timeout),
  now: () => performance.now(),
  random: () => Math.random(),
  onCollected: (target, collected, token) => collections.register(target, collected, token),
  forget: (token) => void collections.unregister(token),
  onExit: (callback) => void process.once('exit', callback),
  warn: (code, message, stack) => process.emitWarning(message, { type: 'CtnetlinkWarning', code, detail: stack }),
};
