/** Expectations that come back, when their masters have. */
import type { ExpectationInit } from '../ctnetlink/attributes/expectation-properties.ts';
import { describeTuple } from '../ctnetlink/describe-tuple.ts';
import { Expectation } from '../ctnetlink/expectation.ts';
import { EXPECTATION_LOSSES } from '../ctnetlink/losses.ts';
import { decodeExpectation } from '../ctnetlink/message.ts';
import { buildExpectationCreate, buildExpectationGet } from '../ctnetlink/request/expectation.ts';
import { EXPECT_MASTER, EXPECT_TIMEOUT, EXPECT_ZONE } from '../ctnetlink/slots.ts';
import { Batch } from '../netlink/batch.ts';
import { lostAnswer } from '../netlink/errors.ts';
import type { Request } from '../netlink/request.ts';
import type { BatchSender } from './batch-sender.ts';
import type { MasterZones } from './restore-flows.ts';
import type { Restored } from './restored.ts';
import type { Failed, Outcome, ReportingWork } from './send-many.ts';

type Item = ExpectationInit | Expectation;

/** What is asked of expectations that were created, one after the other. */
type Build = (expectation: Expectation) => Request;

export class ExpectationRestore implements ReportingWork<Expectation, Item> {
  readonly operation = 'restore';
  readonly keepsEntries = true;
  readonly most: number;
  readonly #sender: BatchSender;
  readonly #zones: MasterZones;
  readonly #restored: Restored<Item>;

  constructor(sender: BatchSender, zones: MasterZones, restored: Restored<Item>) {
    this.#sender = sender;
    this.#zones = zones;
    this.#restored = restored;
    this.most = sender.largestReadBatch;
  }

  /** With the zone of its master, and more than no time. @throws RangeError if there are several such masters */
  from(item: Item): Expectation {
    const given = Expectation.from(item);
    const expectation = given.slots[EXPECT_TIMEOUT] === 0 ? given.with({ timeout: 1 }) : given;
    if (expectation.slots[EXPECT_ZONE] !== undefined) return expectation;
    const [zone, ...more] = this.#zonesOf(expectation)?.keys() ?? [];
    if (more.length > 0)
      throw new RangeError(
        `expectation.zone is required: its master is in the zones ${[zone, ...more].join(', ')}, and the kernel does not report which it is`,
      );
    return zone === undefined || zone === 0 ? expectation : expectation.with({ zone });
  }

  /** By zone of the master. */
  #zonesOf({ slots }: Expectation): ReadonlyMap<number, number> | undefined {
    return this.#zones.get(describeTuple(slots, EXPECT_MASTER));
  }

  /** With the zone in which the kernel finds it, once it is there. */
  #created(expectation: Expectation): Expectation {
    const ofMaster = (expectation.slots[EXPECT_ZONE] ?? 0) as number;
    const zone = this.#zonesOf(expectation)?.get(ofMaster) ?? ofMaster;
    return zone === ofMaster ? expectation : expectation.with({ zone });
  }

  request(expectation: Expectation): Request {
    return buildExpectationCreate(expectation, 'expectations.restore');
  }

  async send(
    batch: Batch,
    items: readonly (Expectation | Item)[],
    failed: Failed,
    { place, report }: Outcome<Item>,
  ): Promise<void> {
    const expectations = items as readonly Expectation[];
    const subject = (at: number): string | undefined => this.request(expectations[at]).subject();
    const restored = this.#restored;
    restored.sent(expectations.length);
    const failures = new Set<number>();
    const refused = (at: number, error: Error): void => {
      failures.add(at);
      restored.settled();
      failed(at, error);
    };
    await this.#sender.sendBatch(batch, refused, subject);
    const follow = async (build: Build, take?: (at: number, found: Expectation) => void): Promise<void> => {
      const places = [...expectations.keys()].filter((at) => !failures.has(at));
      if (places.length === 0) return;
      const next = new Batch();
      for (const at of places) next.add(build(this.#created(expectations[at])));
      const answered = new Set<number>();
      await this.#sender.sendBatch(
        next,
        (index, error) => refused(places[index], error),
        (index) => subject(places[index]),
        take &&
          ((index, view, offset, end) => {
            answered.add(places[index]);
            take(places[index], decodeExpectation(view, offset, end));
          }),
      );
      if (take === undefined) return;
      for (const at of places) if (!answered.has(at) && !failures.has(at)) refused(at, lostAnswer('get', true));
    };
    // A new expectation has the timeout of its helper, whatever a request says. One that exists takes what is given.
    await follow((expectation) => buildExpectationCreate(expectation, 'expectations.createOrUpdate'));
    await follow(buildExpectationGet, (at, found) => {
      const losses = EXPECTATION_LOSSES.find(expectations[at], found, restored.recounted);
      if (losses === undefined) restored.whole();
      else report(restored.partial(place(at), losses));
    });
  }
}
