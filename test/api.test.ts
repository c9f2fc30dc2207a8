/** What a program reaches of the package: the entry points, the names in each, and the members of what calls return. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import * as index from '../src/index.ts';
import * as nfct from '../src/nfct/index.ts';
import { FakeTransport } from './support/fake-transport.ts';
import { kernelWith, play } from './support/played.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The names on an object and on the classes of it that are not JavaScript's. */
function membersOf(object: object): string[] {
  const names: (string | symbol)[] = [];
  for (let at = object; at !== Object.prototype; at = Object.getPrototypeOf(at)) names.push(...Reflect.ownKeys(at));
  return [...new Set(names.map(String))].filter((name) => name !== 'constructor').sort();
}

const ITERATION = ['Symbol(Symbol.asyncIterator)'];

describe('public API', () => {
  it('has eight entry points, and package.json', () => {
    const { exports } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));
    expect(Object.keys(exports).sort()).to.deep.equal(
      ['.', './format', './netlink', './nfct', './package.json', './replay', './table', './testing', './uapi'].sort(),
    );
  });

  it('has no constructor for what calls return', () => {
    expect(index).not.to.have.any.keys('Dump', 'Events', 'Expectations');
    expect(nfct).not.to.have.any.keys('NfctHandle', 'nfct_filter', 'nfct_filter_dump', 'nfct_bitmask');
    const Constructor = index.Conntrack as unknown as new () => unknown;
    expect(() => new Constructor()).to.throw(TypeError, 'Conntrack.open() opens one');
  });

  it('shows of a stream of events what a program calls', async () => {
    const { ct } = await play(kernelWith([]));
    const events = await ct.events();
    const members = [String(Symbol.asyncDispose), ...ITERATION, 'close', 'drain', 'ended', 'next', 'return'];
    expect(membersOf(events)).to.deep.equal(members.sort());
    await ct.close();
  });

  it('shows of a dump what a program calls, also of one that resets', async () => {
    const { ct } = await play(kernelWith([]));
    for (const dump of [ct.dump(), ct.dump({}, { reset: true }), ct.expectations.dump()])
      expect(membersOf(dump)).to.deep.equal([...ITERATION, 'batches', 'toArray']);
    expect(membersOf(ct.dump()[Symbol.asyncIterator]())).to.deep.equal([...ITERATION, 'next', 'return']);
    await ct.close();
  });

  it('shows nothing of the structures of libnetfilter_conntrack that are opaque in C', () => {
    const h = nfct.nfct_open_nfnl(new FakeTransport(() => []), 0, 0);
    for (const object of [h, nfct.nfct_filter_create(), nfct.nfct_filter_dump_create(), nfct.nfct_bitmask_new(31)])
      expect(membersOf(object)).to.deep.equal([]);
    nfct.nfct_close(h);
  });

  for (const name of ['ctnetlink', 'format', 'netlink', 'nfct', 'replay', 'table', 'testing', 'uapi'])
    it(`has a report of ${name} without an internal name`, () => {
      const report = readFileSync(`${ROOT}api/${name}.api.md`, 'utf8');
      expect(report).to.include('## API Report File for "ctnetlink"');
      expect(report).not.to.match(
        /ae-forgotten-export|@internal|\bslots?\b|\b(?:Lease|DumpSockets|EventQueue|SlotHolder)\b/,
      );
      expect(report).not.to.match(
        /\b(?:Codec|KernelSupport|FilterTerms|SequenceTracker|PendingBatch(?:es)?|Registrations)\b/,
      );
    });

  // Those of uapi have the names of the kernel's headers, which say what they are.
  for (const name of ['ctnetlink', 'format', 'netlink', 'nfct', 'replay', 'table', 'testing'])
    it(`has a docstring for each name of ${name}`, () => {
      const report = readFileSync(`${ROOT}api/${name}.api.md`, 'utf8');
      expect(report.match(/\(undocumented\)\n.*/g) ?? []).to.deep.equal([]);
    });
});
