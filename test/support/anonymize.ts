/** What an anonymised capture must say: what the other says, with each address replaced by its own. */
import { addressMap } from '../../src/anonymize/options.ts';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../../src/ctnetlink/address.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';

export const KEY = 'a key of the tests';

/** How one key replaces addresses as text. */
export function replacer(key: string | Uint8Array = KEY): (address: string) => string {
  const map = addressMap({ key });
  return (address) => {
    const ipv4 = parseIpv4(address);
    const bytes = ipv4 === undefined ? parseIpv6(address)!.slice() : new Uint8Array(4);
    if (ipv4 !== undefined) viewOf(bytes).setInt32(0, ipv4);
    map.replace(bytes, 0, bytes.length as 4 | 16);
    return ipv4 === undefined ? formatIpv6(bytes) : formatIpv4(viewOf(bytes).getInt32(0));
  };
}

/** As text, what may be an address: dots or colons, and not a time. */
const ADDRESS = /(?<![\w.:])(?:\d+\.\d+\.\d+\.\d+|[\da-f]*:[\da-f]*:[\da-f:.]*)(?![\w.:])/g;

/** A text with its addresses replaced; what is behind mask-src= and mask-dst= is none. */
export function replaceAll(text: string, replace: (address: string) => string): string {
  return text.replace(ADDRESS, (found, at: number) => {
    if (/mask-(?:src|dst)=$/.test(text.slice(0, at))) return found;
    return parseIpv4(found) === undefined && parseIpv6(found) === undefined ? found : replace(found);
  });
}

/** The addresses in a text. */
export function addressesIn(text: string): Set<string> {
  const found = new Set<string>();
  replaceAll(text, (address) => {
    found.add(address);
    return address;
  });
  return found;
}

/** The bytes of an address. */
export function bytesOf(address: string): Uint8Array {
  const ipv4 = parseIpv4(address);
  if (ipv4 === undefined) return parseIpv6(address)!;
  const bytes = new Uint8Array(4);
  viewOf(bytes).setInt32(0, ipv4);
  return bytes;
}

/** Whether its bits are ones, then zeros. */
export function isPrefixMask(address: string): boolean {
  return /^1*0*$/.test(Array.from(bytesOf(address), (byte) => byte.toString(2).padStart(8, '0')).join(''));
}
