/** What sends batches: a Lease, or a socket that is taken for the length of a call. */
import type { Lease } from '../netlink/lease.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';

export type BatchSender = Pick<Lease, 'largestBatch' | 'largestReadBatch' | 'sendBatch'>;

/** @param keep is reachable from the socket while a batch is on its way */
export function senderOver(socket: NetlinkSocket, keep: object): BatchSender {
  return {
    largestBatch: socket.largestBatch,
    largestReadBatch: socket.largestReadBatch,
    sendBatch: (batch, failed, subject, take) => socket.sendBatch(batch, failed, subject, keep, take),
  };
}
