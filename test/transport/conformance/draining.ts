/**
 * `drain`: what had arrived by then is received or counted as lost, nothing that came later is, and then the stream
 * ends.
 */
import { strict as assert } from 'node:assert';
import type { EventSocketOptions } from '../../../src/conntrack/event-sockets.ts';
import type { Events, FlowEvent, FlowEventOrOverrun } from '../../../src/index.ts';
import { turns } from '../../support/turns.ts';
import type { Capability, Case, Context, Extent } from './case.ts';
import { flood, flow } from './flows.ts';
import { withConntrack, withTransport } from './sockets.ts';
import { witnessOf } from './witness.ts';

interface Shape {
  options: EventSocketOptions;
  /** Flows before `drain`. */
  sent: number;
  /** Events read before them. */
  read: number;
  needs: readonly Capability[];
}

/** More than a stream reads ahead, and less than the buffer of the addon holds. */
const FEW = 100;
/** Holds a hundred events. */
const SMALL = 64 * 1024;

/** Not by the transport that is examined: flows `first` to `first + count - 1`, while nobody in this thread reads. */
async function make(context: Context, first: number, count: number): Promise<void> {
  await withTransport(witnessOf(context), (transport) => flood(transport, first, count));
}

/** The events until the end of the stream: their marks grow, and a loss is where marks are missing. */
async function rest(
  events: Events<FlowEvent>,
  last: number,
): Promise<{ last: number; received: number; lost: number }> {
  let received = 0;
  let lost = 0;
  for await (const event of events as AsyncIterable<FlowEventOrOverrun>) {
    if (event.type === 'overrun') {
      assert.ok(event.lost !== undefined, 'a loss is counted');
      lost += event.lost;
      last += event.lost;
      continue;
    }
    assert.equal(event.flow.mark, ++last);
    received++;
  }
  return { last, received, lost };
}

async function drains(context: Context, { options, sent, read }: Shape): Promise<void> {
  await withConntrack(context, async (ct) => {
    const events = await ct.events({ types: ['new'], ...options });
    for (let n = 1; n <= read; n++) {
      await ct.create(flow(n));
      await events.next();
    }
    await make(context, read + 1, sent);
    events.drain();
    events.drain();
    await make(context, read + sent + 1, FEW);
    const { last, received, lost } = await rest(events, read);
    context.note?.(`${received} received and ${lost} lost`);
    assert.deepEqual([last, received + lost], [read + sent, sent]);
    if (sent === FEW) assert.equal(lost, 0);
    assert.equal(events.ended, true);
  });
}

function draining(name: string, shape: Shape, extent: Extent = 'brief'): Case {
  return {
    name: `drain: ${name}`,
    extent,
    needs: ['events', ...shape.needs],
    run: (context) => drains(context, shape),
  };
}

export const DRAINING: readonly Case[] = [
  draining('events that nobody has read', { options: {}, sent: FEW, read: 0, needs: [] }),
  draining('events behind some that were read', { options: {}, sent: FEW, read: 10, needs: [] }),
  draining('more events than a stream reads ahead', { options: {}, sent: 5_000, read: 10, needs: ['losses'] }),
  draining(
    'events and losses',
    { options: { receiveBuffer: SMALL }, sent: 3_000, read: 10, needs: ['losses'] },
    'least',
  ),
  ...[FEW, 3_000, 30_000].map((sent) =>
    draining(`${sent} events received ahead, and losses`, {
      options: { receiveBuffer: SMALL, receiveAhead: true },
      sent,
      read: 10,
      needs: ['losses'],
    }),
  ),
  {
    name: 'drain: a stream that waits ends, and one of which nothing arrived',
    needs: ['events'],
    run: async (context) => {
      for (const options of [{}, { receiveAhead: true }])
        for (const waits of [true, false])
          await withConntrack(context, async (ct) => {
            const events = await ct.events(options);
            const next = waits ? events.next() : undefined;
            await turns(2);
            events.drain();
            assert.equal((await (next ?? events.next())).done, true);
          });
    },
  },
];
