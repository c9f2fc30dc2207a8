/** Filters as text: what each means, what is wrong at which character, and the way back. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { FILTER_TERMS } from '../../src/cli/help/filters.ts';
import { CompiledFilter, type Filter } from '../../src/ctnetlink/filter/filter.ts';
import { formatFilter } from '../../src/ctnetlink/filter/text/format.ts';
import { type ParseFilterOptions, parseFilter } from '../../src/ctnetlink/filter/text/parse.ts';
import { PROPERTIES } from '../../src/ctnetlink/filter/text/properties.ts';
import { FilterSyntaxError } from '../../src/ctnetlink/filter/text/syntax-error.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { RandomFilters, randomFlow } from '../support/filters/random.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

const MEANINGS: readonly (readonly [text: string, filter: Filter | Filter[]])[] = [
  ['host 10.0.0.0/8 and not port 53', { host: '10.0.0.0/8', not: { port: 53 } }],
  ['  host\t10.0.0.1\n', { host: '10.0.0.1' }],
  ['host fd00::1,10.0.0.0/8', { host: ['fd00::1', '10.0.0.0/8'] }],
  ['port 53, 80 ,8000-8100', { port: [53, 80, { from: 8000, to: 8100 }] }],
  ['port != 53,80', { port: { not: [53, 80] } }],
  ['port = 53', { port: 53 }],
  ['port < 1024', { port: { from: 0, to: 1023 } }],
  ['port >= 1024', { port: { from: 1024, to: 65535 } }],
  ['timeout<=60', { timeout: { from: 0, to: 60 } }],
  ['timeout > 4294967294', { timeout: { from: 4294967295, to: 4294967295 } }],
  ['src 10.0.0.1 and dport 53', { orig: { src: '10.0.0.1', dport: 53 } }],
  ['orig.src 10.0.0.1 and reply.dst 192.0.2.1', { orig: { src: '10.0.0.1' }, reply: { dst: '192.0.2.1' } }],
  ['proto tcp,132', { orig: { proto: ['tcp', 132] } }],
  ['tcp and dport 443', { orig: { proto: 'tcp', dport: 443 } }],
  ['ipv6 and host 10.0.0.1 or mark 1', [{ family: 'ipv6', host: '10.0.0.1' }, { mark: 1 }]],
  ['not (src 10.0.0.1 and dst fd00::1)', { not: { orig: { src: '10.0.0.1', dst: 'fd00::1' } } }],
  ['ipv6 or icmp', [{ family: 'ipv6' }, { orig: { proto: 'icmp' } }]],
  ['family ipv4,ipv6', { family: ['ipv4', 'ipv6'] }],
  ['icmpType 8 and icmpId 7', { orig: { icmpType: 8, icmpId: 7 } }],
  ['zone 5 and orig.zone 6', { zone: 5, orig: { zone: 6 } }],
  ['mark 0x10', { mark: 16 }],
  [
    'mark 0x10/0xf0,1-9',
    {
      mark: [
        { value: 16, mask: 240 },
        { from: 1, to: 9 },
      ],
    },
  ],
  ['mark > 5', { mark: { from: 6, to: 4294967295 } }],
  ['status ASSURED', { status: ['ASSURED'] }],
  ['status assured+Seen_Reply', { status: ['ASSURED', 'SEEN_REPLY'] }],
  ['status ASSURED,DYING+0x10000', { status: [['ASSURED'], ['DYING', '0x10000']] }],
  ['status 0/ASSURED+DYING', { status: { value: 0, mask: ['ASSURED', 'DYING'] } }],
  ['status 6', { status: 6 }],
  ['labels 1,5', { labels: [1, 5] }],
  ['label 7', { labels: 7 }],
  ['tcp.state established,SYN_SENT', { tcp: { state: ['ESTABLISHED', 'SYN_SENT'] } }],
  ['sctp.state 3', { sctp: { state: 3 } }],
  ['helper ftp,"a \\"b\\""', { helper: ['ftp', 'a "b"'] }],
  ['helper "and"', { helper: 'and' }],
  ['nat src,dst', { nat: ['src', 'dst'] }],
  ['expected', { expected: true }],
  ['not expected', { not: { expected: true } }],
  ['expected false', { expected: false }],
  ['counters.bytes >= 1000000', { counters: { bytes: { from: 1_000_000, to: '18446744073709551615' } } }],
  [
    'counters.orig.packets 1-3 and counters.packets 5',
    { counters: { orig: { packets: { from: 1, to: 3 } }, packets: 5 } },
  ],
  ['counters.reply.bytes 18446744073709551615', { counters: { reply: { bytes: '18446744073709551615' } } }],
  ['any', {}],
  ['mark 1 or mark 2 or mark 3', [{ mark: 1 }, { mark: 2 }, { mark: 3 }]],
  ['mark 1 or mark 2 and zone 3', [{ mark: 1 }, { mark: 2, zone: 3 }]],
  ['(mark 1 or mark 2) and zone 3', { all: [[{ mark: 1 }, { mark: 2 }]], zone: 3 }],
  ['zone 3 && (mark 1 || mark 2)', { zone: 3, all: [[{ mark: 1 }, { mark: 2 }]] }],
  ['! mark 1 and !zone 2', { not: [{ mark: 1 }, { zone: 2 }] }],
  ['not (mark 1 or mark 2)', { not: [{ mark: 1 }, { mark: 2 }] }],
  ['not not mark 1', { not: { not: { mark: 1 } } }],
  ['((mark 1))', { mark: 1 }],
  ['host 10.0.0.1 and host 10.0.0.2', { host: '10.0.0.1', all: [{ host: '10.0.0.2' }] }],
  [
    '(host 1.1.1.1 and host 1.1.1.2) and (host 1.1.1.3 and zone 1)',
    {
      host: '1.1.1.1',
      all: [{ host: '1.1.1.2' }, { host: '1.1.1.3', zone: 1 }],
    },
  ],
  ['not any', { not: {} }],
];

/** What is wrong, and the text with the carets below it. */
const MISTAKES: readonly (readonly [text: string, reason: string, carets: string])[] = [
  ['', 'the filter is empty', '^'],
  ['   ', 'the filter is empty', '^'],
  ['hst 10.0.0.1', 'no term is named hst; did you mean dst?', '^^^'],
  ['prot udp', 'no term is named prot; did you mean proto?', '^^^^'],
  ['port 53 and', 'a term such as host 10.0.0.1 must be here', '           ^'],
  ['port 53 and or', 'a term such as host 10.0.0.1 must be here, not or', '            ^^'],
  ['host', 'a value of host must be here', '    ^'],
  ['host and port 5', 'a value of host must be here, not and', '     ^^^'],
  ['port 53,', 'a value of port must be here', '        ^'],
  ['port 53 port 54', 'and, or or the end must follow here, not port', '        ^^^^'],
  ['port 53)', 'this ) has no partner', '       ^'],
  ['(port 53', 'and, or or ) must follow here: the ( at column 1 is open', '        ^'],
  [
    'not (port 53 and (zone 1)',
    'and, or or ) must follow here: the ( at column 5 is open',
    '                         ^',
  ],
  ['()', 'a term such as host 10.0.0.1 must be here, not )', ' ^'],
  ['host 10.0.0.300 and port 1', "host must be an IPv4 or IPv6 address, not '10.0.0.300'", '     ^^^^^^^^^^'],
  ['host 10.0.0.0/33', "host must have a prefix length from 0 to 32 after its slash, not '33'", '     ^^^^^^^^^^^'],
  ['src 10.0.0.1,x', "orig.src must be an IPv4 or IPv6 address, not 'x'", '             ^'],
  ['port 70000', 'port must be an integer from 0 to 65535, not 70000', '     ^^^^^'],
  ['port 80-53', 'port must have from not above to, not 80 to 53', '     ^^^^^'],
  ['port http', "port takes a number or a range such as 1-9, not 'http'", '     ^^^^'],
  ['mark 1/', "mark takes a number, a range such as 1-9, or a value/mask, not ''", '     ^^'],
  ['mark -1', "mark takes a number, a range such as 1-9, or a value/mask, not '-1'", '     ^^'],
  ['status ASURED', 'status must have names of EXPECTED', '       ^^^^^^'],
  ['tcp.state OPEN', 'tcp.state must be a number or one of NONE', '          ^^^^'],
  ['tcp.sate OPEN', 'no term is named tcp.sate; did you mean tcp.state?', '^^^^^^^^'],
  ['orig 10.0.0.1', 'orig is a group: write orig.src, orig.dst', '^^^^'],
  ['labels 128', 'labels must be an integer from 0 to 127, not 128', '       ^^^'],
  ['labels web', "labels takes a number from 0 to 127, not 'web'", '       ^^^'],
  ['nat snat', "nat must be src, dst, any or none, not 'snat'", '    ^^^^'],
  ['expected maybe', "expected takes true or false, not 'maybe'", '         ^^^^^'],
  ['zone > 3', 'zone cannot be compared by >: = and != are for it', '     ^'],
  ['host < 10.0.0.1', 'host cannot be compared by <: = and != are for it', '     ^'],
  ['timeout < 0', 'no timeout is < 0', '          ^'],
  ['timeout > 4294967295', 'no timeout is > 4294967295', '          ^^^^^^^^^^'],
  ['port > 5-9', '> takes a number, not 5-9', '       ^^^'],
  ['helper ""', "helper must be the name of a helper, not ''", '       ^^'],
  ['helper "ftp', 'a " has no partner', '       ^'],
  ['port 5 & zone 1', '& means nothing here', '       ^'],
  ['src 10.0.0.1 and dst fd00::1', 'orig has parts of both families and can match nothing', '                 ^^^'],
  ['ipv6 and src 10.0.0.1 or ipv4 and dst fd00::1', 'has parts of both families', '         ^^^'],
  ['ipv6 and host 10.0.0.1', 'the filter has parts of both families and can match nothing', '         ^^^^'],
  ['any 5', 'and, or or the end must follow here, not 5', '    ^'],
];

describe('filter text: means', () => {
  for (const [text, filter] of MEANINGS) {
    it(text.trim(), () => {
      expect(parseFilter(text)).to.deep.equal(filter);
      // What it means is a filter.
      expect(new CompiledFilter(parseFilter(text)).toJSON()).to.deep.equal(JSON.parse(JSON.stringify(filter)));
    });
  }

  /** How many elements of arrays are looked at or copied meanwhile. */
  function elements(work: () => void): number {
    let count = 0;
    const iterator = Object.getPrototypeOf([][Symbol.iterator]()) as Iterator<unknown>;
    const { next } = iterator;
    const { flat } = Array.prototype;
    iterator.next = function (...args) {
      count++;
      return Reflect.apply(next, this, args) as IteratorResult<unknown>;
    };
    // biome-ignore lint/suspicious/noExplicitAny: of arrays of whatever
    Array.prototype.flat = function (this: any, ...args: any): any {
      const all = Reflect.apply(flat, this, args) as unknown[];
      count += all.length;
      return all;
    };
    try {
      work();
    } finally {
      iterator.next = next;
      Array.prototype.flat = flat;
    }
    return count;
  }

  for (const [title, join, term] of [
    ['or', ' or ', (n: number) => `mark ${n}`],
    ['or, of addresses', ' or ', (n: number) => `host 10.0.${n >> 8}.${n & 255}`],
    ['and', ' and ', (n: number) => `mark ${n}`],
    ['and not', ' and not ', (n: number) => `mark ${n}`],
    ['or, in parentheses', ' or ', (n: number) => `(mark ${n} or port ${n})`],
    ['and, in parentheses', ' and ', (n: number) => `(mark ${n} or port ${n})`],
    ['a list', ',', (n: number) => (n === 0 ? 'mark 0' : `${n}`)],
  ] as const) {
    it(`twice as many terms with twice the work: ${title}`, () => {
      const textOf = (count: number): string => Array.from({ length: count }, (_, n) => term(n)).join(join);
      const work = (count: number): number => elements(() => parseFilter(textOf(count)));
      expect(work(2000) / work(1000)).to.be.within(1.9, 2.1);
    });
  }

  it('labels by the names that a program knows', () => {
    const labelBit = (name: string): number | undefined => ({ web: 3, '5': 9 })[name];
    expect(parseFilter('labels web,5,7', { labelBit })).to.deep.equal({ labels: [3, 9, 7] });
    expect(() => parseFilter('labels db', { labelBit })).to.throw(FilterSyntaxError, 'or the name of a label');
    expect(() => parseFilter('any', { labelBits: 5 } as ParseFilterOptions)).to.throw(
      TypeError,
      'did you mean labelBit',
    );
    expect(() => parseFilter(5 as never)).to.throw(TypeError, 'text must be a string, not 5');
  });
});

describe('filter text: points at the mistake', () => {
  for (const [text, reason, carets] of MISTAKES) {
    it(`${text}: ${reason}`, () => {
      const error = mistake(text);
      const [first, line, pointer] = error.message.split('\n');
      expect(first).to.include(reason);
      expect(line).to.equal(`  ${text}`);
      expect(pointer).to.equal(`  ${carets}`);
      expect(error).to.include({ name: 'FilterSyntaxError', text, offset: carets.indexOf('^') });
      expect(error).to.be.instanceOf(RangeError);
    });
  }

  it('in its line, and around it if that is long', () => {
    expect(mistake('port 5\nand zone x\nand mark 1').message).to.equal(
      "zone takes a number, not 'x'\n  and zone x\n           ^",
    );
    const long = `host ${Array.from({ length: 100 }, (_, n) => `10.0.0.${n}`).join(',')},oops,10.1.1.1 and port 5`;
    const [, line, pointer] = mistake(long).message.split('\n');
    expect(line).to.match(/^ {2}\.\.\. .*oops,10\.1\.1\.1/);
    expect(line.slice(pointer.indexOf('^'), pointer.lastIndexOf('^') + 1)).to.equal('oops');
  });

  it('without control characters', () => {
    const { message } = mistake('host \x1b[31m');
    expect(message).not.to.include('\x1b');
    expect(message.split('\n')[1]).to.equal('  host \\x1b[31m');
  });

  it('of parentheses that are nested too deep', () => {
    const deep = (depth: number): string => `${'('.repeat(depth)}port 5${')'.repeat(depth)}`;
    expect(parseFilter(deep(100))).to.deep.equal({ port: 5 });
    expect(mistake(deep(5000)).message).to.include('nested more than 100 times');
  });

  it('of any text that is none, with nothing but that error', () => {
    const random = new Random(seedFromEnvironment());
    const pieces = [
      'host',
      '10.0.0.1',
      'and',
      'or',
      'not',
      '(',
      ')',
      ',',
      'port',
      '53',
      '1-2',
      '!=',
      '<',
      'tcp',
      'status',
      'ASSURED+',
      '"',
      '/',
      'x',
      '\n',
      ' ',
    ];
    let wrong = 0;
    for (let n = 0; n < sized({ quick: 3000, landing: 5000, soak: 100_000 }); n++) {
      const text = Array.from({ length: random.below(9) }, () => random.pick(pieces)).join(random.oneIn(3) ? '' : ' ');
      try {
        const again = parseFilter(formatFilter(parseFilter(text)));
        expect(new CompiledFilter(again).empty, text).to.equal(new CompiledFilter(parseFilter(text)).empty);
      } catch (error) {
        if (!(error instanceof FilterSyntaxError)) throw new Error(`${JSON.stringify(text)}: ${error}`);
        expect(error.offset, text).to.be.within(0, text.length);
        wrong++;
      }
    }
    expect(wrong).to.be.above(1000);
  });

  function mistake(text: string): FilterSyntaxError {
    try {
      parseFilter(text);
    } catch (error) {
      if (error instanceof FilterSyntaxError) return error;
      throw error;
    }
    throw new Error(`no mistake in ${text}`);
  }
});

describe('filter text: back', () => {
  it('is the text of what was read', () => {
    for (const [text, filter] of MEANINGS) {
      const written = formatFilter(filter);
      // Parentheses that say nothing are not written again.
      if (text.startsWith('(host')) continue;
      expect(new CompiledFilter(parseFilter(written)).toJSON(), `${text} is ${written}`).to.deep.equal(
        JSON.parse(JSON.stringify(parseFilter(text))),
      );
    }
    expect(formatFilter(new CompiledFilter([{ mark: 1, not: [{ zone: 1 }, { port: 5 }] }, {}]))).to.equal(
      'mark 1 and not (zone 1 or port 5) or any',
    );
  });

  it('is a filter that matches the same flows, for every form', () => {
    const random = new Random(seedFromEnvironment());
    const made = new RandomFilters(random);
    const flows = Array.from({ length: 60 }, () => Flow.from(randomFlow(random)));
    let count = 0;
    for (let n = 0; n < sized({ quick: 500, landing: 1500, soak: 20_000 }); n++) {
      let compiled: CompiledFilter;
      try {
        compiled = new CompiledFilter(made.any());
      } catch {
        // Of both families.
        continue;
      }
      count++;
      const text = formatFilter(compiled);
      const again = new CompiledFilter(parseFilter(text));
      for (const flow of flows)
        if (again.matches(flow) !== compiled.matches(flow)) expect.fail(`${JSON.stringify(compiled)} is not ${text}`);
    }
    expect(count).to.be.above(300);
  });

  it('takes tens of thousands of addresses', () => {
    const host = Array.from({ length: 20_000 }, (_, n) => `10.${n >> 8}.0.${n & 255}`);
    expect(parseFilter(formatFilter({ host }))).to.deep.equal({ host });
  });
});

describe('filter text: the pages', () => {
  const page = readFileSync(new URL('../../docs/filters.md', import.meta.url), 'utf8');

  it('of docs and of the manual have every term', () => {
    const manual = FILTER_TERMS.flatMap(([names]) => names.split(', '));
    for (const { name, short } of PROPERTIES) {
      expect(page, name).to.include(`\`${name}\``);
      for (const other of short) {
        expect(page, other).to.include(`\`${other}\``);
        if (other !== 'label') expect(manual).to.include(other);
      }
      const last = name.slice(name.lastIndexOf('.') + 1);
      expect(
        manual.some((each) => each === name || each === last || name.endsWith(`.${each}`) || each.endsWith(`.${last}`)),
        name,
      ).to.equal(true);
    }
  });

  it('have examples that mean what they say', () => {
    const examples = [...page.matchAll(/^\| `([^`|]+(?:\|\|[^`]*)?)` \| `(\{.*\}|\[.*\])` \|/gm)];
    expect(examples.length).to.be.above(10);
    for (const [, text, filter] of examples)
      expect(parseFilter(text), text).to.deep.equal(new Function(`return (${filter})`)());
  });
});
