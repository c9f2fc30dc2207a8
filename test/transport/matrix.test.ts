/** What a landing has of the conformance suite: part of a soak, but nothing that a soak has is in no landing. */
import { expect } from 'chai';
import { CONFORMANCE } from './conformance/index.ts';
import { casesFor } from './runtime/capabilities.ts';
import { type Combination, matrixOf } from './runtime/matrix.ts';

const nameOf = ({ runtime, transport, thread, refused }: Combination): string =>
  [runtime, transport, thread, ...refused].join();

const namesFor = (combination: Combination): string[] => casesFor(combination).map(({ name }) => name);

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

  it('has for each transport, in one runtime, every case that a soak has for it there', () => {
    const whole = new Map(soak.map((each) => [nameOf(each), namesFor(each)]));
    const complete = landing.filter((each) => `${namesFor(each)}` === `${whole.get(nameOf(each))}`);
    expect(complete.map(nameOf)).to.include.members([
      'node26,node:ffi,main',
      'node26,node:ffi,worker',
      'node26,node:ffi,main,io_uring=EPERM',
      'node20,koffi,main',
      'node20,koffi,worker',
      'node20,koffi,main,io_uring=EPERM',
      'node20,koffi,main,io_uring_enter=EPERM',
      'node26,addon,main',
      'deno,deno,main',
      'deno,deno,worker',
      'deno,deno,main,io_uring=EPERM',
      'bun,bun,main',
      'bun,bun,worker',
      'bun,bun,main,io_uring=EPERM',
    ]);
  });

  it('is brief elsewhere, and has most cases also there', () => {
    const brief = landing.filter(({ extent }) => extent === 'brief');
    expect(brief).to.have.lengthOf(18);
    for (const each of brief) {
      const all = casesFor({ ...each, extent: 'whole' }).length;
      expect(casesFor(each).length, nameOf(each)).to.be.within(Math.ceil(0.75 * all), all - 1);
    }
  });
});
