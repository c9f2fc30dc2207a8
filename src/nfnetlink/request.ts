/** Requests of nfnetlink: an nlmsghdr, an nfgenmsg, and the attributes as the subsystem above writes them. */

import { type Operation, operation, type Request } from '../netlink/request.ts';
import type { Writer } from '../netlink/writer.ts';
import { NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST } from '../uapi/netlink.ts';
import { NFGENMSG_LEN, NFNETLINK_V0 } from '../uapi/nfnetlink.ts';
import { AF_UNSPEC } from '../uapi/socket.ts';
import { nfnlType } from './nfgenmsg.ts';

/** The flags of a request that the kernel answers with an ACK, and of a dump. */
export const ACK = NLM_F_REQUEST | NLM_F_ACK;
export const DUMP = NLM_F_REQUEST | NLM_F_DUMP;

/** A message (IPCTNL_MSG_*), its flags (NLM_F_*) and how it is answered; what replies may be repeated. */
type Row = readonly [message: number, flags: number, answers?: { replies?: boolean; repeatable?: boolean }];

/** The operations of a subsystem by their names. */
export function operations<Name extends string>(
  subsystem: number,
  messages: Readonly<Record<Name, Row>>,
): Readonly<Record<Name, Operation>> {
  const entries = Object.entries<Row>(messages).map(([name, [message, flags, answers = {}]]) => {
    const { replies = false, repeatable = replies } = answers;
    return [name, operation({ name, type: nfnlType(subsystem, message), flags, replies, repeatable })];
  });
  return Object.fromEntries(entries);
}

/** Behind the nlmsghdr, which Writer.beginMessage writes. */
export function writeNfgenmsg(writer: Writer, family: number, version: number = NFNETLINK_V0, resId = 0): void {
  const at = writer.reserve(NFGENMSG_LEN);
  writer.bytes[at] = family;
  writer.bytes[at + 1] = version;
  writer.view.setUint16(at + 2, resId);
}

/** Writes the attributes of a subsystem. */
export interface AttributeCodec<Attributes> {
  write(writer: Writer, attributes: Attributes): void;
}

/**
 * A request of a subsystem with exactly these attributes, and no check. An array is written one after the other, for an
 * order that is not that of the codec.
 */
export class NfnlRequest<Attributes extends object> implements Request {
  readonly kind: Operation;
  readonly codec: AttributeCodec<Attributes>;
  readonly family: number;
  readonly attributes: Attributes | readonly Attributes[];
  readonly version: number;

  constructor(
    kind: Operation,
    codec: AttributeCodec<Attributes>,
    family: number,
    attributes: Attributes | readonly Attributes[],
    version: number = NFNETLINK_V0,
  ) {
    this.kind = kind;
    this.codec = codec;
    this.family = family;
    this.attributes = attributes;
    this.version = version;
  }

  /** The kernel walks the table until it has a datagram full of what passes. */
  get takesLong(): boolean {
    return this.kind.dump && this.filters;
  }

  /** Of a dump: the kernel leaves entries out. */
  protected get filters(): boolean {
    return this.family !== AF_UNSPEC;
  }

  write(writer: Writer, sequence: number): void {
    const { attributes } = this;
    const at = writer.beginMessage(this.kind.type, this.kind.flags, sequence);
    writeNfgenmsg(writer, this.family, this.version);
    if (Array.isArray(attributes))
      for (const part of attributes as readonly Attributes[]) this.codec.write(writer, part);
    else this.codec.write(writer, attributes as Attributes);
    writer.endMessage(at);
  }

  subject(): string | undefined {
    return undefined;
  }
}
