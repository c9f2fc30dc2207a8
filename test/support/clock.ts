/**
 * A clock that the test sets. A socket yields to the event loop after some milliseconds of reading. So if the machine
 * pauses a test that plays the kernel, other messages have been read than on a machine that does not.
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
