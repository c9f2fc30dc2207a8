/** Comparing on a machine that does other things too. */

export interface Contest<T> {
  title: string;
  rounds: number;
  programs: Readonly<Record<string, () => T>>;
  /** What every one must have counted. */
  count: number;
  /** Before each of them, outside of what they time. */
  before?(): Promise<void>;
}

/** By name, one of each round. */
export type Results<T> = Readonly<Record<string, T[]>>;

/**
 * The programs take turns, so that what disturbs the machine for a while disturbs all. @throws when one counted wrongly
 */
export async function takeTurns<T extends { count: number }>(contest: Contest<T>): Promise<Results<T>> {
  const { title, rounds, programs, count, before } = contest;
  const results: Record<string, T[]> = Object.fromEntries(Object.keys(programs).map((name) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`${title}: round ${round} of ${rounds}\n`);
    for (const [name, program] of Object.entries(programs)) {
      await before?.();
      const result = program();
      if (result.count !== count) throw new Error(`${title}: ${name} counted ${result.count} instead of ${count}`);
      results[name].push(result);
    }
  }
  return results;
}
