/**
 * How a value lies in its slot, on the wire, and in a property. Slots hold what costs least: 32-bit integers signed (a
 * small integer to V8, without an allocation), 64-bit ones as number while they are safe, addresses unformatted.
 */

import { checkInteger, describe } from '../../netlink/check.ts';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../address.ts';
import { LABEL_BITS, labelBits, labelWords, wholeWords } from '../labels.ts';
import { DCCP_ROLES, DCCP_STATES, FAMILIES, inverse, PROTOCOLS, SCTP_STATES, TCP_STATES } from '../names.ts';
import { checkStatus, statusNames } from '../status.ts';

export type SlotValue = number | bigint | string | Uint8Array | undefined;

/** Whether two slots hold the same. */
export function sameValue(a: SlotValue, b: SlotValue): boolean {
  if (a === b) return true;
  if (!(a instanceof Uint8Array && b instanceof Uint8Array) || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** An attribute that this package does not know, as a message had it. */
export interface UnknownAttribute {
  /** The nest that it was in, by a number of this package. `toJSON()` has its path, in the header's names. */
  level: number;
  /** nla_type, with its NLA_F_ flags, 0 to 65535. */
  type: number;
  /** The payload. */
  value: Uint8Array;
}

/** What a codec reads into and writes from. */
export interface SlotHolder {
  slots: SlotValue[];
  unknown: UnknownAttribute[] | undefined;
}

/** What the codec does with an attribute's payload. */
export const OP_UNKNOWN = 0;
export const OP_NEST = 1;
export const OP_U8 = 2;
export const OP_BE16 = 3;
export const OP_BE32 = 4;
/** In the byte order of the host: CTA_FILTER flags. */
export const OP_U32 = 5;
export const OP_BE64 = 6;
/** A 32-bit attribute whose slot is that of a 64-bit one: the old counters. Read only. */
export const OP_BE32_AS_BE64 = 7;
export const OP_IPV6 = 8;
export const OP_STRING = 9;
export const OP_BYTES = 10;
/** Two bytes for two adjacent slots: struct nf_ct_tcp_flags. */
export const OP_U8_PAIR = 11;
/** Padding that only aligns 64-bit values: dropped. */
export const OP_SKIP = 12;

export interface Kind {
  readonly op: number;
  /**
   * Payload bytes; undefined: any number. A longer payload is no defect, as for the kernel (NLA_U32 in
   * linux/netlink.h), unless the length is exact.
   */
  readonly size: number | undefined;
  /** So many and no more. */
  readonly exact?: boolean;
  /** A property's value from its slot. */
  readonly get: (value: never) => unknown;
  /** The inverse: checks what a caller gave. @throws TypeError, RangeError naming `argument` */
  readonly set: (value: unknown, argument: string) => SlotValue;
  /** Integers from 0 to this one are `set` as they are, as signed 32-bit ones. */
  readonly max?: number;
  /** What `set` makes of a text; undefined where it refuses that. */
  readonly parse?: (text: string) => SlotValue;
  /** The property's value as JSON has it, where that differs. */
  readonly json?: (value: never) => unknown;
}

const U64_MAX = 0xffffffffffffffffn;

function setU64(value: unknown, argument: string): number | bigint {
  if (typeof value === 'bigint') {
    if (value < 0n || value > U64_MAX) throw new RangeError(`${argument} must be from 0 to 2^64 - 1, not ${value}`);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }
  if (typeof value === 'string' && /^\d{1,20}$/.test(value)) return setU64(BigInt(value), argument);
  return checkInteger(value, Number.MAX_SAFE_INTEGER, argument);
}

/** JSON has no 64-bit integers: above 2^53 - 1 it is decimal text. */
function jsonU64(value: number | bigint): number | string {
  return typeof value === 'number' ? value : value.toString();
}

function setText(value: unknown, argument: string): string {
  if (typeof value !== 'string') throw new TypeError(`${argument} must be a string, not ${describe(value)}`);
  if (value.includes('\0')) throw new RangeError(`${argument} must not contain NUL`);
  return value;
}

function setAddress(parse: (text: string) => SlotValue, family: string) {
  return (value: unknown, argument: string): SlotValue => {
    const parsed = typeof value === 'string' ? parse(value) : undefined;
    if (parsed !== undefined) return parsed;
    setText(value, argument);
    throw new RangeError(`${argument} must be an ${family} address, not ${describe(value)}`);
  };
}

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function setBytes(value: unknown, argument: string): Uint8Array {
  if (typeof value === 'string' && /^([0-9a-f]{2})*$/i.test(value)) return fromHex(value);
  if (!isBytes(value)) throw new TypeError(`${argument} must be a Uint8Array, not ${describe(value)}`);
  // Not slice(): that of a Buffer shares its memory.
  return new Uint8Array(value);
}

function setLabels(value: unknown, argument: string): Uint8Array {
  if (isBytes(value)) {
    const words = wholeWords(value, argument);
    if (words.length > LABEL_BITS / 8)
      throw new RangeError(`${argument} must be at most ${LABEL_BITS / 8} bytes, not ${words.length}`);
    return words;
  }
  if (!Array.isArray(value)) throw new TypeError(`${argument} must be an array of bit numbers, not ${describe(value)}`);
  return labelWords(value, argument);
}

const same = (value: never): unknown => value;

function integer(op: number, size: number, max: number): Kind {
  return { op, size, max, get: same, set: (value, argument) => checkInteger(value, max, argument) };
}

function word(op: number): Kind {
  return {
    op,
    size: 4,
    max: 0xffffffff,
    get: (value: number) => value >>> 0,
    set: (value, argument) => checkInteger(value, 0xffffffff, argument) | 0,
  };
}

function named(names: Readonly<Record<string, number>>): Kind {
  const byNumber = inverse(names);
  const byName = new Map(Object.entries(names));
  return {
    op: OP_U8,
    size: 1,
    max: 0xff,
    parse: (name) => byName.get(name),
    get: (value: number) => byNumber[value] ?? value,
    set: (value, argument) => {
      if (typeof value !== 'string') return checkInteger(value, 0xff, argument);
      const number = byName.get(value);
      if (number !== undefined) return number;
      throw new RangeError(
        `${argument} must be a number or one of ${Object.keys(names).join(', ')}, not ${describe(value)}`,
      );
    },
  };
}

/** Integers have the names of the kernel's types: be16 is big-endian on the wire, u32 in the byte order of the host. */
export const KINDS = {
  u8: integer(OP_U8, 1, 0xff),
  be16: integer(OP_BE16, 2, 0xffff),
  be32: word(OP_BE32),
  status: {
    ...word(OP_BE32),
    set: (value: unknown, argument: string) => checkStatus(value, argument) | 0,
    json: statusNames,
  },
  u32: word(OP_U32),
  be64: { op: OP_BE64, size: 8, get: (value: number | bigint) => BigInt(value), set: setU64, json: jsonU64 },
  ipv4: { op: OP_BE32, size: 4, exact: true, get: formatIpv4, parse: parseIpv4, set: setAddress(parseIpv4, 'IPv4') },
  ipv6: { op: OP_IPV6, size: 16, exact: true, get: formatIpv6, parse: parseIpv6, set: setAddress(parseIpv6, 'IPv6') },
  string: { op: OP_STRING, size: undefined, get: same, set: setText },
  bytes: { op: OP_BYTES, size: undefined, get: same, set: setBytes, json: toHex },
  labels: { op: OP_BYTES, size: undefined, get: labelBits, set: setLabels },
  family: named(FAMILIES),
  proto: named(PROTOCOLS),
  tcpState: named(TCP_STATES),
  sctpState: named(SCTP_STATES),
  dccpState: named(DCCP_STATES),
  dccpRole: named(DCCP_ROLES),
  pair: integer(OP_U8_PAIR, 2, 0xff),
} as const satisfies Record<string, Kind>;

export type KindName = keyof typeof KINDS;

const LARGEST: Readonly<Record<number, number>> = { [OP_U8]: 0xff, [OP_U8_PAIR]: 0xff, [OP_BE16]: 0xffff };

/** Whether a slot of this kind may hold a value: of slots that come from elsewhere. */
export function isSlotValue({ op, size }: Kind, value: unknown): boolean {
  switch (op) {
    case OP_STRING:
      return typeof value === 'string' && !value.includes('\0');
    case OP_BYTES:
    case OP_IPV6:
      return isBytes(value) && (size === undefined || value.length === size);
    case OP_BE64:
      return typeof value === 'bigint'
        ? value > BigInt(Number.MAX_SAFE_INTEGER) && value <= U64_MAX
        : Number.isSafeInteger(value) && (value as number) >= 0;
    case OP_BE32:
    case OP_U32:
      return typeof value === 'number' && value === (value | 0);
    default:
      return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LARGEST[op];
  }
}

/** Of any realm: test environments have a Uint8Array of their own. */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]';
}
