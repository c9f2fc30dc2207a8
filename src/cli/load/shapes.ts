/**
 * Lines of a file look alike: what was found and checked of the options of one is not found and checked again for the
 * next that differs in their values only. That is most of what reading a line costs.
 */

import { nameOf, type Option } from '../options/option.ts';
import { PROTOCOL } from '../options/options.ts';
import { Parser } from '../options/parse.ts';
import { Settings, UsageError } from '../options/settings.ts';
import { wordsOf } from './words.ts';

/** Kept; a file that -o save wrote has some for each protocol. */
const MOST_SHAPES = 16;
/** A word may have so many, see words.ts. */
const MOST_CHARACTERS = 1023;

/** Characters that make words other than by single spaces. */
const QUOTING = ['"', '\t', '\0'];

interface Step {
  row: Option;
  value: string | undefined;
  /** The literal before the value; without a value the text is always the same. */
  literal: number;
}

/**
 * A line of -A or -I with gaps for values. No check of these commands depends on a value, except for prefix lengths and
 * ports.
 */
class Shape {
  /** The text before each value, and at the end. */
  readonly #literals: string[] = [];
  readonly #steps: Step[] = [];
  readonly #command: Settings['command'];
  readonly #ends: number[] = [];

  constructor(words: readonly string[], { settings, options }: Parser) {
    this.#command = settings.command;
    let literal = '';
    let next = 0;
    const upTo = (end: number): void => {
      for (; next < end; next++) literal += `${words[next]} `;
    };
    for (const { row, value, at } of options) {
      const varies = at >= 0 && row !== PROTOCOL;
      this.#steps.push({ row, value, literal: varies ? this.#literals.length : -1 });
      if (!varies) continue;
      upTo(at);
      this.#literals.push(literal);
      literal = ' ';
      next++;
    }
    upTo(words.length);
    this.#literals.push(literal.trimEnd());
  }

  /** What a line of this shape says. @throws UsageError for a value that is none */
  read(line: string): Settings | undefined {
    const literals = this.#literals;
    const ends = this.#ends;
    let at = 0;
    for (let index = 0; index < literals.length - 1; index++) {
      if (!line.startsWith(literals[index], at)) return undefined;
      at += literals[index].length;
      let end = line.indexOf(' ', at);
      if (end < 0) end = line.length;
      if (end === at) return undefined;
      ends[index] = end;
      at = end;
    }
    const last = literals[literals.length - 1];
    if (line.length - at !== last.length || !line.endsWith(last)) return undefined;

    const settings = new Settings();
    settings.command = this.#command;
    for (const { row, value, literal } of this.#steps) {
      if (literal < 0) {
        row.apply(settings, value);
      } else {
        const begin = literal === 0 ? literals[0].length : ends[literal - 1] + literals[literal].length;
        row.apply(settings, line.slice(begin, ends[literal]));
      }
    }
    // The full check is for these: it refuses several ports.
    const { masks, severalPorts } = settings;
    return masks.src === undefined && masks.dst === undefined && severalPorts === undefined ? settings : undefined;
  }
}

/** Reads lines of a file. */
export class Shapes {
  /** The latest first. */
  readonly #shapes: Shape[] = [];

  /** Undefined for a line without words. @throws UsageError for one that is no command line */
  read(line: string): Settings | undefined {
    const plain = line.length <= MOST_CHARACTERS && !QUOTING.some((character) => line.includes(character));
    if (plain) {
      for (const [index, shape] of this.#shapes.entries()) {
        const settings = shape.read(line);
        if (settings === undefined) continue;
        if (index > 0) this.#shapes.unshift(...this.#shapes.splice(index, 1));
        return settings;
      }
    }
    const words = wordsOf(line);
    if (words.length === 0) return undefined;
    const parser = new Parser(words, true);
    const { settings } = parser;
    const ofRun = parser.options.find(({ row }) => row.ofRun === true);
    if (ofRun !== undefined) {
      const name = nameOf(ofRun.row);
      throw new UsageError(
        `a line of --load-file cannot have the option \`${name}': give it on the command line, where it is for all lines`,
      );
    }
    const { command, table } = settings;
    if (
      plain &&
      !settings.assumed &&
      (command === 'add' || command === 'create') &&
      table === 'conntrack' &&
      words.join(' ') === line
    ) {
      this.#shapes.unshift(new Shape(words, parser));
      this.#shapes.length = Math.min(this.#shapes.length, MOST_SHAPES);
    }
    return settings;
  }
}
