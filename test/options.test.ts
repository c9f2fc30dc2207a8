/**
 * Every public function that takes options: unknown names and what cannot be are refused, by an error that names the
 * option.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Expectations } from '../src/conntrack/expectations.ts';
import { Expectation } from '../src/ctnetlink/expectation.ts';
import * as format from '../src/format/index.ts';
import * as index from '../src/index.ts';
import { Flow } from '../src/index.ts';
import { nearest } from '../src/netlink/check.ts';
import * as netlink from '../src/netlink.ts';
import * as nfct from '../src/nfct/index.ts';
import * as replaying from '../src/replay.ts';
import * as tables from '../src/table/index.ts';
import * as testing from '../src/testing/index.ts';
import { FakeTransport } from './support/fake-transport.ts';
import { flow, kernelWith, play } from './support/played.ts';

type Entry = [names: readonly string[], call: (options: never) => unknown];

const CALL = ['signal'];
const MANY = ['signal', 'onError'];
const WHERE = ['signal', 'dryRun', 'limit', 'exact', 'onProgress'];
const SOCKET = ['receiveBuffer', 'reliable', 'receiveAhead', 'allNamespaces'];
const OPEN = [...SOCKET, 'transport', 'events', 'eventsMayAbortProcess'];
const EVENTS = [...SOCKET, 'signal', 'types'];
const FORMAT = ['timestamp', 'labels', 'now', 'layer3', 'id', 'time'];

const FLOW = Flow.from(flow(1));
const TUPLE = { src: '192.0.2.1', dst: '192.0.2.2', proto: 'tcp', sport: 1, dport: 2 } as const;
const EXPECTATION = { tuple: TUPLE, master: TUPLE, timeout: 9 };
const EXPECTED = Expectation.from(EXPECTATION);
const CAPTURE = new URL('../fixtures/mixed/capture.pcap', import.meta.url);

/** A call of a Conntrack whose kernel has no flow. */
const ct =
  (call: (ct: index.Conntrack, options: never) => unknown) =>
  async (options: never): Promise<void> => {
    const { ct } = await play(kernelWith([]));
    try {
      await call(ct, options);
    } finally {
      await ct.close();
    }
  };

const fake = async (): Promise<FakeTransport> => new FakeTransport(kernelWith([]));
/** The options, and where they do not say one, a transport. */
const over = (options: object): never =>
  (isGiven(options) && !('transport' in options) ? { transport: fake, ...options } : options) as never;
const isGiven = (options: unknown): options is object =>
  typeof options === 'object' && options !== null && [Object.prototype, null].includes(Object.getPrototypeOf(options));

let folder: string;

/**
 * By the name under which a program finds it. What takes options is found in the sources of the functions, see below.
 */
const TABLE: Readonly<Record<string, Entry>> = {
  'Conntrack.open': [OPEN, async (options) => (await index.Conntrack.open(over(options))).close()],
  'Conntrack#dump': [['signal', 'reset', 'table'], ct((each, options) => each.dump({}, options))],
  'Conntrack#get': [CALL, ct((each, options) => each.get(FLOW, options))],
  'Conntrack#create': [CALL, ct((each, options) => each.create(FLOW, options))],
  'Conntrack#update': [CALL, ct((each, options) => each.update({ orig: TUPLE, mark: 1 }, options))],
  'Conntrack#createOrUpdate': [CALL, ct((each, options) => each.createOrUpdate(FLOW, options))],
  'Conntrack#delete': [CALL, ct((each, options) => each.delete({ orig: TUPLE }, options))],
  'Conntrack#createMany': [MANY, ct((each, options) => each.createMany([], options))],
  'Conntrack#createOrUpdateMany': [MANY, ct((each, options) => each.createOrUpdateMany([], options))],
  'Conntrack#restore': [[...MANY, 'onLoss', 'strictWindows'], ct((each, options) => each.restore([], options))],
  'Conntrack#updateMany': [MANY, ct((each, options) => each.updateMany([], options))],
  'Conntrack#deleteWhere': [[...WHERE, 'verify'], ct((each, options) => each.deleteWhere({ mark: 1 }, options))],
  'Conntrack#updateWhere': [WHERE, ct((each, options) => each.updateWhere({ mark: 1 }, { mark: 2 }, options))],
  'Conntrack#deleteMany': [MANY, ct((each, options) => each.deleteMany([], options))],
  'Conntrack#flush': [CALL, ct((each, options) => each.flush({ mark: 1 }, options))],
  'Conntrack#flushAll': [CALL, ct((each, options) => each.flushAll(options))],
  'Conntrack#events': [[...EVENTS, 'filter'], ct((each, options) => each.events(options))],
  'Conntrack#stats': [CALL, ct((each, options) => each.stats(options))],
  'Conntrack#cpuStats': [CALL, ct((each, options) => each.cpuStats(options))],
  'Expectations#dump': [CALL, ct((each, options) => each.expectations.dump({}, options))],
  'Expectations#get': [CALL, ct((each, options) => each.expectations.get(EXPECTATION, options))],
  'Expectations#create': [CALL, ct((each, options) => each.expectations.create(EXPECTATION, options))],
  'Expectations#createOrUpdate': [
    CALL,
    async (options) => {
      const flows = [{ orig: TUPLE, timeout: 9, helper: { name: 'ftp' } }];
      await using each = await index.Conntrack.open({ transport: testing.fakeKernel({ flows }).transport });
      await each.expectations.createOrUpdate(EXPECTATION, options);
    },
  ],
  'Expectations#delete': [CALL, ct((each, options) => each.expectations.delete({ tuple: TUPLE }, options))],
  'Expectations#flush': [CALL, ct((each, options) => each.expectations.flush({ helper: 'ftp' }, options))],
  'Expectations#flushAll': [CALL, ct((each, options) => each.expectations.flushAll(options))],
  'Expectations#events': [EVENTS, ct((each, options) => each.expectations.events(options))],
  'Expectations#stats': [CALL, ct((each, options) => each.expectations.stats(options))],
  'FlowTable.open': [
    [
      ...OPEN.filter((name) => name !== 'events' && name !== 'allNamespaces'),
      'filter',
      'follow',
      'maxFlows',
      'verify',
      'signal',
    ],
    async (options) => (await tables.FlowTable.open(over(options))).close(),
  ],
  'FlowTable#changes': [
    ['queue'],
    async (options) => {
      await using table = await tables.FlowTable.open({ transport: fake });
      await table.changes(options).return();
    },
  ],
  openTransport: [OPEN, (options) => index.openTransport(over(options))],
  record: [[...OPEN, 'onError'], (options) => replaying.record(join(folder, 'capture.pcap'), options).close()],
  anonymize: [
    ['key', 'keep', 'drop', 'format', 'onDropped'],
    (options) => void replaying.anonymize(readFileSync(CAPTURE), options),
  ],
  writeCapture: [['format'], (options) => void replaying.writeCapture([], options)],
  replay: [['events', 'repeat'], (options) => replaying.replay(CAPTURE, options)],
  fakeKernel: [
    ['flows', 'expectations', 'release', 'counters', 'timestamps', 'labels', 'events', 'maxEntries', 'cpus'],
    (options) => void testing.fakeKernel(options),
  ],
  nfct_open: [OPEN, async (options) => nfct.nfct_close(await nfct.nfct_open(0, 0, over(options)))],
  parseFilter: [['labelBit'], (options) => index.parseFilter('any', options)],
  formatFlow: [[...FORMAT, 'type'], (options) => format.formatFlow(FLOW, options)],
  formatFlowXML: [[...FORMAT, 'type'], (options) => format.formatFlowXML(FLOW, options)],
  formatEvent: [
    [...FORMAT, 'received', 'programName'],
    (options) => format.formatEvent({ type: 'new', flow: FLOW }, options),
  ],
  formatEventXML: [FORMAT, (options) => format.formatEventXML({ type: 'new', flow: FLOW }, options)],
  formatExpectation: [[...FORMAT, 'type', 'received'], (options) => format.formatExpectation(EXPECTED, options)],
  formatExpectationXML: [[...FORMAT, 'type'], (options) => format.formatExpectationXML(EXPECTED, options)],
  formatExpectationEvent: [
    ['received'],
    (options) => format.formatExpectationEvent({ type: 'new', expectation: EXPECTED }, options),
  ],
  formatExpectationEventXML: [
    ['time', 'now'],
    (options) => format.formatExpectationEventXML({ type: 'new', expectation: EXPECTED }, options),
  ],
};

/** What they take is no choice between options: the layer below both APIs, or values with parts. */
const OTHERS = ['NetlinkSocket#request', 'NetlinkSocket#start', 'BpfAssembler#branch', 'pcapRecord'];

/** The parameters of a function as its source has them. */
function parametersOf(method: object): string {
  const source = Function.prototype.toString.call(method);
  const from = source.indexOf('(');
  let depth = 0;
  for (let at = from; at < source.length; at++) {
    if (source[at] === '(') depth++;
    else if (source[at] === ')' && --depth === 0) return source.slice(from + 1, at);
  }
  return '';
}

/** All functions and methods that programs find, by name. */
function publicFunctions(): Map<string, object> {
  const found = new Map<string, object>();
  // Programs get an Expectations from a Conntrack.
  for (const module of [index, { Expectations }, tables, format, replaying, testing, nfct, netlink]) {
    for (const [name, value] of Object.entries(module)) {
      if (typeof value !== 'function') continue;
      if (!/^class\b/.test(Function.prototype.toString.call(value))) {
        found.set(name, value);
        continue;
      }
      for (const [owner, mark] of [
        [value, '.'],
        [value.prototype, '#'],
      ] as const)
        for (const [key, { value: method }] of Object.entries(Object.getOwnPropertyDescriptors(owner)))
          if (typeof method === 'function' && key !== 'constructor') found.set(`${name}${mark}${key}`, method);
    }
  }
  return found;
}

async function outcome(call: Entry[1], options: unknown): Promise<Error | undefined> {
  try {
    await call(options as never);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

const NO_OPTIONS: readonly (readonly [text: string, options: unknown])[] = [
  ['null', null],
  ['an array', []],
  ['a Date', new Date(0)],
  ['a Map', new Map()],
  ['a function', () => {}],
  ['Symbol(options)', Symbol('options')],
  ["'signal'", 'signal'],
  ['5', 5],
  [
    'an instance of a class',
    new (class Options {
      readonly signal = undefined;
    })(),
  ],
];

describe('options', () => {
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('of every public function are in this table', () => {
    const taking = [...publicFunctions()]
      .filter(([, method]) => /\boptions\b|[{]|\bdetails\b/.test(parametersOf(method)))
      .map(([name]) => name);
    expect(taking).to.include.members(['Conntrack#get', 'replay']);
    expect(taking.filter((name) => !OTHERS.includes(name)).sort()).to.deep.equal(Object.keys(TABLE).sort());
  });

  for (const [name, [names, call]] of Object.entries(TABLE)) {
    it(`of ${name}`, async () => {
      expect(await outcome(call, undefined), 'none').to.equal(undefined);
      expect(await outcome(call, Object.create(null)), 'without a prototype').to.equal(undefined);
      const absent = Object.fromEntries(names.map((each) => [each, undefined]));
      expect(await outcome(call, { ...absent, ...(names === OPEN ? { transport: fake } : {}) })).to.equal(undefined);
      for (const [text, options] of NO_OPTIONS) {
        const error = await outcome(call, options);
        expect(error, text).to.be.instanceOf(TypeError);
        expect(error!.message).to.equal(`options must be an object, not ${text}`);
      }
      const unknown = await outcome(call, { nosuch: 1 });
      expect(unknown).to.be.instanceOf(TypeError);
      expect(unknown!.message).to.match(/^options\.nosuch is no option: there are /);
      for (const each of names) {
        const swapped = `${each[1]}${each[0]}${each.slice(2)}`;
        const misspelt = await outcome(call, { [swapped]: 1 });
        expect(misspelt, swapped).to.be.instanceOf(TypeError);
        expect(misspelt!.message).to.equal(`options.${swapped} is no option; did you mean ${each}?`);
        // A filter without parts is one.
        const objects = each === 'filter' ? [] : [Object.create(null)];
        for (const value of [Symbol('x'), new Date(0), null, ...objects]) {
          const error = await outcome(call, { [each]: value });
          expect(error, `${each} ${String(typeof value)}`).to.be.instanceOf(TypeError);
          expect(error!.message).to.match(new RegExp(`^options\\.${each} must `));
        }
      }
    });
  }

  /** One object is for a whole listing, and what a format prints does no harm. */
  const written = (name: string): boolean => name.startsWith('format');
  for (const [name, [names, call]] of Object.entries(TABLE).filter(([each]) => !written(each))) {
    it(`of ${name} are read once: what is checked is what is used`, async () => {
      const reads = new Map<PropertyKey, number>();
      const given = Object.fromEntries(names.map((each) => [each, each === 'transport' ? fake : undefined]));
      const options = new Proxy(given, {
        get(target, key) {
          reads.set(key, (reads.get(key) ?? 0) + 1);
          return Reflect.get(target, key);
        },
      });
      expect(await outcome(call, options)).to.equal(undefined);
      expect([...reads.keys()]).to.include.members([...names]);
      for (const each of names) expect(reads.get(each), each).to.equal(1);
    });
  }

  it('of deleteWhere that say dryRun only while they are checked delete nothing', async () => {
    const kernel = testing.fakeKernel({ flows: [{ ...flow(1), mark: 1 }] });
    await using conntrack = await index.Conntrack.open({ transport: kernel.transport });
    let reads = 0;
    const options = {
      get dryRun(): boolean {
        return reads++ === 0;
      },
    };
    expect(await conntrack.deleteWhere({ mark: 1 }, options)).to.include({ matched: 1, deleted: 0 });
    expect(await conntrack.dump().toArray()).to.have.length(1);
  });

  it('of open are refused before anything is opened', async () => {
    let opened = 0;
    const transport = async (): Promise<FakeTransport> => {
      opened++;
      return await fake();
    };
    for (const wrong of [{ recieveBuffer: 1 }, { eventsMayAbortProcess: 1 }, { receiveBuffer: -1 }])
      expect(await outcome((options) => index.Conntrack.open(options), { transport, ...wrong })).to.be.an('error');
    expect(opened).to.equal(0);
  });

  it('name the one that was meant', async () => {
    const message = async (call: Entry[1], options: object): Promise<string> => (await outcome(call, options))!.message;
    expect(await message(TABLE['Conntrack.open'][1], { recieveBuffer: 1 })).to.equal(
      'options.recieveBuffer is no option; did you mean receiveBuffer?',
    );
    expect(await message(TABLE['Conntrack#events'][1], { type: ['new'] })).to.equal(
      'options.type is no option; did you mean types?',
    );
    expect(await message(TABLE['Conntrack#dump'][1], { zero: true })).to.equal(
      'options.zero is no option: there are signal, reset, table',
    );
    expect(nearest('SIGNAL', ['reset', 'signal'])).to.equal('signal');
    expect(nearest('x', ['reset', 'id'])).to.equal(undefined);
  });

  it('give a transport that is one', async () => {
    for (const [given, text] of [
      [1, 'options.transport must give a Transport, not 1 without start()'],
      [undefined, 'options.transport must give a Transport, not undefined without start()'],
      [{ start() {} }, 'options.transport must give a Transport, not an object without send()'],
    ] as const) {
      const error = await outcome((options) => index.Conntrack.open(options), { transport: () => given });
      expect(error).to.be.instanceOf(TypeError).and.have.property('message', text);
    }
  });

  it('of record that are undefined take nothing from what a socket is opened with', async () => {
    let seen: object | undefined;
    const transport = async (options?: object): Promise<FakeTransport> => {
      seen = options;
      return await fake();
    };
    const recorder = replaying.record(join(folder, 'capture.pcap'), { transport, receiveBuffer: undefined });
    await recorder({ receiveBuffer: 5000 });
    recorder.close();
    expect(seen).to.include({ receiveBuffer: 5000 });
  });

  it('of flush are not what it deletes', async () => {
    const flush = ct((each, filter) => each.expectations.flush(filter));
    for (const [filter, text] of [
      [null, 'filter must be an object, not null'],
      [{ helpre: 'ftp' }, 'filter.helpre is no option; did you mean helper?'],
      [{ helper: Symbol('x') }, 'filter.helper must be a string, not Symbol(x)'],
      [{}, 'helper is required; flushAll() deletes every expectation'],
    ] as const)
      expect(await outcome(flush, filter))
        .to.be.instanceOf(TypeError)
        .and.have.property('message', text);
  });
});
