import { WRITTEN_FORMATS, type WrittenFormat } from '../capture/writers.ts';
import { parseIpv4, parseIpv6 } from '../ctnetlink/address.ts';
import { readPrefix, splitPrefix } from '../ctnetlink/filter/prefix.ts';
import { type Check, type Checks, checkFunction, checkOptions, describe, oneOf } from '../netlink/check.ts';
import { AddressMap, type KeptPrefix } from './address-map.ts';
import type { Dropped } from './dropped.ts';

/** What stays by its word, beside prefixes of addresses. */
export const KEEP_WORDS = ['private', 'secctx', 'unknown'] as const;
/** What stays unless it is dropped. */
export const DROP_WORDS: readonly DropWord[] = ['labels', 'helper'];

/** What `drop` takes: 'labels' or 'helper'. */
export type DropWord = 'labels' | 'helper';

/** What anonymize takes. */
export interface AnonymizeOptions {
  /**
   * The same key gives the same mapping: bytes, or text, whose UTF-8 is the key. At least one byte; whoever can guess
   * it can undo the mapping, so take 16 random bytes. Default: a random key, which nobody gets to know.
   */
  key?: Uint8Array | string | undefined;
  /**
   * What stays as it is, beside the special addresses:
   * - a prefix, '198.51.100.0/24', or an address: addresses in it;
   * - 'private': that an address is private (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7), not
   *   which;
   * - 'secctx': security contexts, otherwise x for each letter;
   * - 'unknown': payloads of attributes that this package does not know, and private data of helpers, otherwise zeros.
   */
  keep?: readonly string[] | undefined;
  /** 'labels': zeros for connection labels; 'helper': x for each letter of the names of helpers. Default: none. */
  drop?: readonly DropWord[] | undefined;
  /** Default: the format of the capture, 'hex' for a log of strace. */
  format?: WrittenFormat | undefined;
  /** Called once at the end when something was left out, or cannot be read. */
  onDropped?: ((dropped: Dropped) => void) | undefined;
}

const CHECKS: Checks<AnonymizeOptions> = {
  key: checkKey,
  keep: listOf((word, argument) => {
    if (!KEEP_WORDS.includes(word as never)) readKept(word, argument);
  }),
  drop: listOf(oneOf(...DROP_WORDS)),
  format: oneOf(...WRITTEN_FORMATS),
  onDropped: checkFunction,
};

/** @throws TypeError, RangeError naming the option */
export function checkAnonymizeOptions(options: AnonymizeOptions): AnonymizeOptions {
  return checkOptions(options, CHECKS);
}

function checkKey(key: unknown, argument: string): void {
  if (typeof key !== 'string' && !(key instanceof Uint8Array))
    throw new TypeError(`${argument} must be a string or a Uint8Array, not ${describe(key)}`);
  if (key.length === 0) throw new RangeError(`${argument} must not be empty`);
}

function listOf(check: Check): Check {
  return (list, argument) => {
    if (!Array.isArray(list)) throw new TypeError(`${argument} must be an array, not ${describe(list)}`);
    for (const [index, each] of list.entries()) check(each, `${argument}[${index}]`);
  };
}

/** A prefix whose addresses stay whole. */
function readKept(word: unknown, argument: string): KeptPrefix {
  if (typeof word !== 'string') throw new TypeError(`${argument} must be a string, not ${describe(word)}`);
  const [text, length] = splitPrefix(word);
  const address = addressBytes(text);
  if (address === undefined) {
    const words = KEEP_WORDS.join(', ');
    throw new RangeError(`${argument} must be ${words}, an address or a prefix, not ${describe(word)}`);
  }
  const bits = 8 * address.length;
  return { address, length: length === undefined ? bits : readPrefix(length, bits, argument), stay: bits };
}

function addressBytes(text: string): Uint8Array | undefined {
  const ipv4 = parseIpv4(text);
  if (ipv4 === undefined) return parseIpv6(text);
  return Uint8Array.of(ipv4 >> 24, ipv4 >> 16, ipv4 >> 8, ipv4);
}

function prefix(text: string, length: number, stay: number): KeptPrefix {
  return { address: addressBytes(text)!, length, stay };
}

/** These say what an address is for, not whose it is. */
const SPECIAL: readonly KeptPrefix[] = [
  prefix('0.0.0.0', 32, 32),
  prefix('255.255.255.255', 32, 32),
  prefix('127.0.0.0', 8, 32),
  prefix('169.254.0.0', 16, 16),
  prefix('224.0.0.0', 4, 4),
  // :: and ::1
  prefix('::', 127, 128),
  prefix('fe80::', 64, 64),
  // Flags and scope stay with the prefix.
  prefix('ff00::', 8, 16),
];

const PRIVATE: readonly KeptPrefix[] = [
  prefix('10.0.0.0', 8, 8),
  prefix('172.16.0.0', 12, 12),
  prefix('192.168.0.0', 16, 16),
  prefix('100.64.0.0', 10, 10),
  prefix('fc00::', 7, 8),
];

/** The mapping that these options ask for. */
export function addressMap({ key, keep = [] }: AnonymizeOptions): AddressMap {
  const given = keep.flatMap((word) => {
    if (word === 'private') return PRIVATE;
    return KEEP_WORDS.includes(word as never) ? [] : [readKept(word, 'options.keep')];
  });
  const bytes = typeof key === 'string' ? new TextEncoder().encode(key) : key;
  return new AddressMap(bytes ?? globalThis.crypto.getRandomValues(new Uint8Array(32)), [...SPECIAL, ...given]);
}
