/**
 * Where ours sends otherwise than conntrack(8) 1.4.7 on purpose: a rule for each reason. A rule makes what the two sent
 * alike as far as it goes, and no further; one without which all cases would be alike is out of date.
 */
import { LABEL_BITS } from '../../../src/ctnetlink/labels.ts';
import { NLM_F_ACK, NLM_F_DUMP } from '../../../src/uapi/netlink.ts';
import { NFNLGRP_CONNTRACK_EXP_UPDATE } from '../../../src/uapi/nfnetlink.ts';
import type { Attribute, Request } from './message.ts';

/** What both programs sent for one command line. */
export interface Both {
  readonly theirs: readonly Request[];
  readonly ours: readonly Request[];
  /** Multicast groups, as Sent has them. */
  readonly theirGroups: number;
  readonly ourGroups: number;
}

export interface Rule {
  readonly reason: string;
  /** Command lines that it is for. */
  readonly of: RegExp;
  readonly alike: (both: Both, line: string) => Both;
}

type Change = (request: Request) => Request;

const theirs =
  (change: Change): Rule['alike'] =>
  (both) => ({ ...both, theirs: both.theirs.map(change) });
const ours =
  (change: Change): Rule['alike'] =>
  (both) => ({ ...both, ours: both.ours.map(change) });

function without({ attributes, ...request }: Request, left: (attribute: Attribute) => boolean): Request {
  return { ...request, attributes: attributes.filter((attribute) => !left(attribute)) };
}

const isDump = ({ flags }: Request): boolean => (flags & NLM_F_DUMP) === NLM_F_DUMP;
const hasTuple = ({ attributes }: Request): boolean =>
  attributes.some(({ path }) => path.startsWith('CTA_TUPLE_ORIG/'));

/** Only these, with their nests. */
function only(request: Request, pattern: RegExp): Request {
  return without(request, ({ path }) => !pattern.test(path));
}

const IDENTITY = /^CTA_TUPLE_ORIG\/|^CTA_ZONE$/;

export const RULES: readonly Rule[] = [
  {
    reason: 'It fails on -G with a port of the reply, and sends nothing.',
    of: /^-G -p .* --reply-(port|key)-/,
    alike: (both) => ({ ...both, ours: both.theirs.length === 0 ? [] : both.ours }),
  },
  {
    reason: 'The kernel has no events of expectations that change: ours does not join that group.',
    of: /^-E expect/,
    alike: (both) => ({ ...both, theirGroups: both.theirGroups & ~(1 << (NFNLGRP_CONNTRACK_EXP_UPDATE - 1)) }),
  },
  {
    reason: 'Ours refuses a status of no bits itself, in every table, because the kernel would.',
    of: /^-L .*-u UNSET$/,
    alike: (both) => ({ ...both, theirs: both.ours.length === 0 ? [] : both.theirs }),
  },
  {
    reason:
      'Ours asks the kernel to leave out more of a dump: what it compares rightly need not be read. Both compare all of it afterwards.',
    of: /^-[LDU]/,
    alike: (both) => ({
      ...both,
      ours: both.ours.map((request, at) => {
        const other = both.theirs[at];
        if (other === undefined || !isDump(request) || !isDump(other)) return request;
        const asked = new Set(other.attributes.map(({ path }) => path));
        return without(request, ({ path }) => !asked.has(path));
      }),
    }),
  },
  {
    reason: 'Many requests are in a datagram, and the last of them is answered for all.',
    of: /^-[DUR]/,
    alike: ours((request) => (isDump(request) ? request : { ...request, flags: request.flags | NLM_F_ACK })),
  },
  {
    reason: 'Ours changes many flows, then asks for them, conntrack(8) one after the other.',
    of: /^-U/,
    alike: (both) => ({ ...both, theirs: [...both.theirs].sort((a, b) => order(a) - order(b)) }),
  },
  {
    reason:
      'A DELETE needs what names the flow. conntrack(8) sends everything that the dump reported; ours sends the id, so that no later flow is deleted.',
    of: /^-D(?! expect)/,
    alike: (both) => ({
      ...both,
      theirs: both.theirs.map((request) => (isDump(request) ? request : only(request, IDENTITY))),
      ours: both.ours.map((request) => (isDump(request) ? request : without(request, ({ path }) => path === 'CTA_ID'))),
    }),
  },
  {
    reason: 'A GET needs what names the flow: what else the options say is compared with the answer.',
    of: /^-[GU](?! expect)/,
    alike: theirs((request) => (request.type === 'CT_GET' && hasTuple(request) ? only(request, IDENTITY) : request)),
  },
  {
    reason:
      'The kernel finds an expectation by its tuple. conntrack(8) sends that as the one of the master, which finds none.',
    of: /^-G expect/,
    alike: theirs((request) => ({
      ...request,
      attributes: request.attributes.map(({ path, value }) => ({
        path: path.replace('CTA_EXPECT_MASTER', 'CTA_EXPECT_TUPLE'),
        value,
      })),
    })),
  },
  {
    reason: 'Ours asks for each flow before it changes it, so that it changes no other, whose reply tuple is the same.',
    of: /^-[UR]/,
    alike: (both) => {
      const first = both.ours.findIndex(({ type }) => type === 'CT_NEW');
      const asked = ({ type, flags }: Request, at: number): boolean =>
        type === 'CT_GET' && (flags & NLM_F_DUMP) !== NLM_F_DUMP && at < first;
      return { ...both, ours: both.ours.filter((request, at) => !asked(request, at)) };
    },
  },
  {
    reason: 'With a timeout of 0 the kernel deletes what matches. Ours refuses it.',
    of: /^-U .*-t 0(?: |$)/,
    alike: (both) => ({ ...both, theirs: both.ours.length === 0 ? [] : both.theirs }),
  },
  {
    reason: 'Ours asks whether the created flow has its labels.',
    of: /^-[AI](?! expect) .*--label-add /,
    alike: (both) => ({ ...both, ours: both.ours.filter(({ type }) => type !== 'CT_GET') }),
  },
  {
    reason: 'It ignores a timeout that stands alone, and a status of no bits, and deletes the whole table.',
    of: /^-D -(t \d+|u UNSET)$/,
    alike: deletingLess,
  },
  {
    reason: 'It ignores GRE keys and takes all GRE flows.',
    of: /^-D -p gre --/,
    alike: deletingLess,
  },
  {
    reason: 'It takes all IPv6 addresses for the one that -g asks for.',
    of: /^-D -g \[?fd00:2::2(\]:8080)?$/,
    alike: deletingLess,
  },
  {
    reason: 'The kernel takes a state of SCTP only with both tags: ours sends those of the flow, too.',
    of: /^-U -p sctp --state /,
    alike: ours((request) => without(request, ({ path }) => path.includes('CTA_PROTOINFO_SCTP_VTAG_'))),
  },
  {
    reason: 'It ends with the second change that the kernel refuses, and asks for flows that it refused to change.',
    of: /^-U (-u EXPECTED|-p sctp --state \S+) /,
    alike: upToRefusal,
  },
  {
    reason:
      'The kernel honours the family of a flush in version 1 of nfgenmsg only: conntrack(8) flushes both families.',
    of: /^-F -f/,
    alike: ours((request) => ({ ...request, version: 0 })),
  },
  {
    reason: 'The kernel ignores the family of a flush of expectations.',
    of: /^-F expect/,
    alike: theirs((request) => ({ ...request, family: 0 })),
  },
  {
    reason: 'Ours asks for an ACK too, by which it knows that an answer was lost.',
    of: /^-C/,
    alike: ours((request) =>
      request.type === 'CT_GET_STATS' ? { ...request, flags: request.flags & ~NLM_F_ACK } : request,
    ),
  },
  {
    reason:
      'It sends protocol 0 for the reply, which the kernel refuses: without --icmp-id, and without ports of the reply.',
    of: /^-[IA] .*-p icmp.*-[rq] (?!.*--icmp-id)/,
    alike: withoutReplyProtocol,
  },
  {
    reason: 'The same of protocols with ports, where ours refuses it itself.',
    of: /^-[IA] -p (tcp|udp) .*-[rq] (?!.*--reply-port)/,
    alike: (both) => ({
      ...both,
      theirs: both.ours.length === 0 && isWithoutProtocol(both.theirs[0]) ? [] : both.theirs,
    }),
  },
  {
    reason:
      'It ignores ports of the reply without an address of it. Beside -n and -g that is how -o save writes translated ports.',
    of: /^-I (?!.*-[rq] ).*-n .*-g .*--reply-(port|key)-/,
    alike: (both) => {
      const change: Change = (request) =>
        without(request, ({ path }) => /^CTA_TUPLE_REPLY\/CTA_TUPLE_PROTO\/CTA_PROTO_(SRC|DST)_PORT$/.test(path));
      return { ...both, theirs: both.theirs.map(change), ours: both.ours.map(change) };
    },
  },
  {
    reason:
      'If the original direction follows from a reply of ICMP, it gives the reply the type 255, which the kernel refuses.',
    of: /^-I (?!.*-[sd] ).*-p icmp/,
    alike: (both) => {
      const path = /^CTA_TUPLE_REPLY\/CTA_TUPLE_PROTO\/CTA_PROTO_ICMP(V6)?_TYPE$/;
      if (!both.theirs[0]?.attributes.some((each) => path.test(each.path) && each.value === 'ff')) return both;
      const change: Change = (request) => without(request, (each) => path.test(each.path));
      return { ...both, theirs: both.theirs.map(change), ours: both.ours.map(change) };
    },
  },
  {
    reason: 'It gives what is expected, and its mask, another protocol than -p says: a byte of a port, or 0.',
    of: /^-I expect /,
    alike: (both) => {
      for (const group of ['CTA_EXPECT_TUPLE', 'CTA_EXPECT_MASK']) {
        const [their, our] = [both.theirs, both.ours].map((requests) =>
          requests[0]?.attributes.find(({ path }) => path === `${group}/CTA_TUPLE_PROTO/CTA_PROTO_NUM`),
        );
        if (their === undefined || our === undefined || their.value === our.value) continue;
        const change: Change = (request) =>
          without(request, ({ path }) => path.startsWith(`${group}/CTA_TUPLE_PROTO/`));
        both = { ...both, theirs: both.theirs.map(change), ours: both.ours.map(change) };
      }
      return both;
    },
  },
  {
    reason:
      'Ours names the labels that it adds in the mask, also where the flow had none: another program may set some meanwhile.',
    of: /^-U .*--label-add/,
    alike: (both) => ({
      ...both,
      ours: both.ours.map((request, at) => {
        const isMask = ({ path }: Attribute): boolean => path === 'CTA_LABELS_MASK';
        return both.theirs[at]?.attributes.some(isMask) ? request : without(request, isMask);
      }),
    }),
  },
  {
    reason: 'conntrack(8) leaves out words of labels behind the last bit.',
    of: / --label-/,
    alike: theirs(({ attributes, ...request }) => ({
      ...request,
      attributes: attributes.map(({ path, value }) =>
        path.startsWith('CTA_LABELS') ? { path, value: value.padEnd(LABEL_BITS / 4, '0') } : { path, value },
      ),
    })),
  },
];

const REPLY_PROTOCOL = 'CTA_TUPLE_REPLY/CTA_TUPLE_PROTO/';

function isWithoutProtocol(request: Request | undefined): boolean {
  return (
    request?.attributes.some(({ path, value }) => path === `${REPLY_PROTOCOL}CTA_PROTO_NUM` && value === '00') === true
  );
}

function withoutReplyProtocol(both: Both): Both {
  if (!isWithoutProtocol(both.theirs[0])) return both;
  const change: Change = (request) => without(request, ({ path }) => path.startsWith(REPLY_PROTOCOL));
  return { ...both, theirs: both.theirs.map(change), ours: both.ours.map(change) };
}

/** Without the deletions that only it makes; and without the dump where ours makes none. */
function deletingLess(both: Both): Both {
  const wanted = new Set(
    both.ours.map((request) => request.attributes.map(({ path, value }) => `${path} ${value}`).join()),
  );
  const keep = (request: Request): boolean =>
    isDump(request)
      ? both.ours.length > 0
      : wanted.has(request.attributes.map(({ path, value }) => `${path} ${value}`).join());
  return { ...both, theirs: both.theirs.filter(keep) };
}

/** As many requests of each type as it sent, and no GET for what was refused. */
function upToRefusal({ theirs: all, ...both }: Both & { theirs: readonly Request[] }): Both {
  const asked = new Set(both.ours.map((request) => JSON.stringify(request)));
  const theirs = all.filter(
    (request) => request.type !== 'CT_GET' || isDump(request) || asked.has(JSON.stringify(request)),
  );
  const left = new Map<string, number>();
  for (const { type } of theirs) left.set(type, (left.get(type) ?? 0) + 1);
  const ours = both.ours.filter(({ type }) => {
    const count = left.get(type) ?? 0;
    left.set(type, count - 1);
    return count > 0;
  });
  return { ...both, theirs, ours };
}

const order = (request: Request): number => (isDump(request) ? 0 : request.type === 'CT_GET' ? 2 : 1);
