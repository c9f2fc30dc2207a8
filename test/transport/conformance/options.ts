/** Socket options: what the kernel adds to its errors, and filters. */
import { strict as assert } from 'node:assert';
import { Flow } from '../../../src/ctnetlink/flow.ts';
import { buildMessage } from '../../../src/ctnetlink/request/flow.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../../src/netlink/byteorder.ts';
import type { KernelError } from '../../../src/netlink/errors.ts';
import { NFNLGRP_CONNTRACK_NEW } from '../../../src/uapi/nfnetlink.ts';
import { CTA_TIMEOUT } from '../../../src/uapi/nfnetlink_conntrack.ts';
import { AF_INET } from '../../../src/uapi/socket.ts';
import { asked } from '../../support/requests.ts';
import type { Case } from './case.ts';
import { flood, flow } from './flows.ts';
import { marksOf } from './losses.ts';
import { withSocket, withTransport } from './sockets.ts';

const BPF_RET = 0x06;

/** `ret #k` of struct sock_filter: so many bytes of the datagram are kept. */
function ret(k: number): Uint8Array {
  const program = new Uint8Array(8);
  const view = viewOf(program);
  view.setUint16(0, BPF_RET, HOST_LITTLE_ENDIAN);
  view.setUint32(4, k >>> 0, HOST_LITTLE_ENDIAN);
  return program;
}

export const OPTIONS: readonly Case[] = [
  {
    name: 'extended ACK: the kernel says what it did not like, and where',
    extent: 'least',
    needs: ['options'],
    run: async (context) => {
      await withSocket(context, async (socket) => {
        // Two bytes instead of four.
        const short = new Flow();
        short.unknown = [{ level: 0, type: CTA_TIMEOUT, value: Uint8Array.of(0, 1) }];
        let sent = new Uint8Array(0);
        const error = await socket
          .request(
            ...asked(
              (writer, sequence) => {
                buildMessage('create', AF_INET, [Flow.from({ orig: flow(1).orig }), short]).write(writer, sequence);
                sent = writer.finish().slice();
              },
              { operation: 'create' },
            ),
          )
          .then(
            () => undefined,
            (caught: KernelError) => caught,
          );
        assert.deepEqual([error?.name, error?.operation], ['KernelError', 'create']);
        const { message, offset } = error!.extack!;
        assert.match(message!, /\w/);
        assert.ok(error!.message.includes(message!));
        assert.equal(viewOf(sent).getUint16(offset! + 2, HOST_LITTLE_ENDIAN), CTA_TIMEOUT);
      });
    },
  },
  {
    name: 'a filter decides which events are received, until it is taken away',
    extent: 'least',
    needs: ['events', 'options'],
    run: async (context) => {
      const open = async () => await context.open({ events: true });
      await withTransport({ ...context, open }, async (listener) => {
        listener.joinGroup(NFNLGRP_CONNTRACK_NEW);
        await withTransport(context, (transport) => {
          const received = (n: number): unknown[] => {
            flood(transport, n, 1);
            return marksOf(listener);
          };
          assert.deepEqual(received(1), [1]);
          listener.attachFilter!(ret(0));
          assert.deepEqual(received(2), []);
          listener.attachFilter!(ret(-1));
          assert.deepEqual(received(3), [3]);
          listener.attachFilter!(ret(0));
          const bad = ret(0).fill(0xff);
          assert.throws(() => listener.attachFilter!(bad), { name: 'TransportError', code: 'EINVAL' });
          assert.deepEqual(received(4), []);
          listener.attachFilter!(undefined);
          assert.deepEqual(received(5), [5]);
          assert.throws(() => listener.attachFilter!(new Uint8Array(7)), { name: 'UnsupportedError' });
        });
      });
    },
  },
];
