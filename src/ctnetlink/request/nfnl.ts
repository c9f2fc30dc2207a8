import { type Operation, operation, type Request } from '../../netlink/request.ts';
import type { Writer } from '../../netlink/writer.ts';
import { nfnlType, writeNfgenmsg } from '../../nfnetlink/nfgenmsg.ts';
import { NFNETLINK_V0 } from '../../uapi/nfnetlink.ts';
import { AF_UNSPEC } from '../../uapi/socket.ts';
import type { Codec, SlotHolder } from '../codec/codec.ts';

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

/**
 * A request of either subsystem with exactly these attributes, and no check. An array is written one after the other,
 * for an order that is not that of the rows.
 */
export class NfnlRequest implements Request {
  readonly kind: Operation;
  readonly codec: Codec;
  readonly family: number;
  readonly attributes: SlotHolder | readonly SlotHolder[];
  readonly version: number;

  constructor(
    kind: Operation,
    codec: Codec,
    family: number,
    attributes: SlotHolder | readonly SlotHolder[],
    version: number = NFNETLINK_V0,
  ) {
    this.kind = kind;
    this.codec = codec;
    this.family = family;
    this.attributes = attributes;
    this.version = version;
  }

  /**
   * Of a dump with a filter or of one family: the kernel walks the table until it has a datagram full of what passes.
   */
  get takesLong(): boolean {
    return this.kind.dump && (this.family !== AF_UNSPEC || isAny(this.attributes));
  }

  write(writer: Writer, sequence: number): void {
    const attributes = this.attributes;
    const at = writer.beginMessage(this.kind.type, this.kind.flags, sequence);
    writeNfgenmsg(writer, this.family, this.version);
    if ('slots' in attributes) this.codec.write(writer, attributes);
    else for (const part of attributes) this.codec.write(writer, part);
    writer.endMessage(at);
  }

  subject(): string | undefined {
    return undefined;
  }
}

function isAny(attributes: SlotHolder | readonly SlotHolder[]): boolean {
  const parts = 'slots' in attributes ? [attributes] : attributes;
  return parts.some(({ slots }) => slots.some((value) => value !== undefined));
}
