/** What other processes send to our sockets: refused where the socket is connected to the kernel, counted elsewhere. */
import { strict as assert } from 'node:assert';
import { Conntrack } from '../../../src/index.ts';
import { NetlinkSocket } from '../../../src/netlink/socket.ts';
import type { Transport } from '../../../src/netlink/transport.ts';
import { NETLINK_NETFILTER } from '../../../src/uapi/netlink.ts';
import { NFNLGRP_CONNTRACK_NEW } from '../../../src/uapi/nfnetlink.ts';
import { AF_NETLINK, SOCK_RAW } from '../../../src/uapi/socket.ts';
import { onPath, sh, until } from '../../support/kernel.ts';
import type { Case, Context } from './case.ts';
import { fill, flow } from './flows.ts';
import { portids } from './sockets.ts';

const ECONNREFUSED = 111;
/** Beyond what a socket receives directly. */
const LARGE = 20_000;

/** Another process: it sends a message with the sequence that events have, and prints the errno, or 0. */
const SENDER = `
socket(my $socket, ${AF_NETLINK}, ${SOCK_RAW}, ${NETLINK_NETFILTER}) or die $!;
my $message = pack("LSSLL", 20, 256, 0, 0, 0) . "\\0" x 4;
my $sent = send($socket, $message, 0, pack("SSLL", ${AF_NETLINK}, 0, $ARGV[0], 0));
print defined $sent ? 0 : $! + 0;`;

/** Sends to the socket with this portid. @returns the errno, 0 when it was sent */
function sendTo(portid: number): number {
  // The same errno says that there is no such socket.
  assert.ok(portids().includes(portid), `${portid} is not in /proc/net/netlink`);
  return Number(sh('perl', '-e', SENDER, String(portid)));
}

function withSender(run: Case['run']): Case['run'] {
  return async (context) => {
    if (onPath('perl')) await run(context);
    else context.note?.('not examined: needs perl on PATH');
  };
}

/** Opens as the context does; the transports are in `opened`. */
function noting(context: Context, opened: Transport[]): Context['open'] {
  return async (options) => {
    const transport = await context.open(options);
    opened.push(transport);
    return transport;
  };
}

export const FOREIGN: readonly Case[] = [
  {
    name: 'another process cannot send to a request socket',
    extent: 'least',
    needs: ['connected'],
    run: withSender(async (context) => {
      const count = await fill(context, LARGE);
      const opened: Transport[] = [];
      const ct = await Conntrack.open({ transport: noting(context, opened) });
      try {
        const [{ portid }] = opened;
        assert.equal(sendTo(portid), ECONNREFUSED);
        let flows = 0;
        let batches = 0;
        for await (const batch of ct.dump().batches()) {
          flows += batch.length;
          if (batches++ % 20 === 5) assert.equal(sendTo(portid), ECONNREFUSED);
        }
        assert.ok(batches > 5, `${batches} batches`);
        assert.equal(flows, count);
        assert.deepEqual({ ...ct.counts }, { strays: 0, foreign: 0, truncated: 0 });
      } finally {
        await ct.close();
      }
    }),
  },
  {
    name: 'what another process sends to an event socket is counted, and is no event',
    extent: 'least',
    needs: ['events', 'connected'],
    run: withSender(async (context) => {
      const transport = await context.open({ events: true });
      const socket = new NetlinkSocket(transport);
      const ct = await Conntrack.open({ transport: context.open });
      let events = 0;
      try {
        transport.joinGroup(NFNLGRP_CONNTRACK_NEW);
        socket.setEventSink({ message: () => events++, overrun: () => {}, end: () => {} });
        for (let n = 1; n <= 3; n++) {
          assert.equal(sendTo(transport.portid), 0);
          await ct.create(flow(n));
        }
        await until(() => events === 3 && socket.counts.foreign === 3, { what: 'events and foreign datagrams' });
        assert.deepEqual({ ...socket.counts }, { strays: 0, foreign: 3, truncated: 0 });
      } finally {
        socket.close();
        await ct.close();
      }
    }),
  },
];
