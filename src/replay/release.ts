import { numberOf, SINCE } from '../ctnetlink/filter/support.ts';
import type { Exchange } from './conversations.ts';

/**
 * The oldest release that understands all requests of a capture: programs send what they know the kernel to understand.
 * Undefined where the oldest kernel does.
 */
export function releaseFor(exchanges: readonly Exchange[]): string | undefined {
  let newest: string | undefined;
  for (const { meaning } of exchanges)
    for (const need of meaning.needs) if (numberOf(SINCE[need]) > numberOf(newest)) newest = SINCE[need];
  return newest;
}
