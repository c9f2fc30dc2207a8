/** Addresses with a prefix length, '10.0.0.0/8': as text, and compared. */
import { describe } from '../../netlink/check.ts';

/** The part of `text` before its slash, and the part behind it; undefined where it has none. */
export function splitPrefix(text: string): [address: string, length: string | undefined] {
  const slash = text.indexOf('/');
  return slash < 0 ? [text, undefined] : [text.slice(0, slash), text.slice(slash + 1)];
}

/**
 * How many bits of an address of so many are to be compared.
 * @throws RangeError naming the argument
 */
export function readPrefix(length: string, bits: number, argument: string): number {
  const prefix = /^\d{1,3}$/.test(length) ? Number(length) : Number.POSITIVE_INFINITY;
  if (prefix > bits)
    throw new RangeError(
      `${argument} must have a prefix length from 0 to ${bits} after its slash, not ${describe(length)}`,
    );
  return prefix;
}

/** The mask of the first bits, 0 to 32, of a 32-bit integer. */
export function prefixMask(bits: number): number {
  return bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits);
}

/** The mask of the first bits, 0 to 8, of a byte. */
export function byteMask(bits: number): number {
  return bits <= 0 ? 0 : bits >= 8 ? 0xff : 0xff & (0xff00 >> bits);
}

/** Whether the first bits of two addresses of 16 bytes are the same. */
export function samePrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (a[whole] ^ b[whole]) >> (8 - rest) === 0;
}
