/** The C headers, name by name and number by number, against the exports and docs/libnetfilter_conntrack.md. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import * as nfct from '../../src/nfct/index.ts';
import * as uapi from '../../src/uapi/index.ts';
import { describeOracle } from '../support/oracle.ts';

const FOLDER = '/usr/include/libnetfilter_conntrack/';
/** The groups of nfct_open: NF_NETLINK_CONNTRACK_*. */
const COMPAT = 'linux/netfilter/nfnetlink_compat.h';

/** What 1.1.0 and 1.1.1 add to 1.0.9, and their ends of enumerations as 1.0.9 has them. */
const SINCE_1_0_9 = [
  'NFCT_FILTER_ZONE',
  'NFCT_FILTER_DUMP_ZONE',
  'NFCT_FILTER_DUMP_TUPLE',
  'nfct_filter_dump_set_attr_u16',
  'ATTR_TIMESTAMP_EVENT',
];
const IN_1_0_9: Readonly<Record<string, number>> = { NFCT_FILTER_MAX: 7, NFCT_FILTER_DUMP_MAX: 3, ATTR_MAX: 75 };

const PAGE = readFileSync(new URL('../../docs/libnetfilter_conntrack.md', import.meta.url), 'utf8');

type Module = Readonly<Record<string, unknown>>;
const NFCT: Module = nfct;
const UAPI: Module = uapi;

/** What a program in C sees, when it includes all headers of the library. */
class Headers {
  readonly functions = new Set<string>();
  /** Enumerators and macros with a value. */
  readonly numbers = new Map<string, number>();
  /** Macros with arguments. */
  readonly macros = new Set<string>();

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-header-'));
    try {
      this.#read(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  get names(): string[] {
    return [...this.functions, ...this.numbers.keys(), ...this.macros];
  }

  #read(folder: string): void {
    const source = join(folder, 'names.c');
    const includes = [
      '#include <stdio.h>',
      ...readdirSync(FOLDER).map((file) => `#include <libnetfilter_conntrack/${file}>`),
      `#include <${COMPAT}>`,
    ];
    writeFileSync(source, includes.join('\n'));
    // Without comments and what is the kernel's alone, but with the macros in their places.
    const text = execFileSync('gcc', ['-E', '-dD', '-w', source], { encoding: 'utf8', maxBuffer: 1 << 26 });
    const names = this.#collect(ofFile(text, (file) => file.startsWith(FOLDER)));
    for (const [name] of macrosOf(text)) if (name.startsWith('NF_NETLINK_CONNTRACK_')) names.push(name);
    const prints = names.map((name) => `printf("${name} %lld\\n", (long long)(${name}));`);
    writeFileSync(source, [...includes, 'int main(void) {', ...prints, 'return 0; }'].join('\n'));
    const program = join(folder, 'names');
    execFileSync('gcc', ['-w', '-o', program, source]);
    for (const line of execFileSync(program, { encoding: 'utf8' }).trim().split('\n')) {
      const [name, value] = line.split(' ');
      this.numbers.set(name, Number(value));
    }
  }

  /** Functions and macros with arguments; returns the names of numbers. */
  #collect(text: string): string[] {
    const names: string[] = [];
    for (const [name, rest] of macrosOf(text)) {
      if (rest.startsWith('(')) this.macros.add(name);
      else if (rest.trim() !== '') names.push(name);
    }
    const code = text.replaceAll(/^\s*#.*$/gm, '');
    for (const [, body] of code.matchAll(/\benum\s*\w*\s*\{([^}]*)\}/g))
      for (const item of body.split(',')) if (item.trim() !== '') names.push(item.trim().split(/\W/)[0]);
    // A declaration is what ends with a semicolon, outside of braces; its function is the first name before a
    // parenthesis.
    const outside = code.replaceAll(/\{[^{}]*\}/g, '').replaceAll(/__attribute__\s*\(\([^()]*\)\)/g, '');
    for (const declaration of outside.split(';')) {
      const found = /(\w+)\s*\(/.exec(declaration);
      if (found !== null) this.functions.add(found[1]);
    }
    return names;
  }
}

/** The lines of preprocessed text that come from such files. */
function ofFile(text: string, wanted: (file: string) => boolean): string {
  let inside = false;
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    const marker = /^# \d+ "([^"]*)"/.exec(line);
    if (marker !== null) inside = wanted(marker[1]);
    else if (inside) lines.push(line);
  }
  return lines.join('\n');
}

/** Names of macros with the text directly behind them. */
function macrosOf(text: string): [name: string, rest: string][] {
  return [...text.matchAll(/^#define (\w+)(.*)$/gm)].map(([, name, rest]) => [name, rest]);
}

/** A name, or the beginning and the end of many: `NFCT_Q_*`. */
interface Listed {
  pattern: string;
  heading: string;
}

function matches({ pattern }: Listed, name: string): boolean {
  const [start, end] = pattern.split('*');
  if (end === undefined) return pattern === name;
  return name.length >= start.length + end.length && name.startsWith(start) && name.endsWith(end);
}

/** What the first columns of the tables below a heading of the second order name. */
function listed(title: string): Listed[] {
  const [, section] = PAGE.split(`\n## ${title}\n`);
  const [text] = section.split('\n## ');
  let heading = title;
  return text.split('\n').flatMap((line) => {
    if (line.startsWith('### ')) heading = line;
    if (!line.startsWith('| `')) return [];
    return [...line.split('|')[1].matchAll(/`([^`]+)`/g)].map(([, pattern]) => ({ pattern, heading }));
  });
}

const PRESENT = listed('Every name');
const SENSELESS = listed('What makes no sense here');
/** The module that exports the names below a heading. */
const moduleOf = ({ heading }: Listed): Module => (heading.includes('`ctnetlink/uapi`') ? UAPI : NFCT);

describeOracle('nfct: the C headers', () => {
  let headers: Headers;
  before(() => {
    headers = new Headers();
  });
  const isHere = (name: string): boolean => name in NFCT || (name in UAPI && !headers.functions.has(name));

  it('are read whole', () => {
    expect(headers.functions.size).to.be.within(100, 200);
    expect([...headers.functions].filter((name) => !/^nf(ct|exp)_/.test(name))).to.deep.equal([]);
    expect(headers.functions).to.include.all.keys(
      'nfct_open',
      'nfct_build_query',
      'nfexp_nlmsg_parse',
      'nfct_labels_get_path',
    );
    expect(headers.numbers.size).to.be.greaterThan(400);
    expect(Object.fromEntries(headers.numbers)).to.include({
      ATTR_ORIG_IPV4_SRC: 0,
      NFCT_CB_FAILURE: -1,
      NFCT_HELPER_NAME_MAX: 16,
      TCP_CONNTRACK_SYN_SENT2: 9,
      UDP_EXPTUPLE_DPORT: 128,
      NF_NETLINK_CONNTRACK_EXP_DESTROY: 32,
    });
  });

  it('have no name that is neither here nor senseless', () => {
    const missing = headers.names.filter((name) => !isHere(name) && !SENSELESS.some((each) => matches(each, name)));
    expect(missing).to.deep.equal([]);
  });

  it('have no name that is both', () => {
    const both = headers.names.filter((name) => isHere(name) && SENSELESS.some((each) => matches(each, name)));
    expect(both).to.deep.equal([]);
  });

  it('have no name that the page forgets', () => {
    // The last paragraph of the names is no table: what is not of the library.
    const forgotten = headers.names.filter(
      (name) => !name.startsWith('NF_NETLINK_') && isHere(name) && !PRESENT.some((each) => matches(each, name)),
    );
    expect(forgotten).to.deep.equal([]);
  });

  it('have the numbers that we have', () => {
    let compared = 0;
    for (const [name, value] of headers.numbers) {
      if (value === IN_1_0_9[name]) continue;
      for (const module of [NFCT, UAPI]) {
        if (!(name in module)) continue;
        compared++;
        // The sign is C's affair: NFCT_T_ERROR is 1 << 31 of an int.
        expect(module[name], name).to.equal(name === 'NFCT_T_ERROR' ? value >>> 0 : value);
      }
    }
    expect(compared).to.be.greaterThan(350);
  });

  it('have numbers that only newer ones have', () => {
    expect([nfct.ATTR_TIMESTAMP_EVENT, nfct.ATTR_MAX]).to.deep.equal([75, 76]);
    const flags = ['IP_SRC', 'IP_DST', 'TUPLE_ZONE', 'PROTO_NUM', 'PROTO_SRC_PORT', 'PROTO_DST_PORT'];
    for (const icmp of ['ICMP', 'ICMPV6'])
      for (const field of ['TYPE', 'CODE', 'ID']) flags.push(`PROTO_${icmp}_${field}`);
    expect(flags.map((name) => UAPI[`CTA_FILTER_FLAG_CTA_${name}`])).to.deep.equal(flags.map((_, bit) => 1 << bit));
  });

  it('have functions where we have functions', () => {
    for (const name of headers.functions) if (name in NFCT) expect(NFCT[name], name).to.be.a('function');
    for (const name of headers.numbers.keys()) if (name in NFCT) expect(NFCT[name], name).to.be.a('number');
  });

  it('are all exports of ctnetlink/nfct, except those that the page lists separately', () => {
    const [, beside] = PAGE.split('\n### Beside them\n');
    const told = [...beside.split('\n## ')[0].matchAll(/`(\w+)`/g)].map(([, name]) => name);
    for (const name of told) expect(NFCT, name).to.have.property(name);
    const known = new Set([...headers.names, ...SINCE_1_0_9, ...told]);
    expect(Object.keys(NFCT).filter((name) => !known.has(name))).to.deep.equal([]);
  });

  it('have the sizes that our docstrings say', () => {
    const header = readFileSync(`${FOLDER}libnetfilter_conntrack.h`, 'utf8');
    const source = readFileSync(new URL('../../src/uapi/libnetfilter_conntrack.ts', import.meta.url), 'utf8');
    const docstrings = new Map(
      [...source.matchAll(/\/\*\*((?:(?!\*\/).)*)\*\/\nexport const (\w+) =/gs)].map(([, text, name]) => [name, text]),
    );
    const sized = [...header.matchAll(/^\t(ATTR_\w+).*\/\* u(\d+) bits/gm)];
    expect(sized).to.have.length.above(60);
    for (const [, name, bits] of sized) {
      // C reads 32 bits of it, whatever its header says.
      const expected = name === 'ATTR_EXP_NAT_DIR' ? '32' : bits;
      expect(/(\d+)\s+(?:\*\s+)?bits/.exec(docstrings.get(name)!)?.[1], name).to.equal(expected);
    }
  });

  describe('on the page', () => {
    it('each name exists', () => {
      for (const each of PRESENT) {
        if (each.pattern.includes('*'))
          expect(
            headers.names.filter((name) => matches(each, name) && name in moduleOf(each)),
            each.pattern,
          ).not.to.be.empty;
        else expect(moduleOf(each), each.pattern).to.have.property(each.pattern);
      }
      for (const name of SINCE_1_0_9)
        expect(
          PRESENT.some(({ pattern }) => pattern === name),
          name,
        ).to.equal(true);
    });

    it('each name that makes no sense is of C, and not exported', () => {
      for (const each of SENSELESS) {
        expect(
          headers.names.filter((name) => matches(each, name)),
          each.pattern,
        ).not.to.be.empty;
        expect(
          Object.keys(NFCT).filter((name) => matches(each, name)),
          each.pattern,
        ).to.be.empty;
      }
    });

    it('each name is there once', () => {
      const names = PRESENT.map(({ pattern }) => pattern);
      expect(names.filter((name, index) => names.indexOf(name) !== index)).to.deep.equal([]);
      for (const name of headers.functions)
        expect(
          [...PRESENT, ...SENSELESS].filter(({ pattern }) => pattern === name),
          name,
        ).to.have.length(1);
    });
  });
});
