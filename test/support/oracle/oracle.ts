// libnetfilter_conntrack as the truth: builds oracle.c where Debian's headers are, and asks it many questions in one
// process. Callers check oracleAvailable() first and skip with the reason it gives.

import { bytes, type Failure, failure, hex, OracleProgram, printingAt } from './program.ts';

export type { Failure } from './program.ts';

/** An ATTR_* number and its bytes as nfct_set_attr takes them, or an NFCT_SOPT_* applied at this place in the list. */
export type Attr = { id: number; value: Uint8Array } | { opt: number };

export type Built = { family: number; attributes: Uint8Array };

/** `value/mask` of a filter; the mask defaults to all ones. */
export type Masked = { value: number; mask?: number };

/**
 * One nfct_build_query. `attrs` for CREATE, UPDATE, DESTROY, GET and CREATE_UPDATE; `family` for FLUSH, DUMP,
 * DUMP_RESET and (in spite of its name) FLUSH_FILTER; the rest for DUMP_FILTER and DUMP_FILTER_RESET.
 */
export type Query = {
  type: number;
  attrs?: Attr[];
  family?: number;
  mark?: Masked;
  status?: Masked;
  l3num?: number;
};

/** NFCT_O_*, an NFCT_OF_* mask and NFCT_T_*; `msgType` -1 (the default) derives it from each nlmsghdr. */
export type PrintOptions = {
  type?: number;
  flags?: number;
  msgType?: number;
  connlabelConf?: string;
  /** The time of printing, milliseconds since 1970. Default: the clock. */
  now?: number;
  /** Default: UTC. */
  timeZone?: string;
};

/** One line of `oracle verdicts`. `types` is the union of the NFCT_T_* its callback saw. */
export type Verdict = { case: string; ret: number; errno: number; calls: number; types: number };

const program = new OracleProgram('oracle');

/** Undefined when the oracle can be asked, else why it cannot. Builds it on the first call. */
export function oracleAvailable(): string | undefined {
  return program.available();
}

/** nfct_snprintf's text of each whole message; 'error ERRNO' where the library failed. */
export function print(messages: readonly Uint8Array[], options: PrintOptions = {}): string[] {
  const args = ['print', options.type ?? 0, options.flags ?? 0, options.msgType ?? -1].map(String);
  if (options.connlabelConf !== undefined) args.push(options.connlabelConf);
  return program.ask(args, messages.map(hex), printingAt(options.now, options.timeZone));
}

/** What nfct_nlmsg_build makes of each list, with the family the library's queries would put into nfgenmsg. */
export function build(lists: readonly Attr[][]): (Built | Failure)[] {
  return program.ask(['build'], lists.map(attributeList)).map(built);
}

/** What nfct_nlmsg_build makes of the object nfct_nlmsg_parse read from each message. */
export function rebuild(messages: readonly Uint8Array[]): (Built | Failure)[] {
  return program.ask(['rebuild'], messages.map(hex)).map(built);
}

/** The complete request of each query, its sequence number zeroed (the library starts at the time of day). */
export function query(queries: readonly Query[]): (Uint8Array | Failure)[] {
  return program.ask(['query'], queries.map(queryLine)).map((line) => failure(line) ?? bytes(line));
}

/** Every attribute nfct_nlmsg_parse set, by ATTR_* number, as memory. */
export function attrs(messages: readonly Uint8Array[]): (Map<number, Uint8Array> | Failure)[] {
  return program.ask(['attrs'], messages.map(hex)).map((line) => {
    const pairs = line === '' ? [] : line.split(' ').map((pair) => pair.split('='));
    return failure(line) ?? new Map(pairs.map(([id, value]) => [Number(id), bytes(value)]));
  });
}

/** nfct_cmp's result for each pair, under NFCT_CMP_* flags: 1 equal, 0 not. */
export function cmp(pairs: readonly (readonly [Attr[], Attr[]])[], flags = 0): (number | Failure)[] {
  const lines = pairs.map(([one, two]) => `${attributeList(one)} | ${attributeList(two)}`);
  return program.ask(['cmp', String(flags)], lines).map((line) => failure(line) ?? Number(line));
}

/**
 * Return values and errnos of queries, send and catch with a callback that always answers `verdict`, over `flows`
 * flows. It runs in a network namespace of its own, for which it needs root (or to be inside a user namespace).
 */
export function verdicts(verdict: number, flows = 3): Verdict[] {
  const lines = program.ask(['verdicts', String(verdict), String(flows)]);
  return lines.map((line) => {
    const match = /^(.*): ret=(-?\d+) errno=(\d+) calls=(\d+) types=(\d+)$/.exec(line);
    if (match === null) throw new Error(`oracle verdicts: unexpected line: ${line}`);
    const [ret, errno, calls, types] = match.slice(2).map(Number);
    return { case: match[1], ret, errno, calls, types };
  });
}

function queryLine(query: Query): string {
  const parts = [String(query.type)];
  if (query.attrs !== undefined) parts.push(attributeList(query.attrs));
  if (query.family !== undefined) parts.push(`family=${query.family}`);
  if (query.mark !== undefined) parts.push(`mark=${masked(query.mark)}`);
  if (query.status !== undefined) parts.push(`status=${masked(query.status)}`);
  if (query.l3num !== undefined) parts.push(`l3num=${query.l3num}`);
  return parts.join(' ');
}

function masked(filter: Masked): string {
  return `${filter.value >>> 0}/${(filter.mask ?? 0xffffffff) >>> 0}`;
}

/** A list as the programs read it: `ID=HEX ... opt=N`. */
export function attributeList(list: readonly Attr[]): string {
  return list.map((attr) => ('opt' in attr ? `opt=${attr.opt}` : `${attr.id}=${hex(attr.value)}`)).join(' ');
}

function built(line: string): Built | Failure {
  const failed = failure(line);
  if (failed !== undefined) return failed;
  const [family, attributes] = line.split(' ');
  return { family: Number.parseInt(family, 16), attributes: bytes(attributes) };
}
