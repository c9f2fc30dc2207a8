/** Flows that cases create, by number. */
import { strict as assert } from 'node:assert';
import { Flow } from '../../../src/ctnetlink/flow.ts';
import { buildCreate } from '../../../src/ctnetlink/request/flow.ts';
import type { FlowInit } from '../../../src/index.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../../src/netlink/byteorder.ts';
import type { Transport } from '../../../src/netlink/transport.ts';
import { Writer } from '../../../src/netlink/writer.ts';
import { NLM_F_ACK } from '../../../src/uapi/netlink.ts';
import type { Context } from './case.ts';
import { withTransport } from './sockets.ts';
import { witnessOf } from './witness.ts';

/** More than one read of the kernel takes, many times over: 1.1 MB in some 35 datagrams. */
const MANY = 5_000;
/** Messages a datagram: 7 KB, which every transport hands to the kernel before `send` returns. */
const BATCH = 50;

/** 10.0.0.1:1000+n -> 10.0.0.2:53 with mark n; from 32,768 on the source is another. */
export function flow(n: number): FlowInit & { orig: object } {
  return {
    orig: { src: `10.0.${n >> 15}.1`, dst: '10.0.0.2', proto: 'udp', sport: 1000 + (n & 0x7fff), dport: 53 },
    timeout: 600,
    mark: n,
  };
}

/** The flows 1 to `count` in the table, as the witness counts them. Not by the transport that is examined. */
export async function fill(context: Context, count = MANY): Promise<number> {
  const witness = witnessOf(context);
  await withTransport(witness, (transport) => flood(transport, 1, count));
  assert.equal(witness.count(), count);
  return count;
}

/**
 * The flows `first` to `first + count - 1`, as fast as the kernel makes them. They are there when this returns: no turn
 * of the event loop passes meanwhile, so that nobody in this thread reads. The transport must have no other use.
 */
export function flood(transport: Transport, first: number, count: number): void {
  const writer = new Writer();
  for (let n = first, end = first + count; n < end; ) {
    writer.reset();
    for (const stop = Math.min(end, n + BATCH); n < stop; n++)
      buildCreate(Flow.from(flow(n)), 'create').write(writer, n);
    transport.send(withoutAck(writer.finish()));
  }
  assert.equal(transport.receive(), undefined, 'only what fails is answered');
}

function withoutAck(messages: Uint8Array): Uint8Array {
  const view = viewOf(messages);
  for (let at = 0; at < messages.length; at += view.getUint32(at, HOST_LITTLE_ENDIAN))
    view.setUint16(at + 6, view.getUint16(at + 6, HOST_LITTLE_ENDIAN) & ~NLM_F_ACK, HOST_LITTLE_ENDIAN);
  return messages;
}

/** Flows told apart by their original tuples. */
export function distinct(flows: readonly Flow[]): number {
  return new Set(flows.map((each) => each.key())).size;
}
