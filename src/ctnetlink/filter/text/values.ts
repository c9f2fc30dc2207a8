/** Values of a filter as text: read, and written. */
import { checkSync } from '../../../netlink/check.ts';
import { STATUS_BITS } from '../../status.ts';
import { countToJSON } from '../count-set.ts';
import type { Property } from './properties.ts';

const NUMBER = /^(?:0x[\da-f]+|\d+)$/i;
const RANGE = /^(0x[\da-f]+|\d+)-(0x[\da-f]+|\d+)$/i;

/** Text of a value that its property cannot have; the message says what it may be. */
export class ValueError extends Error {}

/** A number; beyond 2^53 decimal text, as the counters of a filter take it. Undefined for what is none. */
function integer(text: string): number | string | undefined {
  if (!NUMBER.test(text)) return undefined;
  return countToJSON(BigInt(text));
}

function required(text: string, what: string): number | string {
  const value = integer(text);
  if (value === undefined) throw new ValueError(`${what}, not '${text}'`);
  return value;
}

function ranged(text: string, what: string): unknown {
  const range = RANGE.exec(text);
  if (range === null) return required(text, what);
  return { from: integer(range[1]), to: integer(range[2]) };
}

/** Bits or the names of bits, with + between them, in any case. */
function statusBits(text: string): unknown {
  const number = integer(text);
  if (number !== undefined) return number;
  return text.split('+').map((name) => {
    const known = name.toUpperCase();
    return Object.hasOwn(STATUS_BITS, known) ? known : name;
  });
}

function masked(text: string, read: (part: string) => unknown): unknown {
  const slash = text.indexOf('/');
  if (slash < 0) return read(text);
  return { value: read(text.slice(0, slash)), mask: read(text.slice(slash + 1)) };
}

/** A label by the name that a program knows for it. */
export type LabelBit = (name: string) => number | undefined;

/** What a word means as a value of this property. @throws ValueError; what is wrong otherwise, the filter refuses */
export function readValue({ name, kind }: Property, text: string, labelBit?: LabelBit): unknown {
  switch (kind) {
    case 'mark':
      return text.includes('/')
        ? masked(text, (part) => required(part, `${name} takes a number, a range such as 1-9, or a value/mask`))
        : ranged(text, `${name} takes a number, a range such as 1-9, or a value/mask`);
    case 'status':
      return masked(text, statusBits);
    case 'range':
    case 'count':
      return ranged(text, `${name} takes a number or a range such as 1-9`);
    case 'integer':
      return required(text, `${name} takes a number`);
    case 'label': {
      const bit = checkSync(labelBit?.(text), 'options.labelBit');
      if (bit !== undefined) return bit;
      const named = labelBit === undefined ? '' : ' or the name of a label';
      return required(text, `${name} takes a number from 0 to 127${named}`);
    }
    case 'protocol':
      return integer(text) ?? text.toLowerCase();
    case 'state':
      return integer(text) ?? text.toUpperCase();
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw new ValueError(`${name} takes true or false, not '${text}'`);
      return text === 'true';
    default:
      return text;
  }
}

/** The same as text. */
export function writeValue(value: unknown): string {
  if (Array.isArray(value)) return value.join('+');
  if (typeof value === 'string') return /^[^\s()",=<>!&|]+$/u.test(value) && !isKeyword(value) ? value : quoted(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const { from, to, value: bits, mask } = value as Record<string, unknown>;
  return mask === undefined ? `${from}-${to}` : `${writeValue(bits)}/${writeValue(mask)}`;
}

function isKeyword(word: string): boolean {
  return word === 'and' || word === 'or' || word === 'not';
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
