/** The properties of a filter as text: their names, and what their values are. */
import { PROTOCOLS } from '../../names.ts';

/** How the values of a property are written. */
export type ValueKind =
  | 'family'
  | 'mark'
  | 'status'
  | 'integer'
  | 'range'
  | 'count'
  | 'address'
  | 'protocol'
  | 'state'
  | 'name'
  | 'label'
  | 'nat'
  | 'boolean';

export interface Property {
  /** As in a Filter, with dots. */
  readonly name: string;
  /** Shorter names. */
  readonly short: readonly string[];
  readonly kind: ValueKind;
  /** The greatest value that `>` can be about. */
  readonly max?: number | bigint;
}

const MAX_PORT = 0xffff;
const MAX_32 = 0xffffffff;
const MAX_64 = 0xffffffffffffffffn;

function tuple(group: 'orig' | 'reply'): Property[] {
  const parts: readonly (readonly [name: string, kind: ValueKind, max?: number])[] = [
    ['src', 'address'],
    ['dst', 'address'],
    ['proto', 'protocol'],
    ['sport', 'range', MAX_PORT],
    ['dport', 'range', MAX_PORT],
    ['icmpType', 'integer'],
    ['icmpCode', 'integer'],
    ['icmpId', 'integer'],
    ['zone', 'integer'],
    ['family', 'family'],
  ];
  return parts.map(([name, kind, max]) => {
    // The zone and the family of a flow have these names.
    const isShort = group === 'orig' && name !== 'zone' && name !== 'family';
    return { name: `${group}.${name}`, short: isShort ? [name] : [], kind, ...(max === undefined ? {} : { max }) };
  });
}

function counters(group: string): Property[] {
  return ['packets', 'bytes'].map((name) => ({ name: `${group}.${name}`, short: [], kind: 'count', max: MAX_64 }));
}

export const PROPERTIES: readonly Property[] = [
  { name: 'family', short: [], kind: 'family' },
  { name: 'mark', short: [], kind: 'mark', max: MAX_32 },
  { name: 'status', short: [], kind: 'status' },
  { name: 'zone', short: [], kind: 'integer' },
  ...tuple('orig'),
  ...tuple('reply'),
  { name: 'host', short: [], kind: 'address' },
  { name: 'port', short: [], kind: 'range', max: MAX_PORT },
  { name: 'labels', short: ['label'], kind: 'label' },
  { name: 'tcp.state', short: [], kind: 'state' },
  { name: 'sctp.state', short: [], kind: 'state' },
  { name: 'helper', short: [], kind: 'name' },
  { name: 'nat', short: [], kind: 'nat' },
  { name: 'timeout', short: [], kind: 'range', max: MAX_32 },
  ...counters('counters'),
  ...counters('counters.orig'),
  ...counters('counters.reply'),
  { name: 'expected', short: [], kind: 'boolean' },
];

const BY_NAME: ReadonlyMap<string, Property> = new Map(
  PROPERTIES.flatMap((property) => [property.name, ...property.short].map((name) => [name, property] as const)),
);

/** Words that are a whole term, with the property and the value that they mean. */
export const FLAGS: ReadonlyMap<string, readonly [property: string, value: unknown]> = new Map<
  string,
  readonly [string, unknown]
>([
  ['ipv4', ['family', 'ipv4']],
  ['ipv6', ['family', 'ipv6']],
  ...Object.keys(PROTOCOLS).map((name) => [name, ['orig.proto', name]] as const),
]);

/** The word for every flow. */
export const EVERYTHING = 'any';

export function propertyOf(name: string): Property | undefined {
  return BY_NAME.get(name);
}

/** Every word that a term may begin with. */
export const TERM_WORDS: readonly string[] = [...BY_NAME.keys(), ...FLAGS.keys(), EVERYTHING];

/** An object with this value at this path: 'orig.src' is { orig: { src: value } }. */
export function nested(name: string, value: unknown): Record<string, unknown> {
  return name.split('.').reduceRight<unknown>((inner, part) => ({ [part]: inner }), value) as Record<string, unknown>;
}
