import type { TupleInit } from '../../../src/index.ts';

/** Flows at a time. */
export const ALIVE = 20_000;
export const TUPLES = 200_000;

export function tupleOf(n: number): TupleInit {
  const at = n % TUPLES;
  return {
    src: '10.0.0.1',
    dst: `10.1.${(at >> 8) & 255}.${at & 255}`,
    proto: 'udp',
    sport: 1 + (at >> 16),
    dport: 53,
  };
}
