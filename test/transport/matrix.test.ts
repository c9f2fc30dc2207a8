/** What a landing has of the conformance suite: part of a soak, but nothing that a soak has is in no landing. */
import { expect } from 'chai';
import { CONFORMANCE, EXTENTS, type Extent } from './conformance/index.ts';
import { casesFor } from './runtime/capabilities.ts';
import { type Combination, matrixOf, nameOf } from './runtime/matrix.ts';

const namesFor = (combination: Combination): string[] => casesFor(combination).map(({ name }) => name);

const EXTENT_OF = new Map(matrixOf('landing').map((each) => [nameOf(each), each.extent]));
const atLeast = (extent: Extent) =>
  [...EXTENT_OF].filter(([, each]) => EXTENTS.indexOf(each) >= EXTENTS.indexOf(extent)).map(([name]) => name);

describe('the matrix of a landing', () => {
  const landing = matrixOf('landing');
  const soak = matrixOf('soak');

  it('has every runtime, transport, thread and refusal that a soak has', () => {
    expect(landing.map(nameOf)).to.deep.equal(soak.map(nameOf));
    expect(landing).to.have.lengthOf(34);
  });

  it('has every case somewhere', () => {
    const reached = new Set(landing.flatMap(namesFor));
    expect(CONFORMANCE.map(({ name }) => name).filter((name) => !reached.has(name))).to.deep.equal([]);
  });

  it('has every case that a soak has for it in one combination of each mechanism', () => {
    const whole = new Map(soak.map((each) => [nameOf(each), namesFor(each)]));
    const complete = landing.filter((each) => `${namesFor(each)}` === `${whole.get(nameOf(each))}`);
    expect(complete.map(nameOf)).to.have.members([
      // The kernel receives by itself; V8 and JavaScriptCore.
      'node26, node:ffi, main',
      'bun, bun, main',
      // Worker threads.
      'node26, node:ffi, worker',
      'bun, bun, worker',
      // Without io_uring.
      'node20, koffi, main, io_uring=EPERM',
      'bun, bun, main, io_uring=EPERM',
      'node26, addon, main',
    ]);
  });

  it('has the whole suite, but for what takes seconds, for each transport in one runtime', () => {
    const names = atLeast('whole');
    for (const name of ['node26, node:ffi', 'node20, koffi', 'node26, addon', 'deno, deno', 'bun, bun'])
      expect(names).to.include(`${name}, main`);
  });

  it('has the brief cases for every transport in every runtime and, once each, in a worker and without io_uring', () => {
    const names = atLeast('brief');
    for (const { runtime, transport } of landing) expect(names).to.include(`${runtime}, ${transport}, main`);
    for (const transport of ['node:ffi', 'koffi', 'deno', 'bun'])
      for (const where of ['worker', 'main, io_uring=EPERM'])
        expect(names.some((name) => name.includes(`, ${transport}, ${where}`))).to.equal(true);
    expect(names.some((name) => name.endsWith('io_uring_enter=EPERM'))).to.equal(true);
  });

  it('is brief elsewhere, and has most cases also there', () => {
    for (const each of landing.filter(({ extent }) => extent === 'brief')) {
      const all = casesFor({ ...each, extent: 'whole' }).length;
      expect(casesFor(each).length, nameOf(each)).to.be.within(Math.ceil(0.75 * all), all - 1);
    }
  });

  it('has at least a case of most kinds in the others', () => {
    const least = landing.filter(({ extent }) => extent === 'least');
    expect(least).to.have.lengthOf(12);
    for (const each of least) expect(casesFor(each).length, nameOf(each)).to.be.within(15, 40);
  });
});
