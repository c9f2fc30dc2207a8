/** --filter: a filter as text. */
import { CompiledFilter, type Filter, WIDENS } from '../../ctnetlink/filter/filter.ts';
import { parseFilter } from '../../ctnetlink/filter/text/parse.ts';
import { labelMap } from './labels.ts';
import { UsageError } from './settings.ts';
import { wholeNumber } from './values.ts';

/**
 * Names of labels are those of the label map, which is read only if there are any.
 * @param before what must match too
 * @throws UsageError pointing at the character
 */
export function readFilter(text: string, before?: CompiledFilter | Filter): CompiledFilter {
  try {
    const given = parseFilter(text, {
      labelBit: (name) => (wholeNumber(name) === undefined ? labelMap()?.bit(name) : undefined),
    });
    if (before === undefined) return new CompiledFilter(given);
    // As objects, so that of several the mistakes in common are found.
    return new CompiledFilter({ all: [before instanceof CompiledFilter ? before.toJSON() : before, given] });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const [reason, ...pointer] = error.message.split('\n');
    throw new UsageError(`--filter: ${reason}`, 2, undefined, pointer);
  }
}

/** @throws UsageError where more is deleted or changed than somebody may think */
export function refuseWidening({ widening }: CompiledFilter): void {
  if (widening !== undefined) throw new UsageError(`--filter: what is behind a not ${WIDENS}`);
}
