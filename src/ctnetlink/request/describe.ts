/** The bytes of a request in the words of the API, for messages. */
import { HOST_LITTLE_ENDIAN, viewOf } from '../../netlink/byteorder.ts';
import { DecodeError } from '../../netlink/errors.ts';
import { escapeControls } from '../../netlink/escape.ts';
import type { Operation } from '../../netlink/request.ts';
import { nfnlMessage, nfnlSubsystem, readNfgenmsg } from '../../nfnetlink/nfgenmsg.ts';
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLMSG_HDRLEN, NLMSG_MIN_TYPE } from '../../uapi/netlink.ts';
import * as nfnl from '../../uapi/nfnetlink.ts';
import * as cta from '../../uapi/nfnetlink_conntrack.ts';
import { AF_UNSPEC } from '../../uapi/socket.ts';
import { type SlotHolder, type SlotValue, sameValue } from '../attributes/kinds.ts';
import { describeTuple } from '../describe-tuple.ts';
import { decodeExpectation, decodeFlow } from '../message.ts';
import { FAMILIES, inverse } from '../names.ts';
import { EXPECTED, ORIG, REPLY, type TupleSlots } from '../slots.ts';
import { completeFrom, hasTuple } from '../tuple.ts';
import { EXPECTATION_QUERIES } from './expectation.ts';
import { QUERIES } from './flow.ts';

/** Characters of a description. */
const LONGEST = 160;
/** Bytes of a request that are shown. */
const SHOWN = 80;

type Words = Record<string, unknown>;

/**
 * 'dump { mark: 3 }', 'get udp 192.0.2.1:5353 -> 198.51.100.2:53', 'flushAll'. A request of another subsystem is named
 * by its numbers, and one that cannot be decoded by its bytes.
 */
export function describeRequest(request: Uint8Array): string {
  try {
    const text = escapeControls(describe(request));
    return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return `${operationOf(request)}, which is broken: ${describeBytes(request)}`;
  }
}

/** Type, flags and payload: what tells requests apart that have the same description. */
export function describeBytes(request: Uint8Array): string {
  const { type, flags } = headerOf(request);
  const payload = request.subarray(NLMSG_HDRLEN, NLMSG_HDRLEN + SHOWN);
  const digits = Array.from(payload, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const more = request.length > NLMSG_HDRLEN + SHOWN ? '...' : '';
  return `type 0x${type.toString(16)} flags 0x${flags.toString(16)} [${digits}${more}]`;
}

/** The call that sends it, such as 'dump', without its arguments: what is alike about requests. */
export function operationOf(request: Uint8Array): string {
  const { type, flags } = headerOf(request);
  return queryOf(type, flags) ?? numbersOf(type);
}

function headerOf(request: Uint8Array): { type: number; flags: number } {
  const view = viewOf(request);
  return { type: view.getUint16(4, HOST_LITTLE_ENDIAN), flags: view.getUint16(6, HOST_LITTLE_ENDIAN) };
}

function describe(request: Uint8Array): string {
  const { type, flags } = headerOf(request);
  const query = queryOf(type, flags);
  if (query === undefined) return `${numbersOf(type)}, ${request.length - NLMSG_HDRLEN} bytes`;
  const view = viewOf(request);
  const header = readNfgenmsg(view, 0, request.length);
  if (nfnlSubsystem(type) === nfnl.NFNL_SUBSYS_CTNETLINK_EXP) {
    const expectation = decodeExpectation(view, 0, request.length);
    const tuple = hasTuple(expectation.slots, EXPECTED) ? EXPECTED : undefined;
    return sentence(query, tuple, expectation, header);
  }
  const flow = decodeFlow(view, 0, request.length);
  const filtered = FILTERED.has(query) || flow.filter !== undefined;
  const tuple = filtered ? undefined : [ORIG, REPLY].find((each) => hasTuple(flow.slots, each));
  return sentence(query, tuple, flow, header);
}

/** What takes a filter, whose tuples may have anything. */
const FILTERED: ReadonlySet<string> = new Set(['dump', 'dumpReset', 'dumpDying', 'dumpUnconfirmed']);

/** What a dump is called in the API besides its filter. */
const OPTIONS: Readonly<Record<string, string>> = {
  dumpReset: '{ reset: true }',
  dumpDying: '{ table: dying }',
  dumpUnconfirmed: '{ table: unconfirmed }',
};

/** The name of the query, by message and by the flags that decide what the kernel does. */
function queryOf(type: number, flags: number): string | undefined {
  const subsystem = nfnlSubsystem(type);
  const queries =
    subsystem === nfnl.NFNL_SUBSYS_CTNETLINK
      ? QUERIES
      : subsystem === nfnl.NFNL_SUBSYS_CTNETLINK_EXP
        ? EXPECTATION_QUERIES
        : {};
  const message = nfnlMessage(type);
  for (const query of Object.values<Operation>(queries))
    if (query.type === type && decisive(message, query.flags) === decisive(message, flags)) return query.name;
  return undefined;
}

/** Both subsystems number NEW alike. NLM_F_EXCL is a bit of NLM_F_DUMP. */
function decisive(message: number, flags: number): number {
  if (message === cta.IPCTNL_MSG_CT_NEW) return flags & (NLM_F_CREATE | NLM_F_EXCL);
  return message === cta.IPCTNL_MSG_CT_DELETE ? 0 : Number((flags & NLM_F_DUMP) === NLM_F_DUMP);
}

function sentence(
  query: string,
  tuple: TupleSlots | undefined,
  holder: SlotHolder & { toJSON(): Words },
  { nfgen_family, version }: { nfgen_family: number; version: number },
): string {
  const rest = fold(holder.toJSON());
  if (tuple !== undefined) delete rest[tuple.group];
  if (tuple === ORIG && isAnswer(holder.slots)) delete rest.reply;
  // Without a tuple it is a flush, whose family the kernel ignores in version 0.
  const flushes = tuple === undefined && query.endsWith('delete');
  const ignored = flushes && version === nfnl.NFNETLINK_V0;
  const family = tuple === undefined ? AF_UNSPEC : holder.slots[tuple.family];
  const words =
    nfgen_family === family || ignored ? rest : { family: FAMILY_NAMES[nfgen_family] ?? nfgen_family, ...rest };
  let call = query in OPTIONS ? 'dump' : query;
  if (flushes) call = query.replace('delete', Object.keys(words).length > 0 ? 'flush' : 'flushAll');
  const parts = [call];
  if (tuple !== undefined) {
    if (tuple === REPLY) parts.push('reply');
    parts.push(describeTuple(holder.slots, tuple));
  }
  const option = OPTIONS[query];
  if (Object.keys(words).length > 0 || option !== undefined)
    parts.push(`${inWords(words)}${option === undefined ? '' : ','}`);
  if (option !== undefined) parts.push(option);
  return parts.join(' ');
}

const FAMILY_NAMES = inverse(FAMILIES);

/** Values beside their masks, as filters have them, and without what follows from the rest. */
function fold(json: Words): Words {
  const words: Words = {};
  for (const [name, value] of Object.entries(json)) {
    if (name === 'filter' || name === 'markMask' || name === 'statusMask') continue;
    if (name === 'mark') words.mark = masked(value, json.markMask ?? 0xffffffff, 0xffffffff);
    else if (name === 'status') words.status = masked(value, json.statusMask ?? value, value);
    else if (name === 'unknown') words.unknown = (value as { type: number; value: string }[]).map(nameless);
    else if (typeof value !== 'object' || value === null || Array.isArray(value)) words[name] = value;
    else {
      const { family: _, ...group } = value as Words;
      words[name] = group;
    }
  }
  return words;
}

/** The value alone where the mask is the one that it has if none is given. */
function masked(value: unknown, mask: unknown, usual: unknown): unknown {
  return String(mask) === String(usual) ? value : { value, mask };
}

function nameless({ type, value }: { type: number; value: string }): string {
  return `attribute ${type} (${value.length / 2} bytes)`;
}

/** Whether the reply direction is what it would be if it were not given. */
function isAnswer(slots: readonly SlotValue[]): boolean {
  const plain = slots.slice();
  for (const slot of REPLY.all) if (slot !== REPLY.zone) plain[slot] = undefined;
  completeFrom(plain, ORIG, REPLY);
  return REPLY.all.every((slot) => sameValue(plain[slot], slots[slot]));
}

function inWords(value: unknown): string {
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const parts = Object.entries(value).map(([name, each]) => `${name}: ${inWords(each)}`);
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
}

/** 'message 3 of subsystem 10 (NFTABLES)'. */
function numbersOf(type: number): string {
  if (type < NLMSG_MIN_TYPE) return `control message ${type}`;
  const subsystem = nfnlSubsystem(type);
  const known = Object.entries(nfnl).find(([name, value]) => name.startsWith('NFNL_SUBSYS_') && value === subsystem);
  return `message ${nfnlMessage(type)} of subsystem ${subsystem}${known === undefined ? '' : ` (${known[0].slice('NFNL_SUBSYS_'.length)})`}`;
}
