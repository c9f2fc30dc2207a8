/** Reads a filter: checks what a caller gave, and makes the condition of it. */
import {
  checkBoolean,
  checkGiven,
  checkInteger,
  checkPlain,
  checkString,
  describe,
  isPlain,
  notOneOf,
  oneOf,
} from '../../netlink/check.ts';
import { IPS_EXPECTED } from '../../uapi/nf_conntrack_common.ts';
import { KINDS } from '../attributes/kinds.ts';
import { LABEL_BITS, labelWords } from '../labels.ts';
import { PARTS } from '../protocols.ts';
import {
  ORIG,
  ORIG_BYTES,
  ORIG_PACKETS,
  PORT_SLOTS,
  REPLY,
  REPLY_BYTES,
  REPLY_PACKETS,
  SCTP_STATE,
  TCP_STATE,
  TIMEOUT,
} from '../slots.ts';
import { Builder, type Built, NAT_STATUS } from './builder.ts';
import { readCounts } from './count-set.ts';
import type { Compiled, Filter, NatTerm } from './language.ts';
import { CounterCondition, HelperCondition, IntegerCondition, LabelCondition } from './leaves.ts';
import { RangeSet, readRanges } from './ranges.ts';
import { readMarks, readStatuses } from './read-masked.ts';
import { readAddresses, readFamilies, readTuple } from './read-tuple.ts';
import { readNot, valuesOf } from './value-list.ts';

type Read = (builder: Builder, given: unknown, argument: string) => void;

const MAX_ZONE = 0xffff;
const HOSTS_IPV4 = [ORIG.src4, ORIG.dst4, REPLY.src4, REPLY.dst4];
const HOSTS_IPV6 = [ORIG.src6, ORIG.dst6, REPLY.src6, REPLY.dst6];
const COUNTERS = {
  both: { packets: [ORIG_PACKETS, REPLY_PACKETS], bytes: [ORIG_BYTES, REPLY_BYTES] },
  orig: { packets: [ORIG_PACKETS], bytes: [ORIG_BYTES] },
  reply: { packets: [REPLY_PACKETS], bytes: [REPLY_BYTES] },
} as const;

const checkNat = oneOf('src', 'dst', 'any', 'none');

/** Whether a property takes `{ not: .. }` is up to its reader: `not` has a meaning of its own, and tuples have none. */
const READERS: Readonly<Record<keyof Filter, Read>> = {
  family: terms(readFamilies),
  mark: terms(readMarks),
  status: terms(readStatuses),
  zone: terms(each((builder, value, name) => builder.zone(checkInteger(value, MAX_ZONE, name)))),
  orig: (builder, given) => readTuple(builder, ORIG, given, builder.argument),
  reply: (builder, given) => readTuple(builder, REPLY, given, builder.argument),
  host: terms((builder, given, argument) => readAddresses(builder, HOSTS_IPV4, HOSTS_IPV6, given, argument)),
  port: terms(ranges(PORT_SLOTS, KINDS.be16.max!)),
  labels: terms((builder, given, argument) => {
    const { values, names } = valuesOf(given, argument);
    const bits = values.map((value, index) => checkInteger(value, LABEL_BITS - 1, names[index]));
    builder.add(new LabelCondition(bits, labelWords(bits)));
  }),
  tcp: group({ state: terms(states(TCP_STATE, 'tcpState')) }),
  sctp: group({ state: terms(states(SCTP_STATE, 'sctpState')) }),
  helper: terms((builder, given, argument) => {
    const { values, names } = valuesOf(given, argument);
    builder.add(new HelperCondition(new Set(values.map((value, index) => checkName(value, names[index])))));
  }),
  nat: terms(
    each((builder, value, name) => {
      checkNat(value, name);
      if (value === 'any') builder.not(name, (inner) => inner.status(NAT_STATUS.none));
      else builder.status(NAT_STATUS[value as Exclude<NatTerm, 'any'>]);
    }),
  ),
  timeout: terms(ranges([TIMEOUT], KINDS.be32.max!)),
  counters: group({
    ...counters('both'),
    orig: group(counters('orig')),
    reply: group(counters('reply')),
  }),
  expected: terms(
    each((builder, value, name) => {
      checkBoolean(value, name);
      builder.status({ value: value === true ? IPS_EXPECTED : 0, mask: IPS_EXPECTED });
    }),
  ),
  not: (builder, given, argument) => builder.not(argument, (inner) => readAny(inner, given, argument)),
  all: (builder, given, argument) => {
    if (!Array.isArray(given)) throw new TypeError(`${argument} must be an array of filters, not ${describe(given)}`);
    for (const [index, filter] of given.entries()) readAny(builder, filter, `${argument}[${index}]`);
  },
};

const NAMES = Object.keys(READERS);
/** What somebody may mean who writes a part of a group alone. */
const MEANT = [
  ...NAMES,
  ...['src', 'dst', 'proto', ...PARTS].map((name) => `orig.${name}`),
  'tcp.state',
  'sctp.state',
  'counters.packets',
  'counters.bytes',
];

/**
 * A filter, or any of several. A part that can match nothing, because it needs both families, is left out beside others
 * that can.
 * @throws TypeError, RangeError naming the part of the filter
 */
export function readFilter(given: unknown, argument: string): Built {
  const builder = new Builder(argument);
  readAny(builder, given, argument);
  return builder.build();
}

function readAny(builder: Builder, given: unknown, argument: string): void {
  const { values, names } = valuesOf(given, argument);
  builder.any(values, names, readOne);
}

function readOne(builder: Builder, filter: unknown, argument: string): void {
  // Others have been taken apart: see snapshot.ts.
  if ((filter as Partial<Compiled> | null)?.isCompiled === true && !isPlain(filter as object))
    throw new TypeError(
      `${argument} is a compiled filter of a derived class, or of another copy of this package, which is not all that it matches by; pass it alone, or give its toJSON()`,
    );
  checkPlain(filter, argument);
  for (const key of Object.keys(filter as object))
    if (!Object.hasOwn(READERS, key)) throw notOneOf(key, NAMES, argument, MEANT);
  checkGiven(filter as object, argument);
  // In the order of the language: of two mistakes the same one is reported, however they are written.
  for (const [key, read] of Object.entries(READERS))
    if (Object.hasOwn(filter as object, key))
      read(builder, (filter as Record<string, unknown>)[key], `${argument}.${key}`);
}

/** A reader of the values, for a property that takes `{ not: .. }`. */
function terms(read: Read): Read {
  return (builder, given, argument) => readNot(builder, given, argument, read);
}

/** A reader of a list whose values are read one by one. */
function each(read: Read): Read {
  return (builder, given, argument) => {
    const { values, names } = valuesOf(given, argument);
    builder.any(values, names, read);
  };
}

/** A reader of the properties of a group. */
function group(readers: Readonly<Record<string, Read>>): Read {
  const names = Object.keys(readers);
  return (builder, given, argument) => {
    checkPlain(given, argument);
    for (const key of Object.keys(given as object))
      if (!Object.hasOwn(readers, key)) throw notOneOf(key, names, argument);
    checkGiven(given as object, argument);
    for (const [key, value] of Object.entries(given as object)) readers[key](builder, value, `${argument}.${key}`);
  };
}

function ranges(slots: readonly number[], max: number): Read {
  return (builder, given, argument) => {
    const read = readRanges(given, max, argument);
    const set = read instanceof RangeSet ? read : new RangeSet([{ from: read, to: read }]);
    builder.add(new IntegerCondition(slots, set));
  };
}

function states(slot: number, kind: 'tcpState' | 'sctpState'): Read {
  return (builder, given, argument) => {
    const { values, names } = valuesOf(given, argument);
    const numbers = values.map((value, index) => KINDS[kind].set(value, names[index]) as number);
    builder.add(new IntegerCondition([slot], new RangeSet(numbers.map((number) => ({ from: number, to: number })))));
  };
}

function counters(direction: keyof typeof COUNTERS): Record<'packets' | 'bytes', Read> {
  const read =
    (name: 'packets' | 'bytes'): Read =>
    (builder, given, argument) => {
      const { values, names } = valuesOf(given, argument);
      builder.add(new CounterCondition(COUNTERS[direction][name], readCounts(values, names)));
    };
  return { packets: terms(read('packets')), bytes: terms(read('bytes')) };
}

function checkName(value: unknown, argument: string): string {
  checkString(value, argument);
  const name = value as string;
  // No flow has such a helper, so that its `not` would match them all.
  if (name === '' || name.includes('\0'))
    throw new RangeError(`${argument} must be the name of a helper, not ${describe(name)}`);
  return name;
}
