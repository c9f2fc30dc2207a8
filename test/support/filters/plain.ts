/**
 * The language of filters once more, as plainly as possible: it reads flows as JSON, knows nothing of the package's own
 * filters, and lets node:net compare prefixes. The tests compare kernel, socket filters and package with it.
 */
import { BlockList } from 'node:net';
import type { Filter } from '../../../src/ctnetlink/filter/filter.ts';
import * as nf from '../../../src/uapi/nf_conntrack_common.ts';

type Tuple = Readonly<Record<string, string | number | undefined>>;
type Counters = Readonly<Record<string, number | string | undefined>>;

/** A flow, as JSON has it. */
export interface Entry {
  readonly orig: Tuple;
  readonly reply: Tuple;
  readonly zone?: number;
  readonly mark?: number;
  readonly status?: readonly string[];
  readonly timeout?: number;
  readonly labels?: readonly number[];
  readonly helper?: { readonly name?: string };
  readonly tcp?: { readonly state?: unknown };
  readonly sctp?: { readonly state?: unknown };
  readonly countersOrig?: Counters;
  readonly countersReply?: Counters;
}

/** Any filter, so that its shape is read here and not by the compiler. */
type Given = unknown;
type Fields = Readonly<Record<string, Given>>;

/** Whether a filter, or one of several, matches this flow: the one definition of filters for the tests. */
export function selects(filter: Filter | readonly Filter[], entry: Entry): boolean {
  return selectsAny(filter, entry);
}

function selectsAny(filter: Given, entry: Entry): boolean {
  if (Array.isArray(filter)) return filter.some((each) => selectsAny(each, entry));
  return Object.entries(filter as Fields).every(([name, value]) => matches(name, value, entry));
}

function matches(name: string, value: Given, entry: Entry): boolean {
  const { orig, reply } = entry;
  switch (name) {
    case 'not':
      return !selectsAny(value, entry);
    case 'all':
      return (value as Given[]).every((each) => selectsAny(each, entry));
    case 'family':
      return term(value, (each) => orig.family === each);
    case 'mark':
      return term(value, (each) => isNumber(each, entry.mark ?? 0));
    case 'status':
      return statuses(value, bits(entry.status ?? []));
    case 'zone':
      return term(value, (each) => (entry.zone ?? orig.zone ?? reply.zone ?? 0) === each);
    case 'orig':
    case 'reply':
      return Object.entries(value as Fields).every(([part, wanted]) => inTuple(part, wanted, entry[name], entry));
    case 'host':
      return inPrefixes(value, [orig.src, orig.dst, reply.src, reply.dst]);
    case 'port':
      return term(value, (each) =>
        [orig.sport, orig.dport, reply.sport, reply.dport].some((port) => isNumber(each, port)),
      );
    case 'labels':
      return term(value, (each) => entry.labels?.includes(each as number) === true);
    case 'tcp':
    case 'sctp':
      return Object.values(value as Fields).every((states) => term(states, (each) => entry[name]?.state === each));
    case 'helper':
      return term(value, (each) => entry.helper?.name === each);
    case 'nat':
      return term(value, (each) => {
        const has = bits(entry.status ?? []);
        const [src, dst] = [(has & nf.IPS_SRC_NAT) !== 0, (has & nf.IPS_DST_NAT) !== 0];
        return { src, dst, any: src || dst, none: !src && !dst }[each as string]!;
      });
    case 'timeout':
      return term(value, (each) => isNumber(each, entry.timeout));
    case 'counters':
      return counts(value as Fields, [entry.countersOrig, entry.countersReply]);
    case 'expected':
      return term(value, (each) => ((bits(entry.status ?? []) & nf.IPS_EXPECTED) !== 0) === each);
    default:
      throw new Error(`the plain language has no ${name}`);
  }
}

function term(given: Given, matchesOne: (value: Given) => boolean): boolean {
  if (Array.isArray(given)) return given.some(matchesOne);
  if (isObject(given) && 'not' in given) return !term(given.not, matchesOne);
  return matchesOne(given);
}

function isObject(value: Given): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumber(wanted: Given, has: number | string | bigint | undefined): boolean {
  if (has === undefined) return false;
  if (typeof wanted === 'number') return Number(has) === wanted;
  const number = BigInt(has);
  if (!isObject(wanted)) return number === BigInt(wanted as number);
  if ('from' in wanted) return number >= BigInt(wanted.from as number) && number <= BigInt(wanted.to as number);
  return (number & BigInt(wanted.mask as number)) === BigInt(wanted.value as number);
}

function counts(wanted: Fields, counters: readonly (Counters | undefined)[]): boolean {
  return Object.entries(wanted).every(([name, value]) => {
    if (name === 'orig') return counts(value as Fields, [counters[0]]);
    if (name === 'reply') return counts(value as Fields, [counters[1]]);
    const known = counters.map((each) => each?.[name]).filter((each) => each !== undefined);
    const sum = known.length === 0 ? undefined : known.reduce((all, each) => all + BigInt(each), 0n);
    return term(value, (each) => isNumber(each, sum));
  });
}

function bits(names: Given): number {
  if (typeof names === 'number') return names;
  return (names as readonly string[]).reduce((sum, name) => {
    const bit = (nf as Readonly<Record<string, unknown>>)[`IPS_${name}`];
    return (sum | (typeof bit === 'number' ? bit : Number(name))) >>> 0;
  }, 0);
}

/** An array of names is one value. */
function statuses(given: Given, has: number): boolean {
  if (isObject(given) && 'not' in given) return !statuses(given.not, has);
  if (Array.isArray(given) && !given.some((each) => typeof each === 'string'))
    return given.some((each) => statuses(each, has));
  const { value, mask } = isObject(given) ? given : { value: given, mask: given };
  return (has & bits(mask)) >>> 0 === bits(value) >>> 0;
}

function inTuple(part: string, wanted: Given, has: Tuple, { zone, orig }: Entry): boolean {
  if (part === 'src' || part === 'dst') return inPrefixes(wanted, [has[part]]);
  if (part === 'family') return term(wanted, (each) => orig.family === each);
  return term(wanted, (each) => {
    if (part === 'zone') return (has.zone ?? zone ?? 0) === each;
    return part === 'proto' ? has.proto === each : isNumber(each, has[part]);
  });
}

function inPrefixes(wanted: Given, addresses: readonly Given[]): boolean {
  if (isObject(wanted) && 'not' in wanted) return !inPrefixes(wanted.not, addresses);
  const prefixes = typeof wanted === 'string' ? [wanted] : [...(wanted as Iterable<string>)];
  return addresses.some((each) => typeof each === 'string' && prefixes.some((prefix) => inPrefix(prefix, each)));
}

/** node:net takes its time, and is asked the same over and over. */
const known = new Map<string, boolean>();

function inPrefix(prefix: string, address: string): boolean {
  const question = `${prefix} ${address}`;
  let answer = known.get(question);
  if (answer === undefined) {
    const [network, length = network.includes(':') ? '128' : '32'] = prefix.split('/');
    const list = new BlockList();
    list.addSubnet(network, Number(length), familyOf(network));
    // A prefix of IPv6 would also have the addresses of IPv4 that are mapped into it.
    answer = familyOf(network) === familyOf(address) && list.check(address, familyOf(address));
    known.set(question, answer);
  }
  return answer;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
