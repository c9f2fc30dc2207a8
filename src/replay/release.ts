import { releaseWith } from '../ctnetlink/filter/support.ts';
import type { Exchange } from './conversations.ts';

/**
 * The oldest release that understands all requests of a capture: programs send what they know the kernel to understand.
 * Undefined where the oldest kernel does.
 */
export function releaseFor(exchanges: readonly Exchange[]): string | undefined {
  return releaseWith(exchanges.flatMap(({ meaning }) => [...meaning.needs]));
}
