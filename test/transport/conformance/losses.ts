/** What becomes of events that do not fit the receive buffer: each is counted, where it is missing. */
import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventSocketOptions } from '../../../src/conntrack/event-sockets.ts';
import { decodeFlow } from '../../../src/ctnetlink/message.ts';
import type { FlowEventOrOverrun } from '../../../src/index.ts';
import { OverrunError } from '../../../src/netlink/errors.ts';
import type { Transport } from '../../../src/netlink/transport.ts';
import { NFNLGRP_CONNTRACK_NEW } from '../../../src/uapi/nfnetlink.ts';
import { isRoot, until } from '../../support/kernel.ts';
import { turns } from '../../support/turns.ts';
import type { Case, Context } from './case.ts';
import { flood, flow } from './flows.ts';
import { Program } from './program.ts';
import { withConntrack, withTransport } from './sockets.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Holds a hundred events: twice so much memory, 1,280 bytes each. */
const SMALL = 64 * KIB;
/** Flows of the burst. */
const BURST = 200_000;
/** Memory for more than all of the burst, even when nobody reads any of it: some 300 MB. */
const ROOM = 256 * MIB;
/** A round makes 10,000 flows. */
const STORM_ROUNDS = Number(process.env.CTNETLINK_STORM_ROUNDS ?? 20);
/** Requests that are answered during a storm, at least. */
const ANSWERS = 20;
/** Milliseconds after which the rest of the events does not come. */
const LATE = 200_000;

/** What came of events, while they come. */
class Tally {
  received = 0;
  lost = 0;
  overruns = 0;

  async count(events: AsyncIterable<FlowEventOrOverrun>): Promise<void> {
    for await (const event of events) {
      if (event.type !== 'overrun') {
        this.received++;
        continue;
      }
      assert.ok(event.lost !== undefined && event.lost > 0, `an overrun of ${event.lost} events`);
      this.lost += event.lost;
      this.overruns++;
    }
  }

  get total(): number {
    return this.received + this.lost;
  }

  toString(): string {
    return `${this.received} received and ${this.lost} lost in ${this.overruns} overruns`;
  }
}

/** The marks of the NEW events that are there, and how many were lost between which. */
export function marksOf(
  transport: Transport,
  datagrams = Number.POSITIVE_INFINITY,
): (number | { lost: number | undefined })[] {
  const seen: (number | { lost: number | undefined })[] = [];
  for (let read = 0; read < datagrams; read++) {
    try {
      const datagram = transport.receive();
      if (datagram === undefined) return seen;
      seen.push(decodeFlow(datagram.view, 0, datagram.view.byteLength).mark!);
    } catch (error) {
      if (!(error instanceof OverrunError)) throw error;
      seen.push({ lost: error.lost });
    }
  }
  return seen;
}

/**
 * Creates `count` flows in a process of its own, while somebody reads their events; all of them are reported or
 * counted.
 */
async function burst(context: Context, count: number, options: EventSocketOptions): Promise<Tally> {
  const tally = new Tally();
  await withConntrack(context, async (ct) => {
    const events = await ct.events({ types: ['new'], ...options });
    const counting = tally.count(events);
    const { code, stderr } = await new Program(
      context,
      `const transport = await openTransport(options);
      transport.start({ readable: () => {}, failed: () => {} });
      flood(transport, 1, ${count});
      transport.close();`,
    ).ended;
    assert.equal(code, 0, stderr);
    await until(() => tally.total >= count, { limit: LATE }).catch(() => {});
    events.close();
    await counting;
    assert.equal(tally.total, count, String(tally));
    // Nothing is left over of it: the next is whole.
    const after = await ct.events({ types: ['new'] });
    await ct.create(flow(count + 1));
    const { value } = (await after.next()) as { value: FlowEventOrOverrun };
    assert.ok(value.type === 'new' && value.flow.mark === count + 1);
    after.close();
  });
  return tally;
}

const ahead = ({ receiveAhead }: EventSocketOptions): string => (receiveAhead ? ', received ahead' : '');

function nobodyReads(options: EventSocketOptions): Case {
  return {
    name: `events that nobody reads are lost, counted, and missing at the place of the count${ahead(options)}`,
    extent: 'least',
    needs: ['events', 'losses'],
    run: async (context) => {
      await withConntrack(context, async (ct) => {
        const events = await ct.events({ types: ['new'], ...options });
        const next = async (): Promise<FlowEventOrOverrun> => (await events.next()).value as FlowEventOrOverrun;
        await withTransport(context, async (transport) => {
          let last = 0;
          for (const sent of options.receiveAhead ? [3_000, 14_000, 30_000] : [3_000, 7_000, 7_200]) {
            flood(transport, last + 1, sent - last);
            let event = await next();
            for (; event.type === 'new'; event = await next()) assert.equal(event.flow.mark, ++last);
            assert.ok(event.type === 'overrun');
            assert.equal(last + event.lost!, sent);
            // The next one is whole, and comes after what was lost.
            await ct.create(flow(sent + 1));
            const after = await next();
            assert.ok(after.type === 'new');
            last = after.flow.mark!;
            assert.equal(last, sent + 1);
          }
        });
      });
    },
  };
}

export const LOSSES: readonly Case[] = [
  nobodyReads({ receiveBuffer: SMALL }),
  nobodyReads({ receiveBuffer: SMALL, receiveAhead: true }),
  {
    name: 'events that came after a loss follow it, however late it is noticed',
    needs: ['events', 'losses'],
    run: async (context) => {
      await withTransport(
        { ...context, open: async () => await context.open({ events: true, receiveBuffer: SMALL }) },
        async (listener) => {
          listener.joinGroup(NFNLGRP_CONNTRACK_NEW);
          await withTransport(context, (transport) => {
            flood(transport, 1, 1_000);
            // Makes room in the midst of what waits.
            const first = marksOf(listener, 40);
            flood(transport, 1_001, 20);
            const rest = marksOf(listener);
            const seen = [...first, ...rest];
            const at = seen.findIndex((each) => typeof each !== 'number');
            const { lost } = seen[at] as { lost: number };
            const range = (from: number, to: number): number[] =>
              Array.from({ length: to - from + 1 }, (_, n) => from + n);
            assert.deepEqual(seen, [...range(1, at), { lost }, ...range(at + 1 + lost, 1_020)]);
            assert.equal(at + lost, 1_000);
          });
        },
      );
    },
  },
  {
    name: 'a burst against a small buffer: received and lost are all',
    extent: 'whole',
    needs: ['events', 'losses'],
    run: async (context) => {
      await burst(context, 20_000, { receiveBuffer: SMALL });
    },
  },
  {
    name: 'a burst against a small buffer, received ahead: received and lost are all',
    extent: 'whole',
    needs: ['events', 'losses'],
    run: async (context) => {
      const tally = await burst(context, BURST / 2, { receiveBuffer: SMALL, receiveAhead: true });
      context.note?.(`received ahead: ${tally}`);
    },
  },
  {
    name: 'a burst of 200,000 flows with 8 MiB: received and lost are all',
    needs: ['events', 'losses'],
    extent: 'long',
    run: async (context) => {
      const tally = await burst(context, BURST, { receiveBuffer: 8 * MIB });
      context.note?.(`8 MiB: ${tally}`);
    },
  },
  {
    // How much is lost with less depends on how fast the machine reads: see bench/measure/limits.ts.
    name: 'a burst of 200,000 flows with room for all: none is lost',
    needs: ['events', 'losses'],
    extent: 'long',
    run: async (context) => {
      const tally = await burst(context, BURST, { receiveBuffer: ROOM });
      // Only root of the machine passes net.core.rmem_max.
      if (isRoot()) assert.equal(tally.lost, 0);
    },
  },
  {
    name: 'a storm against a small buffer: all is counted, and other sockets are answered meanwhile',
    needs: ['events', 'losses'],
    extent: 'long',
    run: async (context) => {
      const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
      try {
        await withConntrack(context, async (ct) => {
          const events = await ct.events({ types: ['new'], receiveBuffer: SMALL });
          const tally = new Tally();
          const counting = tally.count(events);
          const enough = join(folder, 'enough');
          let storming = true;
          const storm = new Program(
            context,
            `import { existsSync } from 'node:fs';
            const ct = await Conntrack.open(options);
            const transport = await openTransport(options);
            transport.start({ readable: () => {}, failed: () => {} });
            let sent = 0;
            for (let round = 0; round < ${STORM_ROUNDS} || !existsSync(${JSON.stringify(enough)}); round++) {
              flood(transport, 1, 10_000);
              sent += 10_000;
              await ct.flushAll();
            }
            transport.close();
            await ct.close();
            console.log(sent);`,
            { limit: 300_000 + 1_000 * STORM_ROUNDS },
          ).ended.finally(() => {
            storming = false;
          });
          storm.catch(() => {});
          let answered = 0;
          while (storming) {
            assert.ok((await ct.stats()).entries >= 0);
            // The storm goes on for as long as that takes.
            if (tally.lost > 0 && ++answered === ANSWERS) writeFileSync(enough, '');
            await turns(1);
          }
          const { stdout, code, stderr } = await storm;
          assert.equal(code, 0, stderr);
          const sent = Number(stdout);
          await until(() => tally.total >= sent, { limit: LATE }).catch(() => {});
          events.close();
          await counting;
          context.note?.(`${sent} sent, ${tally}; ${answered} requests answered meanwhile`);
          assert.equal(tally.total, sent, String(tally));
          assert.ok(tally.lost > 0);
        });
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  },
];
