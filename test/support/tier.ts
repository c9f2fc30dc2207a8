/**
 * How much a run tries, by $CTNETLINK_TIER: `quick` (npm test), `landing` (.ci/run) or `soak` (npm run soak). Each tier
 * has all tests; only those that are seeded or repeat something are shorter in the first two.
 */

const TIERS = ['quick', 'landing', 'soak'] as const;

export type Tier = (typeof TIERS)[number];

export const TIER = tierOf(process.env.CTNETLINK_TIER);

function tierOf(name = 'quick'): Tier {
  const tier = TIERS.find((each) => each === name);
  if (tier === undefined) throw new RangeError(`CTNETLINK_TIER must be one of ${TIERS.join(', ')}, not '${name}'`);
  return tier;
}

/** The number for this tier. */
export function sized(sizes: Readonly<Record<Tier, number>>): number {
  return sizes[TIER];
}
