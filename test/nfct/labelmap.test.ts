/** Label maps as in C, which answers NULL for what is null or undefined here. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import * as nfct from '../../src/nfct/index.ts';
import { labelmap, labelsPath } from '../support/oracle/objects.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

const { nfct_labelmap_get_bit, nfct_labelmap_get_name, nfct_labelmap_new } = nfct;
const seed = seedFromEnvironment();

/** As the oracle answers. */
function answers(map: nfct.nfct_labelmap, bits: readonly number[], names: readonly string[]): string[] {
  const found = bits.map((bit) => nfct_labelmap_get_name(map, bit));
  return [
    ...found.map((name) => (name === undefined ? 'NULL' : `=${name}`)),
    ...names.map((name) => String(nfct_labelmap_get_bit(map, name))),
  ];
}

describe('nfct: label maps', () => {
  let folder: string;
  let file: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-labels-'));
    file = join(folder, 'connlabel.conf');
  });
  after(() => rmSync(folder, { recursive: true }));

  const made = (text: string): nfct.nfct_labelmap | null => {
    writeFileSync(file, text, 'latin1');
    return nfct_labelmap_new(file);
  };

  it('name bits, and find them by name', () => {
    const map = made('# labels\n3 three\n40 forty and more\n')!;
    expect(nfct_labelmap_get_name(map, 3)).to.equal('three');
    expect(nfct_labelmap_get_name(map, 40)).to.equal('forty and more');
    expect(nfct_labelmap_get_name(map, 0)).to.equal('');
    expect(nfct_labelmap_get_name(map, 41)).to.equal(undefined);
    expect(nfct_labelmap_get_bit(map, 'three')).to.equal(3);
    expect(nfct_labelmap_get_bit(map, 'Three')).to.equal(-1);
    expect(nfct_labelmap_get_bit(map, '')).to.equal(-1);
    nfct.nfct_labelmap_destroy(map);
  });

  it('are none without a file or a name', () => {
    expect(nfct_labelmap_new(join(folder, 'missing'))).to.equal(null);
    expect(nfct_labelmap_new(folder)).to.equal(null);
    expect(made('')).to.equal(null);
    expect(made('# nothing\n')).to.equal(null);
  });

  it('refuse what is no path, no map, no bit and no name', () => {
    const map = made('1 one\n')!;
    for (const path of [1, {}, true])
      expect(() => nfct_labelmap_new(path as never)).to.throw(TypeError, /^mapfile must/);
    expect(() => nfct_labelmap_get_name(null as never, 1)).to.throw(
      TypeError,
      /^m must be the result of nfct_labelmap_new/,
    );
    expect(() => nfct_labelmap_get_bit({} as never, 'one')).to.throw(TypeError, /^m must/);
    expect(() => nfct_labelmap_get_name(map, -1)).to.throw(RangeError, /^bit must/);
    expect(() => nfct_labelmap_get_bit(map, 1 as never)).to.throw(TypeError, /^name must/);
  });

  describeOracle('as in C', () => {
    it('are in the same place', () => {
      expect(nfct.nfct_labels_get_path()).to.equal(labelsPath());
    });

    it(`of random files (seed ${seed})`, () => {
      const random = new Random(seed);
      const names = ['one', 'two-2', 'a b', 'x', '', 'é', 'under_score', '9'];
      let maps = 0;
      for (let i = 0; i < 60; i++) {
        const lines = Array.from({ length: random.below(12) }, () => {
          const bit = random.pick([random.below(10), random.below(200), 1023, 1024, '0x1f', '017', '-1', '#']);
          return `${random.pick(['', ' ', '\t'])}${bit}${random.pick([' ', '\t', '  '])}${random.pick(names)}`;
        });
        const text = lines.map((line) => `${line}\n`).join('');
        const map = made(text);
        const bits = [0, 1, 2, 9, 15, 31, 100, 199, 200, 1023, 1024, 2 ** 32 - 1];
        const questions = [...bits.map((bit) => `name ${bit}`), ...names.map((name) => `bit ${name}`)];
        const ours = map === null ? undefined : answers(map, bits, names);
        expect(ours, text).to.deep.equal(labelmap(file, questions));
        if (map !== null) maps++;
      }
      expect(maps).to.be.within(30, 59);
    });
  });
});
