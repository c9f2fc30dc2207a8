/** docs/journeys.md says what a call enters: here the calls are made. `npm run journeys` writes the lists again. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { describeKernel } from '../support/kernel.ts';
import { traceJourneys } from './build.ts';
import { byFile, PAGE, readJourneys, withJourneys } from './page.ts';
import type { JourneyName, Step } from './trace.ts';

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));

/** A line for each file, which a difference is easy to see in. */
function linesOf(steps: readonly Step[]): string[] {
  return [...byFile(steps)].map(([file, names]) => `${file}: ${names.join(' ')}`);
}

describe('docs/journeys.md', () => {
  const journeys = Object.entries(readJourneys()) as [JourneyName, Step[]][];

  for (const [name, steps] of journeys)
    it(`names files and functions that exist (${name})`, () => {
      expect(steps).to.have.length.above(40);
      const gone = steps.filter(([file, step]) => {
        const path = `${SOURCE}${file}`;
        // A private name begins with what is no part of a word.
        return (
          !existsSync(path) ||
          !readFileSync(path, 'utf8')
            .split(/[^#\w$]/)
            .includes(step)
        );
      });
      expect(gone).to.deep.equal([]);
    });

  it('says what each file does', () => {
    const page = readFileSync(PAGE, 'utf8');
    expect(page.split('\n').filter((line) => line.startsWith('1. ') && line.includes('` ?: `'))).to.deep.equal([]);
  });

  it('is written as it is read', () => {
    const page = readFileSync(PAGE, 'utf8');
    expect(withJourneys(page, readJourneys(page))).to.equal(page);
    const renamed = { ...readJourneys(page), create: [['netlink/new.ts', 'send'] as const] };
    expect(readJourneys(withJourneys(page, renamed))).to.deep.equal(renamed);
  });
});

describeKernel('the journeys', () => {
  let traced: Record<JourneyName, Step[]>;

  before(async () => {
    traced = await traceJourneys();
  });

  for (const name of ['create', 'dump', 'event', 'delete'] as const)
    it(`enter the functions of docs/journeys.md, in that order (${name})`, () => {
      expect(linesOf(traced[name])).to.deep.equal(linesOf(readJourneys()[name]));
    });
});
