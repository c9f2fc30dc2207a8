/**
 * An event loop that a seed decides. It replaces what the package takes from the runtime (src/netlink/runtime.ts):
 * immediates, timers, the clock, random numbers and notice of collections. Promises are the runtime's own: between two
 * steps every one that can go on has gone on.
 */
import { setImmediate } from 'node:timers';
import { type Handle, type Runtime, runtime } from '../../src/netlink/runtime.ts';
import type { Random } from '../support/random.ts';

const original = { ...runtime };

/** Steps taken in one turn of the real event loop, which runs every promise between two immediates. */
const STEPS_A_TURN = 32;
/** A timer that is later than this is for ever. */
const FOR_EVER = 0x7fffff00;

interface Timer {
  at: number;
  readonly order: number;
  readonly callback: () => void;
  /** Milliseconds of an interval; 0: once. */
  readonly interval: number;
  readonly keepsAlive: boolean;
}

interface Immediate {
  readonly callback: () => void;
  cancelled: boolean;
}

/** Something that the event loop waits for besides timers: a descriptor that is watched. */
export interface Source {
  readonly keepsAlive: boolean;
  /** Whether it would call back now. */
  ready(): boolean;
  fire(): void;
}

/** Registered by the first ring that this process ever made. */
const exits: (() => void)[] = [];

export class Loop {
  /** Milliseconds. */
  time: number;
  steps = 0;
  readonly sources = new Set<Source>();
  /** Called before each step, and may do what else happens meanwhile. */
  between: () => void = () => {};
  /** Called when somebody looks at the clock: what runs beside the process may go on meanwhile. */
  passing: () => void = () => {};
  /** What a callback threw. */
  thrown: (error: unknown) => void = () => {};
  readonly #random: Random;
  readonly #timers = new Set<Timer>();
  #immediates: Immediate[] = [];
  /** Those of this turn. */
  #turn: Immediate[] = [];
  #order = 0;
  /** What would be collected if nobody held it: by token. */
  readonly #watched = new Map<object, { target: object; collected: () => void }>();
  /** What else goes when an object goes. */
  readonly #owned = new WeakMap<object, object[]>();
  #owner: object | undefined;

  constructor(random: Random) {
    this.#random = random;
    this.time = random.below(100_000);
  }

  /** From now on, until `uninstall`, the package runs on this loop. */
  install(): void {
    const mine: Runtime = {
      setImmediate: (callback) => this.immediate(callback),
      clearImmediate: (handle) => {
        if (handle !== undefined) (handle as Immediate).cancelled = true;
      },
      setTimeout: (callback, milliseconds, keepsAlive = true) => this.timer(callback, milliseconds, false, keepsAlive),
      clearTimeout: (handle) => void this.#timers.delete(handle as Timer),
      setInterval: (callback, milliseconds, keepsAlive = true) => this.timer(callback, milliseconds, true, keepsAlive),
      clearInterval: (handle) => void this.#timers.delete(handle as Timer),
      now: () => {
        this.time += this.#random.below(4) / 64;
        this.passing();
        return this.time;
      },
      // Sequence numbers begin there, below 2^31: too large a number lets some reach the end of 32 bits.
      random: () =>
        this.#random.oneIn(4)
          ? (0xffffffff - this.#random.below(1000)) / 0x7fffffff
          : this.#random.below(1 << 24) / (1 << 24),
      onCollected: (target, collected, token) => {
        this.#watched.set(token, { target, collected });
        if (this.#owner !== undefined) this.owns(this.#owner, target);
      },
      forget: (token) => void this.#watched.delete(token),
      onExit: (callback) => void exits.push(callback),
      warn: () => {},
    };
    Object.assign(runtime, mine);
  }

  uninstall(): void {
    Object.assign(runtime, original);
  }

  immediate(callback: () => void): Handle {
    const immediate = { callback, cancelled: false };
    this.#immediates.push(immediate);
    return immediate;
  }

  timer(callback: () => void, milliseconds: number, repeats: boolean, keepsAlive: boolean): Handle {
    // As Node has it: never less than one.
    const delay = Math.max(1, milliseconds);
    const at = this.time + delay;
    const timer = { at, order: this.#order++, callback, interval: repeats ? delay : 0, keepsAlive };
    if (delay < FOR_EVER) this.#timers.add(timer);
    return timer;
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.timer(resolve, milliseconds, false, true));
  }

  /** What is watched from inside of this call is reached through `owner` alone. */
  asOwner<T>(owner: object, call: () => T): T {
    const before = this.#owner;
    this.#owner = owner;
    try {
      return call();
    } finally {
      this.#owner = before;
    }
  }

  owns(owner: object, target: object): void {
    const owned = this.#owned.get(owner);
    if (owned === undefined) this.#owned.set(owner, [target]);
    else owned.push(target);
  }

  /** The last object of a class with this name that is watched. */
  lastWatched(name: string): object | undefined {
    return [...this.#watched.values()].findLast(({ target }) => target.constructor.name === name)?.target;
  }

  /** Reports that nothing reaches this object any more, as a collector would, if somebody wants to know. */
  collect(object: object): void {
    const gone = new Set([object, ...(this.#owned.get(object) ?? [])]);
    for (const [token, { target, collected }] of [...this.#watched]) {
      if (!gone.has(target)) continue;
      this.#watched.delete(token);
      this.#call(collected);
    }
  }

  /** The process ends. */
  exit(): void {
    for (const each of exits) each();
  }

  /** Something keeps the process alive. */
  get alive(): boolean {
    if (this.#immediates.some((each) => !each.cancelled) || this.#turn.some((each) => !each.cancelled)) return true;
    for (const timer of this.#timers) if (timer.keepsAlive) return true;
    for (const source of this.sources) if (source.keepsAlive) return true;
    return false;
  }

  /**
   * Takes steps until `over`, or until nothing is left that could happen.
   * @returns false when nothing is left
   */
  run(over: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      let finished = false;
      let pending = 0;
      const one = (): void => {
        pending--;
        if (finished) return;
        if (over()) {
          finished = true;
          resolve(true);
          return;
        }
        this.between();
        if (!this.#step() && !over()) {
          // Promises may go on after `between`: look once more before giving up.
          if (pending === 0) {
            setImmediate(() => {
              if (over() || this.#step()) {
                more();
                return;
              }
              finished = true;
              resolve(false);
            });
            return;
          }
          return;
        }
        if (pending === 0) more();
      };
      const more = (): void => {
        for (; pending < STEPS_A_TURN; pending++) setImmediate(one);
      };
      more();
    });
  }

  /** One callback; false when there is none to come. */
  #step(): boolean {
    this.steps++;
    this.time += this.#random.below(8) / 64;
    // The immediates of a turn, in their order.
    for (let next = this.#turn.shift(); next !== undefined; next = this.#turn.shift()) {
      if (next.cancelled) continue;
      this.#call(next.callback);
      return true;
    }
    // Between two turns: timers that are due, and descriptors in any order.
    if (this.#dueTimer()) return true;
    if (!this.#random.oneIn(4) && this.#source()) return true;
    this.#turn = this.#immediates;
    this.#immediates = [];
    if (this.#turn.some((each) => !each.cancelled)) return this.#step();
    this.#turn = [];
    if (this.#source()) return true;
    // Nothing to do now: the next timer.
    let next: Timer | undefined;
    for (const timer of this.#timers) if (next === undefined || isBefore(timer, next)) next = timer;
    if (next === undefined) return false;
    this.time = Math.max(this.time, next.at);
    return this.#dueTimer();
  }

  #dueTimer(): boolean {
    let due: Timer | undefined;
    for (const timer of this.#timers)
      if (timer.at <= this.time && (due === undefined || isBefore(timer, due))) due = timer;
    if (due === undefined) return false;
    if (due.interval > 0) due.at = this.time + due.interval;
    else this.#timers.delete(due);
    this.#call(due.callback);
    return true;
  }

  #source(): boolean {
    let ready: Source[] | undefined;
    for (const source of this.sources) {
      if (!source.ready()) continue;
      if (ready === undefined) ready = [source];
      else ready.push(source);
    }
    if (ready === undefined) return false;
    const source = this.#random.pick(ready);
    this.#call(() => source.fire());
    return true;
  }

  #call(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.thrown(error);
    }
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
