/**
 * performance.now() as a test says. A socket yields to the event loop by it after some milliseconds of reading, so that a
 * test in which the machine pauses would find other messages read than one in which it does not.
 */
const { now } = performance;

let time = 1_000;

/** From here to startClock(), time passes only by passTime(). */
export function stopClock(): void {
  performance.now = () => time;
}

export function passTime(milliseconds: number): void {
  time += milliseconds;
}

export function startClock(): void {
  performance.now = now;
}
