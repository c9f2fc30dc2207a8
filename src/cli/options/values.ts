/**
 * What options take, read as conntrack(8) reads it, with its messages where it complains; but numbers must be whole
 * words, and in range.
 */

import { parseIpv4, parseIpv6 } from '../../ctnetlink/address.ts';
import { prefixMask } from '../../ctnetlink/filter/prefix.ts';
import { compileRanges, type Range, type RangeSet } from '../../ctnetlink/filter/ranges.ts';
import type { Family } from '../../ctnetlink/names.ts';
import { checkNetns } from '../../netlink/netns.ts';
import { files } from '../../netlink/platform.ts';
import { type Address, type NatWanted, UsageError } from './settings.ts';

/** What C calls base 0: 0x and a leading 0 mean what they mean in C. */
const ANY_BASE = /^(?:0x[\da-f]+|0[0-7]*|[1-9]\d*)$/i;
const DECIMAL = /^\d+$/;

/**
 * A number of at most `bits`. conntrack(8) reads the digits in front as strtoul(3) does and takes 0 where there are
 * none, so that `-D -m abc` deletes the flows with mark 0. Here the whole word must be a number, and in range.
 * @throws UsageError
 */
export function unsigned(text: string, bits: number, base: 0 | 10 = 0): number {
  const value = plainDecimal(text) ?? whole(text, base);
  const max = 2 ** bits - 1;
  if (value !== undefined && value <= max) return value;
  const forms = base === 0 ? ': decimal, hexadecimal behind 0x, or octal behind 0' : ', in decimal';
  throw new UsageError(`Invalid number \`${text}': it takes a whole number from 0 to ${max}${forms}`);
}

/** Up to nine digits and nothing else, which nearly all numbers are. */
function plainDecimal(text: string): number | undefined {
  const { length } = text;
  if (length === 0 || length > 9 || (length > 1 && text.charCodeAt(0) === 48)) return undefined;
  let value = 0;
  for (let at = 0; at < length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

/** Undefined for a text that is anything else, or has anything else in it. Beyond 2 ** 53 it is inexact. */
function whole(text: string, base: 0 | 10): number | undefined {
  if (base === 10) return DECIMAL.test(text) ? Number(text) : undefined;
  if (!ANY_BASE.test(text)) return undefined;
  return /^0[0-7]/.test(text) ? Number.parseInt(text, 8) : Number(text);
}

/** A number that is all of the text. */
export function wholeNumber(text: string): number | undefined {
  return whole(text, 0);
}

/** A name or path for --netns. @throws UsageError */
export function netnsOf(text: string): string {
  try {
    checkNetns(text, "the argument of `--netns'");
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return text;
}

const MAX_PORT = 65535;

/** A port, or several: `53`, `53:54`, `53:54,80`. conntrack(8) reads the digits in front. @throws UsageError */
export function portsOf(text: string): number | RangeSet {
  const one = plainDecimal(text);
  if (one !== undefined && one <= MAX_PORT) return one;
  const ranges = text.split(',').map(portRange);
  if (ranges.includes(undefined))
    throw new UsageError(
      `Invalid ports \`${text}': it takes whole numbers from 0 to ${MAX_PORT}, in decimal, ranges such as 53:54 with the lower port in front, and both with commas between: 53:54,80`,
    );
  return compileRanges(ranges as Range[]);
}

function portRange(text: string): Range | undefined {
  const ends = text.split(':').map((end) => plainDecimal(end) ?? whole(end, 10));
  const [from, to] = [ends[0], ends.at(-1)];
  if (ends.length > 2 || from === undefined || to === undefined || from > to || to > MAX_PORT) return undefined;
  return { from, to };
}

/** A mark or `value/mask`; without a mask all bits count. @throws UsageError */
export function masked(text: string): { value: number; mask: number } {
  const slash = text.indexOf('/');
  if (slash < 0) return { value: unsigned(text, 32), mask: 0xffffffff };
  return { value: unsigned(text.slice(0, slash), 32), mask: unsigned(text.slice(slash + 1), 32) };
}

/** inet_aton(3): one to four parts, the last of which fills what is left; decimal, octal or hexadecimal. */
function ipv4(text: string): number | undefined {
  const parts = text.replace(/\s.*$/s, '').split('.');
  if (parts.length > 4 || !parts.every((part) => ANY_BASE.test(part))) return undefined;
  const numbers = parts.map((part) => whole(part, 0)!);
  const last = numbers.pop()!;
  if (numbers.some((number) => number > 255) || last >= 256 ** (4 - numbers.length)) return undefined;
  return (numbers.reduce((sum, number, index) => sum + number * 256 ** (3 - index), 0) + last) | 0;
}

export interface Parsed {
  family: Family;
  address: Address;
}

/** @param whole what a message has. @throws UsageError */
export function parseAddress(text: string, whole = text): Parsed {
  const four = parseIpv4(text) ?? ipv4(text);
  if (four !== undefined) return { family: 'ipv4', address: four };
  const six = parseIpv6(text);
  if (six === undefined) throw new UsageError(`Invalid IP address \`${whole}'`);
  return { family: 'ipv6', address: six };
}

/** `ADDRESS` or `ADDRESS/LENGTH`. @throws UsageError */
export function parseNetwork(text: string): Parsed & { mask?: Address } {
  const slash = text.indexOf('/');
  if (slash < 0) return parseAddress(text);
  const parsed = parseAddress(text.slice(0, slash), text);
  const length = text.slice(slash + 1);
  const bits = Number(length);
  // Without a digit it would be 0, and everything selected; so it is in conntrack(8).
  if (!/^\d{1,3}$/.test(length) || bits > (parsed.family === 'ipv4' ? 32 : 128))
    throw new UsageError('Invalid netmask');
  return { ...parsed, mask: maskOf(parsed.family, bits) };
}

/** An address of an option that takes no prefix length. @throws UsageError */
export function parseSingle(text: string, option: string): Parsed {
  if (text.includes('/')) throw new UsageError(`CIDR notation unavailable for \`${option}'`);
  return parseAddress(text);
}

/** The first bits set. */
export function maskOf(family: Family, length: number): Address {
  if (family === 'ipv4') return prefixMask(length);
  return Uint8Array.from({ length: 16 }, (_, byte) => (0xff00 >> Math.max(0, Math.min(8, length - byte * 8))) & 0xff);
}

/** The bits of an address that a mask leaves. */
export function masking(address: Address, mask: Address): Address {
  if (typeof address === 'number') return address & (mask as number);
  return address.map((byte, index) => byte & (mask as Uint8Array)[index]);
}

/** `ADDRESS[:PORT]`, IPv6 with a port in brackets. @throws UsageError */
export function parseNat(text: string, option: string): NatWanted & { family: Family } {
  let host = text;
  let port: string | undefined;
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    if (end < 0) throw new UsageError("No closing ']' around IPv6 address");
    if (end === 1) throw new UsageError('No IPv6 address specified');
    if (text[end + 1] === ':') {
      host = text.slice(1, end);
      port = text.slice(end + 2);
    }
  } else if (text.split(':').length === 2) {
    [host, port] = text.split(':');
  }
  if (port === '') throw new UsageError("No port specified after `:'");
  if (port !== undefined && (!/^\d+$/.test(port) || Number(port) > 65535))
    throw new UsageError(`Invalid port \`${port}'`);
  const { family, address } = parseSingle(host, option);
  return { family, address, port: port === undefined ? undefined : Number(port) };
}

/**
 * The names of `known` that a comma-separated list means: any beginning of a name in any case, the first that fits.
 * @throws UsageError
 */
export function listed<Name extends string>(text: string, known: readonly Name[]): Name[] {
  // A comma in front ends the list: what follows is one name.
  return text.split(/(?<!,|^),/).map((part) => {
    const name = part === '' ? undefined : known.find((each) => each.toLowerCase().startsWith(part.toLowerCase()));
    if (name === undefined) throw new UsageError(`Bad parameter \`${part}'`, 2, `it takes ${known.join(', ')}`);
    return name;
  });
}

/** By name and alias, the first of two that are alike; read when one is first asked for. */
let protocols: Map<string, number> | undefined;

/** A protocol of /etc/protocols by name. */
export function protocolByName(name: string): number | undefined {
  protocols ??= readProtocols();
  return protocols.get(name);
}

function readProtocols(): Map<string, number> {
  const numbers = new Map<string, number>();
  let text: string;
  try {
    text = files().readFileSync('/etc/protocols', 'utf8');
  } catch {
    return numbers;
  }
  for (const line of text.split('\n')) {
    const [first, number, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (first === '') continue;
    for (const name of [first, ...aliases]) if (!numbers.has(name)) numbers.set(name, Number(number));
  }
  return numbers;
}
