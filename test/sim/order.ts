/**
 * The order of answers on one socket. The kernel queues an answer before sendmsg returns, and the queue keeps its
 * order. So a request must have settled when the package has read the answer to a request that was sent after it.
 */
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { newNlmsghdr, readNlmsghdr } from '../../src/netlink/nlmsg.ts';
import type { Datagram, Transport } from '../../src/netlink/transport.ts';
import { NLMSG_ERROR, NLMSG_HDRLEN } from '../../src/uapi/netlink.ts';

/** One request, or a batch of them. */
export interface Ordered {
  readonly count: number;
  /** `settled` becomes true while the answer is read, not only before the next step of the event loop. */
  readonly atOnce: boolean;
  settled: boolean;
}

interface Sent {
  readonly request: Ordered;
  readonly first: number;
  readonly order: number;
  /** It reaches the kernel at some later time. */
  readonly later: boolean;
}

export class Order {
  readonly #report: (violation: string) => void;
  /** By the bytes behind the header of the first message, which sending does not change. */
  readonly #announced = new Map<string, Ordered>();
  #sent: Sent[] = [];
  #order = 0;
  /** The highest order of those that were answered. */
  #answered = 0;

  /** @param transport is watched from now on */
  constructor(transport: Transport, report: (violation: string) => void) {
    this.#report = report;
    const { send, receive } = transport;
    transport.send = (bytes, takesLong) => {
      const result = send.call(transport, bytes, takesLong);
      this.#sends(bytes, result === false);
      return result;
    };
    transport.receive = () => {
      this.#check(true);
      const datagram = receive.call(transport);
      if (datagram?.sender === 0 && !datagram.truncated) this.#receives(datagram);
      return datagram;
    };
  }

  /** These messages are going to be sent; no other request has the same. */
  announce(messages: Uint8Array, count: number, atOnce: boolean): Ordered {
    const request = { count, atOnce, settled: false };
    this.#announced.set(bodyOf(messages), request);
    return request;
  }

  /** Call it between two steps of the event loop, when all promises have continued. */
  check(): void {
    this.#check(false);
  }

  #sends(bytes: Uint8Array, later: boolean): void {
    const body = bodyOf(bytes);
    const request = this.#announced.get(body);
    if (request === undefined) return;
    this.#announced.delete(body);
    this.#sent.push({ request, first: viewOf(bytes).getUint32(8, HOST_LITTLE_ENDIAN), order: ++this.#order, later });
  }

  #receives({ view }: Datagram): void {
    const header = newNlmsghdr();
    for (let at = 0; at < view.byteLength; ) {
      const end = readNlmsghdr(view, at, view.byteLength, header);
      const { nlmsg_seq: sequence, nlmsg_type: type } = header;
      const sent = this.#sent.find(({ first, request: { count } }) => sequence >= first && sequence < first + count);
      if (type === NLMSG_ERROR && sent !== undefined) this.#answered = Math.max(this.#answered, sent.order);
      at = (end + 3) & ~3;
    }
  }

  #check(atOnce: boolean): void {
    if (this.#sent.length === 0 || this.#sent[0].order >= this.#answered) return;
    this.#sent = this.#sent.filter(({ request }) => !request.settled);
    for (const { request, order, later } of this.#sent) {
      if (later || order >= this.#answered || (atOnce && !request.atOnce)) continue;
      this.#report('the answer to a later request was read, and one that was sent before it has not settled');
    }
  }
}

function bodyOf(messages: Uint8Array): string {
  const length = viewOf(messages).getUint32(0, HOST_LITTLE_ENDIAN);
  return Buffer.from(messages.buffer, messages.byteOffset + NLMSG_HDRLEN, length - NLMSG_HDRLEN).toString('latin1');
}
