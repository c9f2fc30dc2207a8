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

/** 16 bytes, or undefined when the text is no IPv6 address. Zones ("%eth0") are refused: a conntrack tuple has none. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1], true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const bytes = new Uint8Array(16);
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  for (let i = 0; i < 8; i++) {
    bytes[2 * i] = groups[i] >> 8;
    bytes[2 * i + 1] = groups[i] & 255;
  }
  return bytes;
}

/** Colon-separated groups; the last may be a dotted quad where the text ends with it. */
function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const quad = last && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (quad === undefined) return undefined;
    groups.push(quad >>> 16, quad & 0xffff);
  }
  return groups;
}
