/** The check of words and widths that `npm run check` runs over the repository. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { EXCEPTIONS, RULES } from '../scripts/glossary.ts';
import { check } from '../scripts/prose.ts';
import { flat, proseOf } from '../scripts/prose-text.ts';

/** By rule: texts that it finds, and texts that it leaves alone. */
const SAMPLES: Record<string, { finds: readonly string[]; leaves: readonly string[] }> = {
  who: { finds: ['Who reads nothing', 'a batch: who waits'], leaves: ['says who asked', 'a reader who is tired'] },
  'for who': { finds: ['for who watches', 'the portid of who asked'], leaves: ['for those who watch', 'for whom'] },
  stands: { finds: ['stands in memory', 'stood here'], leaves: ['stands for a port', 'a standard', 'understands'] },
  told: { finds: ['Told of each item', 'the kernel tells'], leaves: ['cannot be told apart', 'a teller'] },
  'turned round': { finds: ['the tuple turned round'], leaves: ['turned into', 'turn a round'] },
  anew: { finds: ['dumped anew'], leaves: ['a new one', 'renew'] },
  face: { finds: ['the C face', 'two faces'], leaves: ['an interface', 'a surface'] },
  'some hundred': { finds: ['some hundred in a datagram'], leaves: ['several hundred', 'some 100'] },
  'of which': { finds: ['a group of which nothing came'], leaves: ['the last of which', 'some of which'] },
  'what of': { finds: ['What of a tuple counts'], leaves: ['what offsets', 'what often'] },
  'none such': { finds: ['sends none such'], leaves: ['none, such as'] },
  'all the same': { finds: ['fails all the same'], leaves: ['all of the same size'] },
  'for want of': { finds: ['for want of buffers'], leaves: ['for lack of'] },
  hence: { finds: ['hence it fails'], leaves: ['henceforth'] },
  'goes again': { finds: ['the request goes again'], leaves: ['goes against'] },
  'has it whole': { finds: ['the file has it whole'], leaves: ['has a whole'] },
  'as it comes': { finds: ['sent as it comes'], leaves: ['has its comes'] },
  'is nothing to': { finds: ['There is nothing to compare'], leaves: ['is nothing else'] },
  'its like': { finds: ['`update` and its like'], leaves: ['it is like'] },
  'says of': { finds: ['what a message says of a flow', 'nothing is said of it'], leaves: ['says often'] },
  'hears of': { finds: ['hears of it'], leaves: ['hears often'] },
  'to be had': { finds: ['no epoll to be had'], leaves: ['to be handed'] },
};

describe('the check of words and widths', () => {
  const messages = (file: string, source: string): string[] =>
    check(file, source).map(({ line, message }) => `${line} ${message.replace(/:.*/, '')}`);

  for (const { name } of RULES)
    it(`finds "${name}", and leaves what only looks like it`, () => {
      const { finds, leaves } = SAMPLES[name];
      for (const text of finds) expect(messages('a.ts', `// ${text}`), text).to.deep.equal([`1 "${name}"`]);
      for (const text of leaves) expect(messages('a.ts', `// ${text}`), text).to.deep.equal([]);
    });

  it('has a sample for each rule', () => {
    expect(Object.keys(SAMPLES)).to.deep.equal(RULES.map(({ name }) => name));
  });

  it('finds words that the end of a line divides', () => {
    expect(messages('a.ts', '\n/**\n * It fails all\n * the same.\n */')).to.deep.equal(['3 "all the same"']);
    expect(messages('a.ts', '// It fails all\n  // the same.')).to.deep.equal(['1 "all the same"']);
    expect(messages('a.md', 'It fails all\nthe same.')).to.deep.equal(['1 "all the same"']);
  });

  it('reads comments and strings, but no code', () => {
    expect(messages('a.ts', 'const anew = stood.face;')).to.deep.equal([]);
    expect(messages('a.ts', "it('is read anew', () => {});\nconst a = `anew`;")).to.deep.equal([
      '1 "anew"',
      '2 "anew"',
    ]);
    expect(messages('a.ts', 'throw new Error(`status $' + '{told.status}, told`);')).to.deep.equal(['1 "told"']);
    expect(messages('a.md', '`anew`\n```ts\nanew;\n```\nanew')).to.deep.equal(['5 "anew"']);
    expect(messages('.ci/run', 'anew # anew')).to.deep.equal(['1 "anew"']);
  });

  it('takes a quote in a regular expression or a comment for no string', () => {
    const source = "const quote = /'/; anew(); // it's\nconst half = a / b; anew(); 'c' / d;";
    expect(messages('a.ts', source)).to.deep.equal([]);
    expect(proseOf('a.ts', source).map(({ text }) => text)).to.deep.equal(["// it's", "'c'"]);
  });

  it('knows the line of each character', () => {
    expect(flat({ line: 7, text: '/**\n * a\n */', comment: true })).to.deep.equal({ text: ' a ', lines: [8, 8, 9] });
  });

  it('finds comments that are wider than 120 columns, and leaves code and strings to the formatter', () => {
    const wide = 'x'.repeat(118);
    expect(messages('a.ts', `// ${wide}`)).to.deep.equal(['1 a comment of 121 columns']);
    expect(messages('a.ts', `/**\n * ${wide}\n */`)).to.deep.equal(['2 a comment of 121 columns']);
    expect(messages('a.ts', `// ${wide.slice(1)}`)).to.deep.equal([]);
    expect(messages('a.ts', `const a = '${wide}';`)).to.deep.equal([]);
  });

  it('needs each of its exceptions', () => {
    for (const { file, text } of EXCEPTIONS)
      expect(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'), file).to.include(text);
  });
});
