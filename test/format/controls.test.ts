/** Nothing that a kernel, a capture or another program can name drives the terminal that text goes to. */
import { expect } from 'chai';
import { wordsOf } from '../../src/cli/load/words.ts';
import { EXPECTATION_ATTRIBUTES } from '../../src/ctnetlink/attributes/expectation.ts';
import { ATTRIBUTES } from '../../src/ctnetlink/attributes/flow.ts';
import { Expectation } from '../../src/ctnetlink/expectation.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { expectationSlot, slotOfProperty } from '../../src/ctnetlink/slots.ts';
import * as format from '../../src/format/index.ts';
import { formatSyncJSON } from '../../src/format/json.ts';
import { formatFlowSave } from '../../src/format/save.ts';
import { describe as described } from '../../src/netlink/check.ts';
import { KernelError } from '../../src/netlink/errors.ts';
import { escapeControls, escapeControlsInJSON } from '../../src/netlink/escape.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

/** What a terminal may act upon, found one by one and not by the expression that is tested. */
function controlIn(text: string): string | undefined {
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (
      code < 0x20 ||
      (code >= 0x7f && code <= 0x9f) ||
      [0x061c, 0x200e, 0x200f, 0x2028, 0x2029].includes(code) ||
      (code >= 0x202a && code <= 0x202e) ||
      (code >= 0x2066 && code <= 0x2069) ||
      (code >= 0xd800 && code <= 0xdfff)
    )
      return `U+${code.toString(16)}`;
  }
  return undefined;
}

const HOSTILE: readonly (readonly [text: string, escaped: string])[] = [
  ['\x1b[31mred\x1b[0m', '\\x1b[31mred\\x1b[0m'],
  ['\x1b]0;title\x07', '\\x1b]0;title\\x07'],
  ['\x9b2J', '\\x9b2J'],
  ['a\nb\r\tc\0', 'a\\x0ab\\x0d\\x09c\\x00'],
  ['\x7f\x80\x85\x9f', '\\x7f\\x80\\x85\\x9f'],
  ['txt.\u202egpj', 'txt.\\u202egpj'],
  ['\u061c\u200e\u200f\u2066\u2069', '\\u061c\\u200e\\u200f\\u2066\\u2069'],
  ['\u2028\u2029', '\\u2028\\u2029'],
  ['\ud800x\udc00', '\\ud800x\\udc00'],
];

const ORDINARY = ['ftp', 'system_u:object_r:unlabeled_t:s0', 'a b<&"', 'naïve 𝄞 日本', '\\x1b', 'Q.931', '\xa0\u200d'];

const TUPLE = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 2 } as const;

/** Every text that is made of a name, by what makes it. */
function texts(name: string): Record<string, string> {
  const flow = Flow.from({ orig: TUPLE, reply: TUPLE, labels: [1] });
  for (const { property, kind } of ATTRIBUTES) if (kind === 'string') flow.slots[slotOfProperty(property)] = name;
  const expectation = Expectation.from({ tuple: TUPLE, mask: TUPLE, master: TUPLE, timeout: 1 });
  for (const { property, kind } of EXPECTATION_ATTRIBUTES)
    if (kind === 'string') expectation.slots[expectationSlot(property as 'helper')] = name;
  const labels = new format.LabelMap([[1, name]]);
  const event = { type: 'new', flow, portid: 5 } as const;
  const expected = { type: 'new', expectation, portid: 5 } as const;
  return {
    flow: format.formatFlow(flow, { labels }),
    event: format.formatEvent(event, { labels, programName: name }),
    'event -o save': format.formatEventSave(event, name),
    'flow -o save': formatFlowSave(flow),
    expectation: format.formatExpectation(expectation),
    'event of an expectation': format.formatExpectationEvent(expected),
    'flow in XML': format.formatFlowXML(flow, { labels }),
    'event in XML': format.formatEventXML(event, { labels }),
    'expectation in XML': format.formatExpectationXML(expectation),
    'event of an expectation in XML': format.formatExpectationEventXML(expected),
    'flow in JSON': format.formatFlowJSON(flow),
    'event in JSON': format.formatEventJSON(event, name),
    'expectation in JSON': format.formatExpectationJSON(expectation),
    'event of an expectation in JSON': format.formatExpectationEventJSON(expected, name),
    'listed flow in JSON': formatSyncJSON({ flow }),
    'listed expectation in JSON': formatSyncJSON({ expectation }),
    'error of the kernel': new KernelError(22, { operation: 'create', sequence: 1, extack: { message: name } }).message,
    'argument in an error': described(name),
  };
}

describe('format: control characters', () => {
  it('are written as JavaScript writes them, and other text stays as it is', () => {
    for (const [text, escaped] of HOSTILE) {
      expect(escapeControls(text)).to.equal(escaped);
      expect(controlIn(text), escaped).not.to.equal(undefined);
    }
    for (const text of ORDINARY) expect(escapeControls(text)).to.equal(text);
  });

  it('are in no text of a flow, an event, an expectation or an error', () => {
    for (const [name, escaped] of HOSTILE) {
      const all = texts(name);
      for (const [what, text] of Object.entries(all))
        expect(controlIn(text), `${what}: ${escaped}`).to.equal(undefined);
      expect(all.flow).to.contain(` secctx=${escaped} helper=${escaped} labels=${escaped}`);
      expect(all.event)
        .to.match(/ \[USERSPACE\] portid=5 progname=/)
        .and.contain(`progname=${escaped}`);
      expect(all.expectation).to.contain(` helper=${escaped}`);
    }
  });

  it('leave ordinary names to the letter as conntrack(8) prints them', () => {
    for (const name of ORDINARY) {
      const all = texts(name);
      expect(all.flow).to.contain(` secctx=${name} helper=${name} labels=${name}`);
      expect(all.event.endsWith(` progname=${name}`)).to.equal(true);
      expect(all.expectation.endsWith(` helper=${name}`)).to.equal(true);
    }
    for (const name of ['tmux: server', 'a-b', 'conntrack'])
      expect(texts(name)['event -o save'].endsWith(` progname=${name}`)).to.equal(true);
  });

  it('in JSON mean the same to a parser', () => {
    for (const [name] of HOSTILE) {
      expect(JSON.parse(escapeControlsInJSON(JSON.stringify({ [name]: name })))).to.deep.equal({ [name]: name });
      const { helper, secctx } = JSON.parse(texts(name)['flow in JSON']);
      expect([helper.name, secctx]).to.deep.equal([name, name]);
    }
  });

  it('nor anything else in the name of a program adds an option to a line that -R reads', () => {
    const plain = wordsOf(texts('x')['event -o save']).filter((word) => word.startsWith('-'));
    for (const name of [
      'x\n-F',
      'x -m 5',
      'x\t-m 5',
      'a"b"-F',
      'a" -m 5',
      '" "-F',
      '"-F',
      ' -F',
      'a\\" -F',
      '-F',
      'x\0 -F',
    ]) {
      const line = texts(name)['event -o save'];
      expect(line).not.to.contain('\n');
      expect(
        wordsOf(line).filter((word) => word.startsWith('-')),
        JSON.stringify(name),
      ).to.deep.equal(plain);
    }
  });

  it('are in no text of any string (seeded)', () => {
    const seed = seedFromEnvironment();
    const random = new Random(seed);
    const ranges = [0x20, 0xa0, 0x100, 0x2100, 0x10000, 0x110000];
    for (let n = 0; n < 1500; n++) {
      const codes = Array.from({ length: 1 + random.below(12) }, () =>
        random.below(ranges[random.below(ranges.length)]),
      );
      const name = String.fromCodePoint(...codes);
      for (const [what, text] of Object.entries(texts(name)))
        if (controlIn(text) !== undefined)
          expect.fail(`${what} has ${controlIn(text)} of ${JSON.stringify(name)}; CTNETLINK_SEED=${seed}`);
    }
  });
});
