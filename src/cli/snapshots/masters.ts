/**
 * Whose expectations a snapshot has: those of the flows in it. The kernel reports the master of an expectation by its
 * tuple alone, which flows of several zones may have. Asked for an expectation of one zone, it compares the zone.
 */
import type { Conntrack } from '../../conntrack/conntrack.ts';
import { describeTuple } from '../../ctnetlink/describe-tuple.ts';
import type { Expectation } from '../../ctnetlink/expectation.ts';
import type { Flow } from '../../ctnetlink/flow.ts';
import { EXPECT_MASTER, HELPER, ORIG } from '../../ctnetlink/slots.ts';
import { expectationsZone, origZone } from '../../ctnetlink/tuple.ts';

/** By which the kernel finds the master, and its expectations. */
interface Zones {
  readonly ofMaster: number;
  readonly ofExpectations: number;
}

export class Masters {
  /** By tuple. Only flows that have a helper expect others. */
  readonly #zones = new Map<string, Zones[]>();

  get any(): boolean {
    return this.#zones.size > 0;
  }

  add({ slots }: Flow): void {
    if (slots[HELPER] === undefined) return;
    const zones = { ofMaster: origZone(slots), ofExpectations: expectationsZone(slots) };
    const tuple = describeTuple(slots, ORIG);
    const others = this.#zones.get(tuple);
    if (others === undefined) this.#zones.set(tuple, [zones]);
    else others.push(zones);
  }

  /** With the zone of its master, where `restore` needs that; undefined if its master is none of these. */
  async zoned(ct: Conntrack, expectation: Expectation): Promise<Expectation | undefined> {
    const masters = this.#of(expectation);
    for (const { ofMaster, ofExpectations } of masters) {
      const found = await ct.expectations.get(expectation.with({ zone: ofExpectations }));
      // Two of one zone that a packet could match are refused, so that this is the one or is another's.
      if (found === undefined) continue;
      return ofMaster === 0 && masters.length === 1 ? expectation : expectation.with({ zone: ofMaster });
    }
    return undefined;
  }

  /** As it is, if a master with this tuple is one of these; else undefined. */
  asDumped(expectation: Expectation): Expectation | undefined {
    return this.#of(expectation).length > 0 ? expectation : undefined;
  }

  #of({ slots }: Expectation): readonly Zones[] {
    return this.#zones.get(describeTuple(slots, EXPECT_MASTER)) ?? [];
  }
}
