/**
 * Which recorded request answers which: the same in other words, a wider dump, and none that asks for something else.
 */
import { expect } from 'chai';
import { CompiledFilter, type Filter } from '../../src/ctnetlink/filter/filter.ts';
import { kernelSupport } from '../../src/ctnetlink/filter/support.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { buildExpectationMessage } from '../../src/ctnetlink/request/expectation.ts';
import {
  buildChange,
  buildDump,
  buildFlush,
  buildGet,
  buildMessage,
  buildStats,
  type ChangeQuery,
} from '../../src/ctnetlink/request/flow.ts';
import type { FlowInit } from '../../src/index.ts';
import { bytesOf, type Request } from '../../src/netlink/request.ts';
import { type Likeness, Meaning } from '../../src/replay/meaning.ts';
import { AF_INET, AF_INET6, AF_UNSPEC } from '../../src/uapi/socket.ts';

const meaningOf = (request: Request): Meaning => new Meaning(bytesOf(request));

/** How far `recorded` answers `asked`, as a replay finds it: by a key that both have. */
function likeness(recorded: Request, asked: Request): Likeness | undefined {
  const [one, two] = [meaningOf(recorded), meaningOf(asked)];
  return one.keys.some((key) => two.keys.includes(key)) ? one.answers(two) : undefined;
}

const NEWEST = kernelSupport('6.18');
const dump = (filter: Filter): Request => buildDump('dump', new CompiledFilter(filter).forKernel('dump', NEWEST));
const flush = (filter: Filter): Request => buildFlush(new CompiledFilter(filter).forKernel('flush', NEWEST));
const get = (init: FlowInit): Request => buildGet(Flow.from(init));
const change = (query: ChangeQuery, init: FlowInit): Request => buildChange(query, Flow.from(init), false);

const orig = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'udp', sport: 5353, dport: 53 } as const;
const reply = { src: '198.51.100.2', dst: '192.0.2.1', proto: 'udp', sport: 53, dport: 5353 } as const;
const timeout = 60;

/** As conntrack(8) names a flow. */
const both = (query: 'get' | 'delete'): Request =>
  buildMessage(query, AF_INET, Flow.from({ orig, reply, timeout, mark: 7 }));

const CASES: readonly (readonly [title: string, recorded: Request, asked: Request, Likeness | undefined])[] = [
  ['a dump of everything for a mark', dump({}), dump({ mark: 5 }), 'wider'],
  ['a dump of a mark for everything', dump({ mark: 5 }), dump({}), undefined],
  ['a dump of a mark for another', dump({ mark: 5 }), dump({ mark: 6 }), undefined],
  ['some bits of a mark for the whole', dump({ mark: { value: 4, mask: 4 } }), dump({ mark: 5 }), 'wider'],
  ['other bits of a mark', dump({ mark: { value: 2, mask: 2 } }), dump({ mark: 5 }), undefined],
  ['a family for an address of it', dump({ family: 'ipv4' }), dump({ orig: { src: '192.0.2.1' } }), 'wider'],
  ['a family for the other', dump({ family: 'ipv4' }), dump({ family: 'ipv6' }), undefined],
  ['a status for two', dump({ status: ['ASSURED'] }), dump({ status: ['ASSURED', 'SEEN_REPLY'] }), 'wider'],
  ['a zone for another', dump({ zone: 1 }), dump({ zone: 2 }), undefined],
  [
    'an address for the address and a port',
    dump({ family: 'ipv4', orig: { src: '192.0.2.1' } }),
    dump({ family: 'ipv4', orig: { src: '192.0.2.1', proto: 'udp', dport: 53 } }),
    'wider',
  ],
  ['the dump of a table for another', buildDump('dump'), buildDump('dumpDying'), undefined],
  ['a dump for one that resets', buildDump('dump'), buildDump('dumpReset'), undefined],
  ['a flush of a mark again', flush({ mark: 5 }), flush({ mark: 5 }), 'same'],
  ['a flush of everything for one of a mark', buildFlush(), flush({ mark: 5 }), undefined],
  ['a flush for a delete', buildFlush(), change('delete', { orig }), undefined],
  ['a get by both tuples for one by the original', both('get'), get({ orig }), 'same'],
  ['a get by both tuples for one by the reply', both('get'), get({ reply }), 'same'],
  ['a get by the original tuple for one by both', get({ orig }), both('get'), 'same'],
  ['a delete by both tuples for one by the original', both('delete'), change('delete', { orig }), 'same'],
  ['a get in a zone for one in none', get({ orig, zone: 3 }), get({ orig }), undefined],
  ['a get of another port', get({ orig: { ...orig, sport: 1 } }), get({ orig }), undefined],
  ['a get that is named exactly', get({ orig }), buildGet(Flow.from({ orig }), 'exact'), 'same'],
  ['a delete by id for one without', change('delete', { orig, id: 7 }), change('delete', { orig }), 'same'],
  ['a delete by id for another id', change('delete', { orig, id: 7 }), change('delete', { orig, id: 8 }), undefined],
  ['a create by both tuples', change('create', { orig, reply, timeout }), change('create', { orig, timeout }), 'same'],
  [
    'a create with NAT for one without',
    change('create', { orig, reply: { ...reply, dst: '203.0.113.9' }, timeout }),
    change('create', { orig, timeout }),
    undefined,
  ],
  [
    'a create with another timeout',
    change('create', { orig, timeout: 1 }),
    change('create', { orig, timeout }),
    undefined,
  ],
  [
    'a create for a createOrUpdate',
    change('create', { orig, timeout }),
    change('createOrUpdate', { orig, timeout }),
    undefined,
  ],
  ['an update of both tuples', change('update', { orig, reply, mark: 1 }), change('update', { orig, mark: 1 }), 'same'],
  ['an update with another mark', change('update', { orig, mark: 1 }), change('update', { orig, mark: 2 }), undefined],
  [
    'an update of some bits of a mark for one of all',
    change('update', { orig, mark: 1, markMask: 1 }),
    change('update', { orig, mark: 1 }),
    undefined,
  ],
  ['statistics', buildStats('stats'), buildStats('stats'), 'same'],
  ['statistics for those of each CPU', buildStats('stats'), buildStats('cpuStats'), undefined],
  [
    'a dump of all expectations for a family',
    buildExpectationMessage('expectations.dump', AF_UNSPEC),
    buildExpectationMessage('expectations.dump', AF_INET),
    'wider',
  ],
  [
    'a dump of expectations of a family for the other',
    buildExpectationMessage('expectations.dump', AF_INET6),
    buildExpectationMessage('expectations.dump', AF_INET),
    undefined,
  ],
  [
    'a dump of flows for one of expectations',
    dump({}),
    buildExpectationMessage('expectations.dump', AF_UNSPEC),
    undefined,
  ],
];

describe('the meaning of a request', () => {
  for (const [title, recorded, asked, expected] of CASES)
    it(`${title}: ${expected ?? 'no answer'}`, () => {
      expect(likeness(recorded, asked)).to.equal(expected);
    });

  it('is that of itself, always', () => {
    for (const [title, ...requests] of CASES)
      for (const request of requests.slice(0, 2) as Request[])
        expect(likeness(request, request), title).to.equal('same');
  });

  it('reports which kernel understands it', () => {
    const needs = (filter: Filter): readonly string[] => meaningOf(dump(filter)).needs;
    expect(needs({})).to.deep.equal([]);
    expect(needs({ mark: 1 })).to.deep.equal([]);
    expect(needs({ family: 'ipv4' })).to.deep.equal(['dumpFamily']);
    expect(needs({ zone: 0, orig: { src: '192.0.2.1' } })).to.deep.equal(['dumpFamily', 'zone', 'dumpTuple']);
    expect(meaningOf(flush({ family: 'ipv4' })).needs).to.deep.equal(['flushFamily']);
  });
});
