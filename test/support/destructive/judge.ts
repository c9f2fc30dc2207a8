/** Runs cases of the matrix, and says what is wrong with what they left. */
import { Conntrack } from '../../../src/conntrack/conntrack.ts';
import { CompiledFilter } from '../../../src/ctnetlink/filter/filter.ts';
import { kernelSupport } from '../../../src/ctnetlink/filter/support.ts';
import { sized } from '../tier.ts';
import { type Asked, type Call, NEW_MARK } from './calls.ts';
import { type Entry, FILTERS, keyOf, packetsOf } from './table.ts';
import type { World } from './world.ts';

/** What a call may change of a flow. */
interface State {
  readonly packets: number;
  readonly mark: number;
}

/** Flows by what names them. */
type Counted = ReadonlyMap<string, State>;

function counted(entries: readonly Entry[]): Map<string, State> {
  return new Map(entries.map((entry) => [keyOf(entry), { packets: packetsOf(entry), mark: entry.mark ?? 0 }]));
}

/** What is to become of a flow that a call is about. */
const BECOMES: Readonly<Record<Call['does'], (state: State) => State | undefined>> = {
  delete: () => undefined,
  reset: (state) => ({ ...state, packets: 0 }),
  mark: (state) => ({ ...state, mark: NEW_MARK }),
};

function words(state: State | undefined): string {
  return state === undefined ? 'nothing' : `${state.packets} packets and mark ${state.mark}`;
}

/** Those of the releases that are not asked the same as one before them: of most filters most are. */
export function unlikeReleases(filter: Asked, releases: readonly string[]): string[] {
  const asked = new Set<string>();
  return releases.filter((release) => {
    const compiled = new CompiledFilter(filter);
    const support = kernelSupport(release);
    const requests = (['dump', 'flush'] as const).map((purpose) => {
      const { family, attributes, exact } = compiled.forKernel(purpose, support);
      return [family, exact, attributes.toJSON()];
    });
    const before = asked.size;
    return asked.add(JSON.stringify(requests)).size > before;
  });
}

/** Of the filters of a call one of so many is asked for, where other calls send the same for all filters. */
const APART = sized({ quick: 8, landing: 4, soak: 1 });
/** A call that takes only so many filters is asked for all. */
const FEW = 8;

/**
 * The filters that a call is asked for.
 *
 * @param number of the call: each has others
 * @param apart of the filters of a call that sends what no other sends
 */
export function filtersOf(call: Call, number: number, apart = 1): Asked[] {
  const taken = FILTERS.filter((each) => call.takes?.(each) ?? true);
  if (taken.length <= FEW) return taken;
  return taken.filter((_each, index) => (index + number) % (call.everyRelease ? apart : APART) === 0);
}

export class Judge {
  readonly #world: World;
  /** What a new table has, and what is counted before every other case. */
  #fresh: readonly Entry[] | undefined;
  /** What the case before has left. */
  #left: Counted = new Map();

  constructor(world: World) {
    this.#world = world;
  }

  /** Faults of this call; none where exactly the wanted flows and counters are left. */
  async faults(call: Call, filter: Asked, release: string): Promise<string[]> {
    const whole = this.#left.size === this.#fresh?.length;
    await this.#world.fill(whole);
    this.#fresh ??= await this.#world.read();
    const before = counted(this.#fresh);
    if (whole) {
      for (const [key, { packets, mark }] of before)
        before.set(key, { packets: packets + this.#left.get(key)!.packets, mark });
    }
    const wanted = new Set(this.#fresh.filter((entry) => call.selects(filter, entry, release)).map(keyOf));
    const transport = this.#world.transport(release);
    const ct = await Conntrack.open({ transport });
    const faults: string[] = [];
    try {
      const outcome = await call.run(ct, filter, transport);
      // Then nothing is to have happened.
      if (outcome === 'refused') wanted.clear();
      const given = outcome === 'refused' ? undefined : outcome;
      const touched = call.stopsAt === undefined ? wanted : new Set(given!.map(keyOf));
      if (given !== undefined) faults.push(...judgeGiven(given, before, wanted, call.stopsAt ?? wanted.size));
      this.#left = counted(await this.#world.read());
      for (const [key, state] of before) {
        const left = words(this.#left.get(key));
        const right = words(touched.has(key) ? BECOMES[call.does](state) : state);
        if (left !== right) faults.push(`left ${left} instead of ${right}: ${key}`);
      }
      // Marks that were changed are no table to go on with.
      if (call.does === 'mark') this.#left = new Map();
    } catch (error) {
      this.#left = new Map();
      faults.push(`${(error as Error).stack}`);
    } finally {
      await ct.close();
    }
    return faults.map((fault) => `${call.name} ${JSON.stringify(filter)} on ${release}: ${fault}`);
  }
}

function judgeGiven(given: readonly Entry[], before: Counted, wanted: ReadonlySet<string>, most: number): string[] {
  const faults: string[] = [];
  const expected = Math.min(wanted.size, most);
  if (given.length !== expected) faults.push(`gave ${given.length} flows of ${expected}`);
  for (const entry of given) {
    const key = keyOf(entry);
    if (!wanted.has(key)) faults.push(`gave ${key}`);
    const packets = before.get(key)?.packets;
    if (packetsOf(entry) !== packets) faults.push(`gave ${packetsOf(entry)} packets instead of ${packets}: ${key}`);
  }
  return faults;
}
