/** IP addresses: from text to the bytes on the wire and back; RFC 5952 for IPv6, the same text as inet_ntop(3). */

/** `::`, as a slot holds it. */
export const ANY_IPV6: Uint8Array = new Uint8Array(16);

/** 0 to 255 with the dot behind them. */
const DOTTED: readonly string[] = Array.from({ length: 256 }, (_, octet) => `${octet}.`);

/**
 * Addresses come again, at the least in the other direction of the same flow: the text of the last ones, where a hash
 * of the address says. Saves a fifth of the time of a printed line, and of what it leaves to be collected.
 */
const CACHE_BITS = 10;
const cachedAddresses = new Int32Array(1 << CACHE_BITS);
const cachedTexts: string[] = new Array<string>(1 << CACHE_BITS).fill('0.0.0.0');

/** The address in a 32-bit integer of either sign as dotted quad. */
export function formatIpv4(address: number): string {
  const at = Math.imul(address, 0x9e3779b1) >>> (32 - CACHE_BITS);
  if (cachedAddresses[at] === (address | 0)) return cachedTexts[at];
  const text =
    DOTTED[address >>> 24] + DOTTED[(address >>> 16) & 255] + DOTTED[(address >>> 8) & 255] + (address & 255);
  cachedAddresses[at] = address;
  cachedTexts[at] = text;
  return text;
}

/** A dotted quad as a signed 32-bit integer (a small integer to V8), or undefined when it is none. */
export function parseIpv4(text: string): number | undefined {
  let address = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) {
      // inet_pton(3) takes no leading zeros: they would be octal to inet_aton(3).
      if (octet === 0) return undefined;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return undefined;
    } else {
      if (text[i] !== '.' || octet < 0 || ++dots > 3) return undefined;
      address = (address << 8) | octet;
      octet = -1;
    }
  }
  return dots === 3 && octet >= 0 ? (address << 8) | octet : undefined;
}

/** 16 bytes as inet_ntop(3) prints them. */
export function formatIpv6(bytes: Uint8Array): string {
  // The longest run of zero groups, the first of equals, and none of length one.
  let best = 8;
  let bestLength = 1;
  for (let group = 0; group < 8; group++) {
    let length = 0;
    while (group + length < 8 && groupOf(bytes, group + length) === 0) length++;
    if (length > bestLength) {
      best = group;
      bestLength = length;
    }
    group += length;
  }

  // ::a.b.c.d (deprecated compatible form) and ::ffff:a.b.c.d
  if (best === 0 && (bestLength === 6 || (bestLength === 5 && groupOf(bytes, 5) === 0xffff))) {
    const quad = formatIpv4((groupOf(bytes, 6) << 16) | groupOf(bytes, 7));
    return bestLength === 6 ? `::${quad}` : `::ffff:${quad}`;
  }

  let text = '';
  for (let group = 0; group < 8; group++) {
    if (group === best) {
      text += '::';
      group += bestLength - 1;
    } else {
      if (group > 0 && group !== best + bestLength) text += ':';
      text += groupOf(bytes, group).toString(16);
    }
  }
  return text;
}

function groupOf(bytes: Uint8Array, group: number): number {
  return (bytes[2 * group] << 8) | bytes[2 * group + 1];
}

const COLON = 58;
/** By character code; -1 for what is no hexadecimal digit. */
const HEX_DIGITS = Int8Array.from({ length: 128 }, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? -1 : digit;
});

/** 16 bytes, or undefined when the text is no IPv6 address. Zones ("%eth0") are refused: a conntrack tuple has none. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(16);
  return parseIpv6Into(text, bytes) ? bytes : undefined;
}

/** The same into 16 bytes that may have anything; false when the text is no IPv6 address. */
export function parseIpv6Into(text: string, bytes: Uint8Array): boolean {
  const { length } = text;
  /** Bytes that are there, and how many of them are in front of `::`. */
  let at = 0;
  let front = -1;
  /** The group that is being read. */
  let group = 0;
  let digits = 0;
  let start = 0;
  let i = 0;
  if (text.charCodeAt(0) === COLON && text.charCodeAt(++i) !== COLON) return false;
  for (; i < length; i++) {
    const code = text.charCodeAt(i);
    const digit = HEX_DIGITS[code];
    if (digit >= 0) {
      if (++digits > 4) return false;
      group = (group << 4) | digit;
    } else if (code === COLON) {
      start = i + 1;
      if (digits === 0) {
        if (front >= 0) return false;
        front = at;
        continue;
      }
      if (start === length || at === 16) return false;
      bytes[at++] = group >> 8;
      bytes[at++] = group;
      group = 0;
      digits = 0;
    } else {
      // The end may be a dotted quad.
      const quad = at <= 12 ? parseIpv4(text.slice(start)) : undefined;
      if (quad === undefined) return false;
      for (let shift = 24; shift >= 0; shift -= 8) bytes[at++] = quad >>> shift;
      digits = 0;
      break;
    }
  }
  if (digits > 0) {
    if (at === 16) return false;
    bytes[at++] = group >> 8;
    bytes[at++] = group;
  }
  if (front < 0) return at === 16;
  if (at === 16) return false;
  // What is behind `::` goes to the end.
  let end = 16;
  while (at > front) bytes[--end] = bytes[--at];
  while (end > front) bytes[--end] = 0;
  return true;
}
