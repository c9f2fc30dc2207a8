/** Filters as text, such as `host 10.0.0.0/8 and not port 53`: docs/filters.md has the grammar. */
import { type Checks, checkFunction, checkOptions, checkString, suggestion } from '../../../netlink/check.ts';
import { type Built, checkPossible } from '../builder.ts';
import { countToJSON } from '../count-set.ts';
import type { Filter } from '../language.ts';
import { readFilter } from '../read.ts';
import { Conjunction, type Filters } from './conjunction.ts';
import { EVERYTHING, FLAGS, nested, PROPERTIES, type Property, propertyOf, TERM_WORDS } from './properties.ts';
import { FilterSyntaxError } from './syntax-error.ts';
import { type Token, tokensOf } from './tokens.ts';
import { type LabelBit, readValue, ValueError } from './values.ts';

/** What parseFilter takes. */
export interface ParseFilterOptions {
  /** The bit of a label, 0 to 127, by its name; undefined if there is none. Default: labels are numbers. */
  labelBit?: ((name: string) => number | undefined) | undefined;
}

const OPTIONS: Checks<ParseFilterOptions> = { labelBit: checkFunction };

/** How deep parentheses and `not` may be nested. */
const MOST_DEPTH = 100;

/**
 * The filter that a text describes: terms such as `host 10.0.0.0/8` and `port 53,80,8000-8100` with `and`, `or`, `not`
 * and parentheses; `and` binds stronger than `or`. docs/filters.md has the grammar and all terms. `formatFilter` writes
 * such a text.
 * @returns a filter as a program writes it, or several for `or`: every call that takes a filter takes it
 * @throws FilterSyntaxError, which points at the character; TypeError if it is no string
 * @example
 * const filter = parseFilter('host 10.0.0.0/8 and not port 53');
 * // { host: '10.0.0.0/8', not: { port: 53 } }
 */
export function parseFilter(text: string, options: ParseFilterOptions = {}): Filter | Filter[] {
  checkString(text, 'text');
  return new Parser(text, checkOptions(options, OPTIONS).labelBit).filter();
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #labelBit: LabelBit | undefined;
  #at = 0;
  /** The first term with which a part could match nothing: what is wrong if that is all of the filter. */
  #impossible: Token | undefined;
  #depth = 0;

  constructor(text: string, labelBit: LabelBit | undefined) {
    this.#text = text;
    this.#tokens = tokensOf(text);
    this.#labelBit = labelBit;
  }

  filter(): Filters {
    if (this.#tokens.length === 1) throw this.#wrong('the filter is empty');
    const filter = this.#any();
    const { kind, text } = this.#next;
    if (kind === ')') throw this.#wrong('this ) has no partner');
    if (kind !== 'end') throw this.#wrong(`and, or or the end must follow here, not ${text}`);
    if (this.#impossible !== undefined) this.#check(filter, this.#impossible, checkPossible);
    return filter;
  }

  get #next(): Token {
    return this.#tokens[this.#at];
  }

  #take(): Token {
    return this.#tokens[this.#at++];
  }

  #wrong(reason: string, { offset, length }: Token = this.#next): FilterSyntaxError {
    return new FilterSyntaxError(reason, this.#text, offset, length);
  }

  #any(): Filters {
    const first = this.#all();
    if (this.#next.kind !== 'or') return first;
    const filters = [first].flat();
    while (this.#next.kind === 'or') {
      this.#take();
      for (const other of [this.#all()].flat()) filters.push(other);
    }
    return filters;
  }

  #all(): Filters {
    const first = this.#one();
    if (this.#next.kind !== 'and') return first;
    const parts = new Conjunction(first);
    let possible = ~0;
    let unread: readonly Filters[] = [first];
    while (this.#next.kind === 'and') {
      this.#take();
      const begin = this.#next;
      unread = [...unread, ...parts.add(this.#one())];
      for (const part of unread)
        this.#check(part, begin, ({ families }) => {
          possible &= families;
        });
      unread = [];
      if (possible === 0) this.#impossible ??= begin;
    }
    return parts.filter;
  }

  #one(): Filters {
    const token = this.#next;
    if (token.kind !== 'not' && token.kind !== '(') return this.#term();
    if (++this.#depth > MOST_DEPTH) throw this.#wrong(`parentheses and not are nested more than ${MOST_DEPTH} times`);
    this.#take();
    let filter: Filters;
    if (token.kind === 'not') filter = { not: this.#one() };
    else {
      filter = this.#any();
      if (this.#next.kind !== ')') {
        const { line, column } = placeOf(this.#text, token.offset);
        const where = line > 1 ? `line ${line}, column ${column}` : `column ${column}`;
        throw this.#wrong(`and, or or ) must follow here: the ( at ${where} is open`);
      }
      this.#take();
    }
    this.#depth--;
    return filter;
  }

  #term(): Filter {
    const word = this.#next;
    if (word.kind !== 'word') throw this.#wrong(`a term such as host 10.0.0.1 must be here${insteadOf(word)}`);
    this.#take();
    if (word.text === EVERYTHING) return {};
    const property = propertyOf(word.text);
    if (property !== undefined) return this.#property(property, word);
    const flag = FLAGS.get(word.text);
    if (flag !== undefined) return nested(flag[0], flag[1]) as Filter;
    const parts = PROPERTIES.filter(({ name }) => name.startsWith(`${word.text}.`)).map(({ name }) => name);
    if (parts.length > 0) throw this.#wrong(`${word.text} is a group: write ${parts.join(', ')}`, word);
    throw this.#wrong(`no term is named ${word.text}${suggestion(word.text, TERM_WORDS)}`, word);
  }

  #hasValue(): boolean {
    const { kind } = this.#next;
    return !(kind === 'and' || kind === 'or' || kind === ')' || kind === 'end');
  }

  #property(property: Property, word: Token): Filter {
    const { name, kind } = property;
    if (kind === 'boolean' && !this.#hasValue()) return nested(name, true) as Filter;
    const sign = this.#next;
    if (sign.kind === '<' || sign.kind === '<=' || sign.kind === '>' || sign.kind === '>=') {
      this.#take();
      return this.#compared(property, sign, word);
    }
    if (sign.kind === '=' || sign.kind === '!=') this.#take();
    const values = [this.#value(property, word)];
    while (this.#next.kind === ',') {
      this.#take();
      values.push(this.#value(property, word));
    }
    const value = values.length === 1 ? values[0] : values;
    return nested(name, sign.kind === '!=' ? { not: value } : value) as Filter;
  }

  /** One value, which the filter takes. */
  #value(property: Property, word: Token): unknown {
    const token = this.#next;
    if (token.kind !== 'word' && token.kind !== 'quoted')
      throw this.#wrong(`a value of ${word.text} must be here${insteadOf(token)}`);
    this.#take();
    let value: unknown;
    try {
      value = readValue(property, token.text, this.#labelBit);
    } catch (error) {
      // Others are labelBit's.
      throw error instanceof ValueError ? this.#wrong(error.message, token) : error;
    }
    try {
      readFilter(nested(property.name, value), 'filter');
      return value;
    } catch (error) {
      throw this.#refused(error, token);
    }
  }

  #compared(property: Property, sign: Token, word: Token): Filter {
    const { name, max } = property;
    if (max === undefined)
      throw this.#wrong(`${word.text} cannot be compared by ${sign.text}: = and != are for it`, sign);
    const token = this.#next;
    const value = this.#value(property, word);
    if (typeof value === 'object') throw this.#wrong(`${sign.text} takes a number, not ${token.text}`, token);
    const limit = BigInt(value as number | string);
    const from = sign.kind === '>' ? limit + 1n : sign.kind === '>=' ? limit : 0n;
    const to = sign.kind === '<' ? limit - 1n : sign.kind === '<=' ? limit : BigInt(max);
    if (from > to) throw this.#wrong(`no ${name} is ${sign.text} ${token.text}`, token);
    return nested(name, { from: countToJSON(from), to: countToJSON(to) }) as Filter;
  }

  #check(filter: Filters, begin: Token, look: (built: Built) => void): void {
    try {
      look(readFilter(filter, 'filter'));
    } catch (error) {
      throw this.#refused(error, begin);
    }
  }

  #refused(error: unknown, token: Token): unknown {
    if (!(error instanceof TypeError || error instanceof RangeError)) return error;
    return this.#wrong(error.message.replace(/^filter\.?/, '').replace(/^ has/, 'the filter has'), token);
  }
}

function insteadOf({ kind, text }: Token): string {
  return kind === 'end' ? '' : `, not ${text}`;
}

function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: before[before.length - 1].length + 1 };
}
