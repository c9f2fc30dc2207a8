/** Each fact is in one place: no two files of src have the same table or the same function. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const SOURCE = fileURLToPath(new URL('../src/', import.meta.url));

interface Declaration {
  readonly file: string;
  readonly name: string;
  /** What it is, with single spaces. */
  readonly text: string;
}

/** The constants and the functions at the top level of a file. Types of constants do not count. */
function declarationsOf(file: string, source: string): Declaration[] {
  const constants = source.matchAll(/^(?:export )?const (\w+)(?:: [^=\n]*)? = ([\s\S]*?);\n/gm);
  const functions = source.matchAll(/^(?:export )?(?:async )?function (\w+)(<[\s\S]*?^\}|\([\s\S]*?^\})\n/gm);
  return [...constants, ...functions].map(([, name, text]) => ({ file, name, text: text.replaceAll(/\s+/g, ' ') }));
}

/** A number, a text, or an empty object: it says nothing by itself. */
function isPlain(text: string): boolean {
  return /^-?[\d_a-fox]+n?$|^\d+ (<<|\*) [\d* ]+$|^new (?!Uint8)[A-Z]\w+(<.*>)?\(\d*\)$|^(\[\]|\{\}|'[^']*')$/.test(
    text,
  );
}

/** What may be declared more than once, by its first place, and why. */
const ALLOWED: Readonly<Record<string, string>> = {
  'format/expectation.ts checkXml': 'each function remembers the options that it checked last',
  'nfct/expect-query.ts nfexp_catch': 'two names of the C library for one function',
  'transport/adapters/bun.ts openBun': 'each adapter loads a library of its own',
};

/** The names of what is declared more than once. */
function repeated(declarations: readonly Declaration[]): string[] {
  const places = new Map<string, string[]>();
  for (const { file, name, text } of declarations) {
    if (isPlain(text)) continue;
    const found = places.get(text) ?? [];
    found.push(`${file} ${name}`);
    places.set(text, found);
  }
  return [...places.values()].filter((found) => found.length > 1).map((found) => found.join(' = '));
}

const declarations = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  // A header of the kernel has equal numbers by accident.
  .filter((file) => file.endsWith('.ts') && !file.startsWith('uapi/'))
  .sort()
  .flatMap((file) => declarationsOf(file, readFileSync(join(SOURCE, file), 'utf8')));

describe('facts', () => {
  it('are in one place: no two files declare the same table or function', () => {
    expect(declarations.length).to.be.above(1000);
    const found = repeated(declarations);
    const allowed = Object.keys(ALLOWED).map((first) => found.find((each) => each.startsWith(first)) ?? `no ${first}`);
    expect(found).to.have.members(allowed);
  });

  it('about slots are in ctnetlink/slots.ts', () => {
    const elsewhere = declarations
      .filter(({ file, text }) => file !== 'ctnetlink/slots.ts' && /^(slotOfProperty|expectationSlot)\('/.test(text))
      .map(({ file, name }) => `${file} ${name}`);
    expect(elsewhere).to.deep.equal([]);
  });

  it('are found where they are repeated', () => {
    const found = [
      ...declarationsOf(
        'a.ts',
        'const PORTS = [TCP,\n  UDP];\nexport const SIZE = 16;\nfunction f(a: number) {\n  return a;\n}\n',
      ),
      ...declarationsOf(
        'b.ts',
        'export const TWO: readonly number[] = [TCP, UDP];\nconst LENGTH = 16;\nexport function f(a: number) {\n  return a;\n}\n',
      ),
    ];
    expect(repeated(found)).to.deep.equal(['a.ts PORTS = b.ts TWO', 'a.ts f = b.ts f']);
  });
});
