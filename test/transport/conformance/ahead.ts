/** Sockets that receive events ahead do all that others do, and lose none of those that come while JavaScript works. */
import { strict as assert } from 'node:assert';
import { buildDump } from '../../../src/ctnetlink/request/flow.ts';
import type { FlowEventOrOverrun } from '../../../src/index.ts';
import { bytesOf } from '../../../src/netlink/request.ts';
import { NLMSG_DONE } from '../../../src/uapi/netlink.ts';
import { NFNLGRP_CONNTRACK_NEW } from '../../../src/uapi/nfnetlink.ts';
import { until } from '../../support/kernel.ts';
import type { Case } from './case.ts';
import { CLOSING } from './closing.ts';
import { EVENTS } from './events.ts';
import { fill, flood } from './flows.ts';
import { FOREIGN } from './foreign.ts';
import { withBare, withConntrack, withTransport } from './sockets.ts';

const DUMP = 7;
/** Of 2,048 that have room at first. */
const COUNT = 2_000;

const dumpBetweenEvents: Case = {
  name: 'a dump on a socket that listens is complete',
  needs: ['events', 'losses'],
  run: async (context) => {
    await withBare(
      context,
      async (bare) => {
        bare.transport.joinGroup(NFNLGRP_CONNTRACK_NEW);
        const count = await fill(context);
        bare.send(bytesOf(buildDump('dump'), DUMP));
        const answers = (): number[] =>
          bare.headers.filter(({ nlmsg_seq }) => nlmsg_seq === DUMP).map(({ nlmsg_type }) => nlmsg_type);
        await until(
          () => {
            bare.read();
            return answers().at(-1) === NLMSG_DONE;
          },
          { what: 'the end of the dump' },
        );
        assert.equal(answers().length, count + 1);
        assert.equal(bare.headers.length, 2 * count + 1);
      },
      true,
    );
  },
};

function receivedAhead(each: Case): Case {
  return {
    ...each,
    name: `${each.name}, received ahead`,
    needs: ['events', 'ahead'],
    run: async (context) =>
      await each.run({ ...context, open: (options) => context.open({ ...options, receiveAhead: true }) }),
  };
}

export const AHEAD: readonly Case[] = [
  {
    name: 'what comes while JavaScript works is received ahead: twenty times what the buffer holds',
    extent: 'least',
    needs: ['events', 'ahead', 'io_uring'],
    run: async (context) => {
      await withConntrack(context, async (ct) => {
        const events = await ct.events({ types: ['new'], receiveBuffer: 64 * 1024, receiveAhead: true });
        await withTransport(context, (transport) => flood(transport, 1, COUNT));
        for (let mark = 1; mark <= COUNT; mark++) {
          const { value } = (await events.next()) as { value: FlowEventOrOverrun };
          assert.ok(value.type === 'new', `${value.type} instead of event ${mark}`);
          assert.equal(value.flow.mark, mark);
        }
      });
    },
  },
  dumpBetweenEvents,
  ...[dumpBetweenEvents, ...EVENTS, ...CLOSING, ...FOREIGN]
    .filter(({ needs }) => needs?.includes('events'))
    .map(receivedAhead),
];
