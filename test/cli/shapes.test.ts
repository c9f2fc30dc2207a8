import { expect } from 'chai';
import { Shapes } from '../../src/cli/load/shapes.ts';
import { wordsOf } from '../../src/cli/load/words.ts';
import { Parser } from '../../src/cli/options/parse.ts';
import type { Settings } from '../../src/cli/options/settings.ts';
import { Random } from '../support/random.ts';
import { sized } from '../support/tier.ts';

/** What a line says, or why it says nothing. */
function outcome(read: () => Settings | undefined): unknown {
  try {
    return read();
  } catch (error) {
    return (error as Error).message;
  }
}

function readOneByOne(line: string): Settings | undefined {
  const words = wordsOf(line);
  return words.length === 0 ? undefined : new Parser(words, true).settings;
}

/** Pieces of a line with -A: values of all kinds, right and wrong, and what shapes must not be mistaken about. */
const PIECES: readonly (readonly string[])[] = [
  ['-A', '-A', '-A', '-I', '--add', '-A conntrack', '-U', ''],
  ['-t 100', '-t 7', '-t 8', '-t 9', '-t100', '--timeout=5', '-t -3', '-t', ''],
  ['-u ASSURED', '-u SEEN_REPLY,ASSURED', '-u SRC_NAT', '-u bogus', '-u ,', '', ''],
  ['-s 10.0.0.1', '-s 10.0.0.2', '-s fd00::1', '-s 10.0.0.0/24', '-s 10.0.0.0/24', '-s 1.2.3', '-s x', '--src 1.1.1.1'],
  ['-d 10.0.1.1', '-d fd00::2', '-d 10.0.1.0/24', '-d  10.0.1.1', '-d "10.0.1.1"', '-d\t10.0.1.1', '-d 10.9.9.9'],
  ['-r 10.0.1.1 -q 10.0.0.1', '-r 10.0.1.1/8', '', '', ''],
  ['-p tcp', '-p udp', '-p 6', '-p icmp', '-p gre', '-p bogus', '-p tcp -p udp'],
  [
    '--sport 1 --dport 2',
    '--sport 3 --dport 4',
    '--sport 3 --dport 4:5',
    '--sport 3 --dport 4,4',
    '--sport=1 --dport 9',
    '--sport 1',
    '--icmp-type 8 --icmp-code 0',
    '',
  ],
  ['--state ESTABLISHED', '--state CLOSE', '--state bogus', '', ''],
  ['-n 10.9.9.9', '-n 10.9.9.9:77', '-n', '', '', '', ''],
  ['-m 5', '-m 5/7', '-m 0x10', '-w 3', '--label-add 1', '-o xml', '-z', 'extra', '-- -s 1.1.1.1', '', '', ''],
];

describe('cli/shapes', () => {
  it('read a line as it is read alone, whatever was read before', () => {
    const random = new Random(20261125);
    const shapes = new Shapes();
    let read = 0;
    const lines = sized({ quick: 10_000, landing: 30_000, soak: 30_000 });
    for (let line = 0; line < lines; line++) {
      const text = PIECES.map((pieces) => random.pick(pieces))
        .filter((piece) => piece !== '')
        .join(' ');
      const alone = outcome(() => readOneByOne(text));
      expect(
        outcome(() => shapes.read(text)),
        text,
      ).to.deep.equal(alone);
      if (typeof alone === 'object') read++;
    }
    expect(read).to.be.above(lines / 75);
  });

  it('do not take a gap for a value', () => {
    const shapes = new Shapes();
    const good = '-A -s 1.1.1.1 -d 2.2.2.2 -p udp --sport 1 --dport 2 -t 5';
    expect(shapes.read(good)?.flow.timeout).to.equal(5);
    expect(shapes.read(good.replace('-t 5', '-t 6'))?.flow.timeout).to.equal(6);
    for (const bad of ['-t', '-t ', '-t  ', '-t 6 -t']) {
      const line = good.replace('-t 5', bad);
      expect(
        outcome(() => shapes.read(line)),
        line,
      ).to.deep.equal(outcome(() => readOneByOne(line)));
    }
  });
});
