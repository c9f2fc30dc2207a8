/**
 * arpa/inet.h, for programs that move from C line by line: an integer in network byte order is the number that a C
 * program on this machine has in its uint16_t or uint32_t.
 */
import { formatIpv4, parseIpv4 } from '../ctnetlink/address.ts';
import { HOST_LITTLE_ENDIAN, swap32 } from '../netlink/byteorder.ts';
import { checkInteger, describe } from '../netlink/check.ts';

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

/**
 * A 16-bit integer of the host in network byte order. @throws TypeError, RangeError when it is not an integer from 0 to
 * 0xffff
 */
export function htons(hostshort: number): number {
  checkInteger(hostshort, 0xffff, 'hostshort');
  return HOST_LITTLE_ENDIAN ? swap16(hostshort) : hostshort;
}

/**
 * A 16-bit integer in network byte order as the host has it. @throws TypeError, RangeError when it is not an integer
 * from 0 to 0xffff
 */
export function ntohs(netshort: number): number {
  checkInteger(netshort, 0xffff, 'netshort');
  return HOST_LITTLE_ENDIAN ? swap16(netshort) : netshort;
}

/**
 * A 32-bit integer of the host in network byte order. @throws TypeError, RangeError when it is not an integer from 0 to
 * 0xffffffff
 */
export function htonl(hostlong: number): number {
  checkInteger(hostlong, 0xffffffff, 'hostlong');
  return HOST_LITTLE_ENDIAN ? swap32(hostlong) : hostlong;
}

/**
 * A 32-bit integer in network byte order as the host has it. @throws TypeError, RangeError when it is not an integer
 * from 0 to 0xffffffff
 */
export function ntohl(netlong: number): number {
  checkInteger(netlong, 0xffffffff, 'netlong');
  return HOST_LITTLE_ENDIAN ? swap32(netlong) : netlong;
}

/**
 * An IPv4 address in network byte order. Takes dotted quads only, and where C answers INADDR_NONE, which is
 * 255.255.255.255, it throws.
 * @throws RangeError when it is no address
 */
export function inet_addr(cp: string): number {
  const address = typeof cp === 'string' ? parseIpv4(cp) : undefined;
  if (address === undefined) throw new RangeError(`cp must be an IPv4 address, not ${describe(cp)}`);
  return htonl(address >>> 0);
}

/** An IPv4 address in network byte order as text. */
export function inet_ntoa(address: number): string {
  return formatIpv4(ntohl(address));
}
