/** Times of the kernel, nanoseconds since 1970 in 64 bits, as text. */
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';

const NANOSECONDS = 1_000_000_000;
/** More than a 64-bit integer loses as a number. */
const MARGIN = 10_000;

/**
 * Whole seconds, exactly; without the division of bigints, a third of the time of a line, unless the second is about to
 * change.
 */
export function seconds(nanoseconds: SlotValue): number {
  const inexact = Number(nanoseconds);
  const whole = Math.floor(inexact / NANOSECONDS);
  const rest = inexact - whole * NANOSECONDS;
  if (rest > MARGIN && rest < NANOSECONDS - MARGIN) return whole;
  return Number(BigInt(nanoseconds as number | bigint) / BigInt(NANOSECONDS));
}

/** Milliseconds, to a microsecond, from nanoseconds: a number of milliseconds since 1970 has no room for more. */
export function millisecondsOf(nanoseconds: bigint): number;
export function millisecondsOf(nanoseconds: bigint | undefined): number | undefined;
export function millisecondsOf(nanoseconds: bigint | undefined): number | undefined {
  return nanoseconds === undefined ? undefined : Number(nanoseconds / 1000n) / 1000;
}

/**
 * Seconds from start to stop, or to `now` (milliseconds, default the clock) for what has not stopped. As in C: both
 * ends are cut to whole seconds before they are subtracted, a stop of 0 is none, and a clock that was set back wraps in
 * 64 bits.
 */
export function deltaTime(start: SlotValue, stop: SlotValue, now: number | undefined): string {
  const end = stop === undefined || stop === 0 ? Math.floor((now ?? Date.now()) / 1000) : seconds(stop);
  const delta = end - seconds(start);
  return delta >= 0 ? `${delta}` : `${BigInt.asUintN(64, BigInt(delta))}`;
}

/** The same as it is in XML, where they are subtracted before they are cut, and a stop of 0 counts. */
export function deltaTimeXML(start: SlotValue, stop: SlotValue, now: number | undefined): string {
  if (stop === undefined) return deltaTime(start, stop, now);
  const delta = BigInt(stop as number | bigint) - BigInt(start as number | bigint);
  return `${BigInt.asUintN(64, delta) / BigInt(NANOSECONDS)}`;
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** ctime(3) in local time, such as 'Tue Nov 14 22:13:20 2023'. */
export function ctime(nanoseconds: SlotValue): string {
  const date = new Date(seconds(nanoseconds) * 1000);
  const day = `${WEEKDAYS[date.getDay()]} ${MONTHS[date.getMonth()]} ${`${date.getDate()}`.padStart(2)}`;
  return `${day} ${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}:${twoDigits(date.getSeconds())} ${date.getFullYear()}`;
}

export function twoDigits(number: number): string {
  return number < 10 ? `0${number}` : `${number}`;
}

/**
 * Milliseconds since 1970 as conntrack(8) prints a struct timeval in front of a flow's event: seconds with six
 * decimals.
 */
export function timeval(milliseconds: number): string {
  const [seconds, microseconds] = split(milliseconds);
  return `${seconds}.${`${microseconds}`.padStart(6, '0')}`;
}

/** The same of a time of the kernel. */
export function kernelTimeval(nanoseconds: SlotValue): string {
  const microseconds = BigInt(nanoseconds as number | bigint) / 1000n;
  return `${microseconds / 1_000_000n}.${`${microseconds % 1_000_000n}`.padStart(6, '0')}`;
}

/**
 * And in front of an expectation, where its "%-6ld" puts blanks behind the microseconds instead of zeros before them.
 */
export function expectationTimeval(milliseconds: number): string {
  const [seconds, microseconds] = split(milliseconds);
  return `${seconds}.${`${microseconds}`.padEnd(6)}`;
}

function split(milliseconds: number): [seconds: number, microseconds: number] {
  const microseconds = Math.floor(milliseconds * 1000);
  return [Math.floor(microseconds / 1_000_000), microseconds % 1_000_000];
}
