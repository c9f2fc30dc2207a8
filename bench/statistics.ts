/** Of one program, over the rounds. */
import type { Result } from './programs.ts';

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** What one took as a part of what the other took in the same round: the median over the rounds. */
export function ratio(of: readonly number[], to: readonly number[]): number {
  return median(of.map((number, round) => number / to[round]));
}

export function seconds(results: readonly Result[]): number[] {
  return results.map((result) => result.seconds);
}

export function peakMiB(results: readonly Result[]): number {
  return Math.max(...results.map(({ peak_kib }) => peak_kib)) / 1024;
}
