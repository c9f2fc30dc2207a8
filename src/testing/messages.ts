/** The messages of the model: replies, dumps and events. */
import type { SlotHolder, SlotValue } from '../ctnetlink/attributes/kinds.ts';
import type { Codec } from '../ctnetlink/codec/codec.ts';
import { HOST_LITTLE_ENDIAN } from '../netlink/byteorder.ts';
import { align4 } from '../netlink/nlmsg.ts';
import { Writer } from '../netlink/writer.ts';
import { writeNfgenmsg } from '../nfnetlink/request.ts';
import { NLM_F_MULTI, NLMSG_HDRLEN } from '../uapi/netlink.ts';
import { NFGENMSG_LEN } from '../uapi/nfnetlink.ts';

/** A dump on its way. */
export interface ModelDump {
  /**
   * The next messages, as many as fit `size` bytes; undefined at the end, when the caller sends NLMSG_DONE.
   * @param repeat the entry at which the dump stopped has gone: some are given again
   */
  next(size: number, repeat?: boolean): Uint8Array | undefined;
}

/** Whom an answer is for. */
export interface Addressee {
  readonly sequence: number;
  readonly portid: number;
}

/** What stays the same of all messages of an answer or event. */
export interface MessageHeader extends Addressee {
  /** Subsystem and message. */
  readonly type: number;
  readonly flags: number;
}

const writer = new Writer(32768);
/** For the attributes of one entry. */
const attributes = new Writer(4096);

/** Messages share memory, because a piece of its own costs several times what it takes to write a message. */
const SHARED = 1 << 16;
/** What is longer has memory of its own. */
const MOST_SHARED = SHARED >> 3;
let shared = new Uint8Array(SHARED);
let used = 0;

/** Zeroed. */
export function newBytes(length: number): Uint8Array {
  if (length > MOST_SHARED) return new Uint8Array(length);
  if (used + length > SHARED) {
    shared = new Uint8Array(SHARED);
    used = 0;
  }
  const bytes = shared.subarray(used, used + length);
  used += align4(length);
  return bytes;
}

export function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = newBytes(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Encodes slots. A copy. */
export function encode(codec: Codec, slots: SlotValue[], unknown?: SlotHolder['unknown']): Uint8Array {
  attributes.reset();
  codec.write(attributes, { slots, unknown });
  return copyOf(attributes.finish());
}

function write(header: MessageHeader, family: number, encoded: Uint8Array): void {
  const at = begin(writer, header, family);
  const start = writer.reserve(encoded.length);
  writer.bytes.set(encoded, start);
  writer.endMessage(at);
}

function begin(target: Writer, { type, flags, sequence, portid }: MessageHeader, family: number, resId = 0): number {
  const at = target.beginMessage(type, flags, sequence);
  target.view.setUint32(at + 12, portid, HOST_LITTLE_ENDIAN);
  writeNfgenmsg(target, family, 0, resId);
  return at;
}

/** One message with the attributes of these slots. */
export function messageOf(
  header: MessageHeader,
  family: number,
  codec: Codec,
  slots: SlotValue[],
  unknown?: SlotHolder['unknown'],
): Uint8Array {
  return messageBy(header, (target) => codec.write(target, { slots, unknown }), family);
}

/** One message whose attributes are written by a function. */
export function messageBy(header: MessageHeader, write: (writer: Writer) => void, family = 0, resId = 0): Uint8Array {
  writer.reset();
  const at = begin(writer, header, family, resId);
  write(writer);
  writer.endMessage(at);
  return copyOf(writer.finish());
}

/** What a dump walks over. */
export interface Walk<E> {
  readonly entries: Iterator<E>;
  /** It is still in the table, and is asked for. */
  wanted(entry: E): boolean;
  familyOf(entry: E): number;
  encoded(entry: E): Uint8Array;
  /** Called when it has been written. */
  given?(entry: E): void;
}

/** A dump of entries, as many of which fit each datagram as there is room for. */
export function dumpOf<E>(header: MessageHeader, walk: Walk<E>): ModelDump {
  const lastGiven: E[] = [];
  let waiting: E | undefined;
  let over = false;
  const lengthOf = (entry: E): number => align4(NLMSG_HDRLEN + NFGENMSG_LEN + walk.encoded(entry).length);
  const give = (entry: E): void => write(header, walk.familyOf(entry), walk.encoded(entry));
  const next = (size: number, repeat = false): Uint8Array | undefined => {
    if (over) return undefined;
    writer.reset();
    if (repeat)
      for (const entry of lastGiven) if (walk.wanted(entry) && writer.length + lengthOf(entry) <= size) give(entry);
    for (;;) {
      const entry: E | undefined = waiting ?? walk.entries.next().value;
      waiting = undefined;
      if (entry === undefined) {
        over = true;
        break;
      }
      if (!walk.wanted(entry)) continue;
      if (writer.length > 0 && writer.length + lengthOf(entry) > size) {
        waiting = entry;
        break;
      }
      give(entry);
      if (lastGiven.push(entry) > 2) lastGiven.shift();
      walk.given?.(entry);
    }
    return writer.length > 0 ? copyOf(writer.finish()) : undefined;
  };
  return { next };
}

/** A dump of one datagram. */
export function dumpOnce(messages: readonly Uint8Array[]): ModelDump {
  let rest: readonly Uint8Array[] | undefined = messages;
  return {
    next() {
      const all = rest;
      rest = undefined;
      if (all === undefined || all.length === 0) return undefined;
      const whole = new Uint8Array(all.reduce((sum, each) => sum + each.length, 0));
      let at = 0;
      for (const each of all) {
        whole.set(each, at);
        at += each.length;
      }
      return whole;
    },
  };
}

export const EMPTY_DUMP: ModelDump = { next: () => undefined };

/** Flags of what answers a request: the kernel gives them to every reply to a socket. */
export const REPLY_FLAGS: number = NLM_F_MULTI;
