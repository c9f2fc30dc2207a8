/** A line that names half of what it wants to delete or change leaves the table as it was. */
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { ctnetlink } from '../support/command.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';

const FLOWS = [
  ['192.0.2.1', '198.51.100.2', 1000],
  ['203.0.113.1', '198.51.100.2', 1001],
  ['fd00::1', 'fd00::2', 1002],
] as const;

/** What is refused. In older releases an empty length or mask was 0, and so any address. */
const REFUSED: readonly (readonly string[])[] = [
  ['-D', '-s', '203.0.113.1/'],
  ['-D', '-s', '203.0.113.1/ 0'],
  ['-D', '-s', '/0'],
  ['-D', '-s', ''],
  ['-D', '-d', '203.0.113.1/'],
  ['-D', '-r', '203.0.113.1/ 0'],
  ['-D', '-q', '203.0.113.1/'],
  ['-D', '-s', 'fd00::1/'],
  ['-D', '-s', 'fd00::1/ 0'],
  ['-D', '-s', '203.0.113.1', '--mask-src', ''],
  ['-D', '-m', 'abc'],
  ['-D', '-w', ''],
  ['-D', '-p', 'udp', '--dport', '65589'],
  ['-U', '-s', '203.0.113.1/', '-m', '7'],
  ['-U', '-s', '203.0.113.1/ 0', '-m', '7'],
];

describeKernel('cli: a refused -D or -U', [], () => {
  let ct: Conntrack;
  before(async () => {
    resetNamespace();
    ct = await Conntrack.open();
    await ct.createMany(
      FLOWS.map(([src, dst, sport]) => ({ orig: { src, dst, proto: 'udp', sport, dport: 53 }, timeout: 600 })),
    );
  });
  after(async () => {
    await ct?.close();
    resetNamespace();
  });

  const left = async (): Promise<unknown> =>
    (await ct.dump().toArray()).map(({ orig, mark }) => [orig.sport, mark]).sort();

  for (const line of REFUSED)
    it(`${line.map((word) => `'${word}'`).join(' ')} leaves the table as it was, and ends with status 2`, async () => {
      expect(ctnetlink(...line).status).to.equal(2);
      expect(await left()).to.deep.equal([
        [1000, 0],
        [1001, 0],
        [1002, 0],
      ]);
    });

  it('is not one with a length of 0 that is written out: all of the family', async () => {
    expect(ctnetlink('-D', '-s', '203.0.113.1/0').status).to.equal(0);
    expect(await left()).to.deep.equal([[1002, 0]]);
  });
});
