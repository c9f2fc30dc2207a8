// The low-level functions of libnetfilter_conntrack: nlmsg.c, asked.

import { type Attr, attributeList, type Masked } from './oracle.ts';
import { bytes, type Failure, failure, hex, OracleProgram } from './program.ts';

const program = new OracleProgram('nlmsg');

/** What a parsing function returns, and all that is set afterwards as `ID=HEX` (without HEX of helper info). */
export type Parsed = { result: number; set: string[] };

/** An object that has something already, and what is parsed into it. */
export type Parse = { list: readonly Attr[]; message: Uint8Array };

function parsed(line: string): Parsed | Failure {
  const [result, ...set] = line.split(' ');
  return failure(line) ?? { result: Number(result), set };
}

function parseLine({ list, message }: Parse): string {
  return `${attributeList(list)} | ${hex(message)}`;
}

/** nfct_nlmsg_parse */
export function parse(cases: readonly Parse[]): (Parsed | Failure)[] {
  return program.ask(['parse'], cases.map(parseLine)).map(parsed);
}

/** nfct_payload_parse */
export function parsePayload(
  cases: readonly { list: readonly Attr[]; l3num: number; payload: Uint8Array }[],
): (Parsed | Failure)[] {
  const lines = cases.map(({ list, l3num, payload }) => `${attributeList(list)} | ${l3num} ${hex(payload)}`);
  return program.ask(['payload'], lines).map(parsed);
}

/** nfct_parse_conntrack for these NFCT_T_* */
export function parseConntrack(mask: number, cases: readonly Parse[]): (Parsed | Failure)[] {
  return program.ask(['type', mask], cases.map(parseLine)).map(parsed);
}

/** The return value of nfexp_parse_expect for these NFCT_T_* */
export function parseExpect(mask: number, messages: readonly Uint8Array[]): number[] {
  return program.ask(['exptype', mask], messages.map(hex)).map(Number);
}

/** An expectation that two messages were read into: nfexp_nlmsg_build of it in hex, class, NAT direction, function. */
export function parseExpects(pairs: readonly (readonly [Uint8Array, Uint8Array])[]): string[] {
  return program.ask(
    ['expparse'],
    pairs.map(([one, two]) => `${hex(one)} | ${hex(two)}`),
  );
}

export type Filter = { mark?: Required<Masked>; status?: Required<Masked>; l3num?: number };

/** A dump request of the family 7 with the filter that nfct_nlmsg_build_filter appended. */
export function buildFilter(filters: readonly Filter[]): Uint8Array[] {
  const pair = (name: string, masked: Masked | undefined): string =>
    masked === undefined ? '' : `${name}=${masked.value >>> 0}/${masked.mask! >>> 0} `;
  const lines = filters.map(
    ({ mark, status, l3num }) =>
      `${pair('mark', mark)}${pair('status', status)}${l3num === undefined ? '' : `l3num=${l3num}`}`,
  );
  return program.ask(['filter'], lines).map(bytes);
}

export type Build = { type: number; flags: number; list: readonly Attr[] };

function buildLine({ type, flags, list }: Build): string {
  return `${type} ${flags} ${attributeList(list)}`;
}

/** The whole message of nfct_build_conntrack, its sequence number zeroed. */
export function buildConntrack(cases: readonly Build[]): (Uint8Array | Failure)[] {
  return program.ask(['conntrack'], cases.map(buildLine)).map((line) => failure(line) ?? bytes(line));
}

/** The same of nfexp_build_expect, of an expectation of such a flow. */
export function buildExpect(cases: readonly Build[]): (Uint8Array | Failure)[] {
  return program.ask(['expect'], cases.map(buildLine)).map((line) => failure(line) ?? bytes(line));
}
