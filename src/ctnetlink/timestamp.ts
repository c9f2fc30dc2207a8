import { KINDS } from './attributes/kinds.ts';

const IN_A_MILLISECOND = 1_000_000n;

/**
 * The Date of a time of the kernel: `timestampDate(flow.timestamp?.start)`, and the same of `stop` and of an event's
 * `timestamp.event`. They are nanoseconds since 1970 (UTC, CLOCK_REALTIME); a Date has milliseconds, to which they are
 * cut. Undefined gives undefined: the kernel gives times only to flows that begin while
 * net.netfilter.nf_conntrack_timestamp is 1.
 * @param nanoseconds from 0 to 2^64 - 1; as JSON has it, decimal text or a number, too
 * @throws TypeError, RangeError naming the argument
 */
export function timestampDate(nanoseconds: bigint | number | string): Date;
/** The Date of a time that may be undefined: see the first form. */
export function timestampDate(nanoseconds: bigint | number | string | undefined): Date | undefined;
export function timestampDate(nanoseconds: bigint | number | string | undefined): Date | undefined {
  if (nanoseconds === undefined) return undefined;
  return new Date(Number(BigInt(KINDS.be64.set(nanoseconds, 'nanoseconds')) / IN_A_MILLISECOND));
}
