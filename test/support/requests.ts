/** Requests of tests, which are written by a function. */
import { type Operation, operation as operationOf, type Request } from '../../src/netlink/request.ts';
import type { RequestOptions } from '../../src/netlink/socket.ts';
import type { Writer } from '../../src/netlink/writer.ts';
import { NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST } from '../../src/uapi/netlink.ts';

/** Writes one whole message with this sequence number. */
export type Write = (writer: Writer, sequence: number) => void;

export interface Kind extends Partial<Pick<Operation, 'replies' | 'repeatable'>> {
  operation?: string;
  /** Is passed to the socket; what is written need not have the flag. */
  dump?: boolean;
}

class Written implements Request {
  readonly kind: Operation;
  readonly takesLong = false;
  readonly write: Write;

  constructor(kind: Operation, write: Write) {
    this.kind = kind;
    this.write = write;
  }

  subject(): string | undefined {
    return undefined;
  }
}

export function written(write: Write, kind: Kind = {}): Request {
  const { operation: name = 'create', dump = false, replies = false, repeatable = false } = kind;
  const flags = NLM_F_REQUEST | (dump ? NLM_F_DUMP : NLM_F_ACK);
  return new Written(operationOf({ name, type: 0x101, flags, replies, repeatable }), write);
}

/** The arguments of NetlinkSocket.request: the description of the request, and the options. */
export function asked(
  write: Write,
  { operation, dump, replies, repeatable, ...options }: Kind & RequestOptions,
): [Request, RequestOptions] {
  return [written(write, { operation, dump, replies, repeatable }), options];
}

/** The same request, with a message that is changed after it was written. */
export function changed(request: Request, change: (writer: Writer) => void): Request {
  return new Written(request.kind, (writer, sequence) => {
    request.write(writer, sequence);
    change(writer);
  });
}
