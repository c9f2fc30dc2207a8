/** What each method refuses, by which error, and that nothing was sent then. */
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { rejection } from '../support/fake-transport.ts';
import { play } from '../support/played.ts';

type Refused = [argument: unknown, type: typeof TypeError | typeof RangeError, text: string | RegExp];

const TUPLE = { src: '192.0.2.1', dst: '192.0.2.2', proto: 'tcp', sport: 1, dport: 2 } as const;
const SIX = { src: 'fd00::1', dst: 'fd00::2', proto: 'tcp', sport: 1, dport: 2 } as const;

/** What no method takes as a flow. */
const NO_FLOWS: Refused[] = [
  [undefined, TypeError, 'flow must be an object, not undefined'],
  [null, TypeError, 'flow must be an object, not null'],
  ['192.0.2.1', TypeError, "flow must be an object, not '192.0.2.1'"],
  [{}, TypeError, /flow\.(orig|reply)\.src is required/],
  [new Flow(), TypeError, /flow\.(orig|reply)\.src is required/],
  [{ mark: 1 }, TypeError, /flow\.(orig|reply)\.src is required/],
  // What would be a flush if it were sent.
  [{ id: 1 }, TypeError, /flow\.(orig|reply)\.src is required/],
  [{ zone: 1 }, TypeError, /flow\.(orig|reply)\.src is required/],
  [{ orig: {} }, TypeError, /flow\.(orig|reply)\.src is required/],
  [{ orig: { family: 'ipv4' } }, TypeError, /flow\.(orig|reply)\.src is required/],
  [{ orig: { ...TUPLE, dst: undefined } }, TypeError, 'flow.orig.dst is required'],
  [{ orig: { ...TUPLE, src: undefined } }, TypeError, 'flow.orig.src is required'],
  [{ orig: { ...TUPLE, proto: undefined } }, TypeError, 'flow.orig.proto is required'],
  [{ orig: 5 }, TypeError, 'flow.orig must be an object, not 5'],
  [{ orig: { ...TUPLE, src: '192.0.2.256' } }, RangeError, 'flow.orig.src must be an IPv4 or IPv6 address'],
  [{ orig: { ...TUPLE, src: 5 } }, TypeError, 'flow.orig.src must be a string, not 5'],
  [{ orig: { ...TUPLE, dst: 'fd00::1' } }, RangeError, 'flow.orig has an ipv6 address and something of another family'],
  [{ orig: { ...TUPLE, family: 'ipv6' } }, RangeError, 'flow.orig has an ipv4 address and something of another family'],
  [{ orig: { ...TUPLE, proto: 'tpc' } }, RangeError, 'flow.orig.proto must be a number or one of tcp, udp'],
  [{ orig: { ...TUPLE, proto: 256 } }, RangeError, 'flow.orig.proto must be an integer from 0 to 255'],
  [{ orig: { ...TUPLE, sport: 65536 } }, RangeError, 'flow.orig.sport must be an integer from 0 to 65535'],
  [{ orig: { ...TUPLE, sport: -1 } }, RangeError, 'flow.orig.sport must be'],
  [{ orig: { ...TUPLE, dport: 1.5 } }, RangeError, 'flow.orig.dport must be'],
  [{ orig: { ...TUPLE, dport: '80' } }, TypeError, "flow.orig.dport must be a number, not '80'"],
  [{ orig: { ...TUPLE, zone: 65536 } }, RangeError, 'flow.orig.zone must be an integer from 0 to 65535'],
  [{ orig: { ...TUPLE, port: 1 } }, TypeError, 'flow.orig.port is not one of family, src, dst'],
  [{ orig: TUPLE, zone: 65536 }, RangeError, 'flow.zone must be an integer from 0 to 65535'],
  [{ orig: TUPLE, zoen: 1 }, TypeError, 'flow.zoen is not a property of a flow'],
  [{ orig: TUPLE, mark: -1 }, RangeError, 'flow.mark must be an integer from 0 to 4294967295'],
  [{ orig: TUPLE, mark: 1n }, TypeError, 'flow.mark must be a number, not 1n'],
  [{ orig: TUPLE, unknown: [{ path: ['CTA_NO'], type: 1, value: '' }] }, RangeError, 'flow.unknown[0].path'],
];

/** What none that writes takes. */
const NO_WRITES: Refused[] = [
  [{ orig: TUPLE, timeout: -1 }, RangeError, 'flow.timeout must be'],
  [{ orig: TUPLE, timeout: Number.NaN }, RangeError, 'flow.timeout must be'],
  [{ orig: TUPLE, timeout: 1, status: ['ASURED'] }, RangeError, /flow\.status must have names of .*ASSURED.*'ASURED'/],
  [{ orig: TUPLE, timeout: 1, status: 2 ** 32 }, RangeError, 'flow.status must be'],
  [{ orig: TUPLE, timeout: 1, tcp: { state: 'OPEN' } }, RangeError, 'flow.tcp.state must be a number or one of NONE'],
  [{ orig: TUPLE, timeout: 1, tcp: { wscaleOrig: 256 } }, RangeError, 'flow.tcp.wscaleOrig must be'],
  [{ orig: TUPLE, timeout: 1, mark: 1, markMask: undefined }, TypeError, 'flow.markMask is undefined beside mark'],
  [{ orig: TUPLE, timeout: 1, labels: [1], labelsMask: undefined }, TypeError, 'flow.labelsMask is undefined beside'],
  [{ orig: TUPLE, timeout: 1, helper: { name: 5 } }, TypeError, 'flow.helper.name must be a string'],
  [{ orig: TUPLE, timeout: 1, helper: { name: 'f\0' } }, RangeError, 'flow.helper.name must not contain NUL'],
  [{ orig: TUPLE, timeout: 1, labels: [128] }, RangeError, 'flow.labels: bit 128 is not an integer from 0 to 127'],
  [{ orig: TUPLE, timeout: 1, labels: 5 }, TypeError, 'flow.labels must be an array'],
  [{ orig: TUPLE, timeout: 1, labels: new Uint8Array(3) }, RangeError, 'flow.labels must be whole 32-bit words'],
  [
    { orig: TUPLE, timeout: 1, labels: [1], labelsMask: new Uint8Array(8) },
    RangeError,
    'flow.labelsMask must have the length of flow.labels, 16 bytes, not 8',
  ],
  [
    { orig: TUPLE, timeout: 1, labels: new Uint8Array(4), labelsMask: [1] },
    RangeError,
    'flow.labelsMask must have the length of flow.labels, 4 bytes, not 16',
  ],
  [
    { orig: TUPLE, timeout: 1, labels: new Uint8Array(0), labelsMask: new Uint8Array(0) },
    RangeError,
    'flow.labelsMask must be whole 32-bit words, not 0 bytes',
  ],
  [{ orig: TUPLE, timeout: 1, snat: { minAddress: 'x' } }, RangeError, 'flow.snat.minAddress must be an IPv4 or IPv6'],
  [{ orig: TUPLE, timeout: 1, snat: { minPort: 65536 } }, RangeError, 'flow.snat.minPort must be'],
];

/** What creating does not take. */
const NO_CREATES: Refused[] = [
  [{ orig: TUPLE }, TypeError, 'flow.timeout is required: seconds'],
  [{ reply: { ...TUPLE, dst: undefined }, timeout: 1 }, TypeError, 'flow.reply.dst is required'],
];

const NO_FILTERS: Refused[] = [
  [null, TypeError, 'filter must be an object, not null'],
  [5, TypeError, 'filter must be an object, not 5'],
  [[], RangeError, 'filter is an empty list'],
  [new Date(0), TypeError, 'filter must be an object, not a Date'],
  [{ status: [Symbol('ASSURED')] }, TypeError, 'filter.status must have names of'],
  [{ src: '192.0.2.1' }, TypeError, 'filter.src is not one of family, mark, status, zone, orig, reply'],
  [{ family: 'ipv5' }, RangeError, "filter.family must be 'ipv4' or 'ipv6', not 'ipv5'"],
  [{ family: 2 }, RangeError, "filter.family must be 'ipv4' or 'ipv6', not 2"],
  [{ mark: -1 }, RangeError, 'filter.mark must be an integer from 0 to 4294967295'],
  [{ mark: '1' }, TypeError, 'filter.mark must be a number'],
  [{ mark: { value: 1 } }, TypeError, 'filter.mark.mask must be a number, not undefined'],
  [{ mark: { mask: 1 } }, TypeError, 'filter.mark.value must be a number, not undefined'],
  [{ status: ['NONE'] }, RangeError, 'filter.status must have names of'],
  [{ status: { value: 1 } }, TypeError, 'filter.status.mask must be a number'],
  [{ zone: 65536 }, RangeError, 'filter.zone must be an integer from 0 to 65535'],
  [{ orig: { src: '10.0.0.0/33' } }, RangeError, 'filter.orig.src must have a prefix length from 0 to 32'],
  [{ orig: { sport: 65536 } }, RangeError, 'filter.orig.sport must be an integer from 0 to 65535, not 65536'],
  [
    { orig: { sport: '53' } },
    TypeError,
    "filter.orig.sport must be a number, { from, to } or a list of both, not '53'",
  ],
  [{ orig: { dport: '53:54' } }, TypeError, 'filter.orig.dport must be a number, { from, to } or a list of both'],
  [
    { orig: { dport: null } },
    TypeError,
    'filter.orig.dport must be a number, { from, to } or a list of both, not null',
  ],
  [{ orig: { dport: new Set([53]) } }, TypeError, 'filter.orig.dport must be an object, not a Set'],
  [{ orig: { dport: [] } }, RangeError, 'filter.orig.dport is an empty list'],
  [{ orig: { dport: undefined } }, TypeError, 'filter.orig.dport is undefined'],
  [
    { reply: { dport: [53, undefined] } },
    TypeError,
    'filter.reply.dport[1] must be a number or { from, to }, not unde',
  ],
  // biome-ignore lint/suspicious/noSparseArray: that is the case
  [{ reply: { dport: [, 53] } }, TypeError, 'filter.reply.dport[0] must be a number or { from, to }, not undefined'],
  [{ orig: { dport: [[53]] } }, TypeError, 'filter.orig.dport[0] must be a number or { from, to }, not an array'],
  [{ orig: { dport: [[]] } }, TypeError, 'filter.orig.dport[0] must be a number or { from, to }, not an array'],
  [{ orig: { dport: [53, 1.5] } }, RangeError, 'filter.orig.dport[1] must be an integer from 0 to 65535, not 1.5'],
  [{ orig: { dport: [Number.NaN] } }, RangeError, 'filter.orig.dport[0] must be an integer from 0 to 65535, not NaN'],
  [{ orig: { dport: {} } }, TypeError, 'filter.orig.dport.from must be a number, not undefined'],
  [{ orig: { dport: { from: 53 } } }, TypeError, 'filter.orig.dport.to must be a number, not undefined'],
  [{ orig: { dport: { from: 53, to: undefined } } }, TypeError, 'filter.orig.dport.to must be a number, not undefined'],
  [{ orig: { dport: { from: 0, to: 65536 } } }, RangeError, 'filter.orig.dport.to must be an integer from 0 to 65535'],
  [{ orig: { dport: { from: -1, to: 5 } } }, RangeError, 'filter.orig.dport.from must be an integer from 0 to 65535'],
  [
    { orig: { dport: { from: 54, to: 53 } } },
    RangeError,
    'filter.orig.dport must have from not above to, not 54 to 53',
  ],
  [{ orig: { dport: [{ from: 2, to: 1 }] } }, RangeError, 'filter.orig.dport[0] must have from not above to'],
  [{ orig: { dport: { from: 1, to: 2, not: 3 } } }, TypeError, 'filter.orig.dport.from cannot be beside'],
  [{ orig: TUPLE, family: 'ipv6' }, RangeError, 'filter has parts of both families'],
  [{ orig: TUPLE, reply: SIX }, RangeError, 'filter has parts of both families'],
  [{ reply: 1 }, TypeError, 'filter.reply must be an object, not 1'],
];

const NO_DUMPS: Refused[] = [
  [{ table: Symbol('dying') }, TypeError, 'options.table must be conntrack, dying or unconfirmed, not Symbol(dying)'],
  [{ table: Object.create(null) }, TypeError, 'options.table must be conntrack, dying or unconfirmed, not an object'],
  [{ table: 'expect' }, RangeError, "options.table must be conntrack, dying or unconfirmed, not 'expect'"],
  [{ table: 'dying', reset: true }, RangeError, "options.reset is not for the table 'dying'"],
  [{ table: 'unconfirmed', reset: true }, RangeError, "options.reset is not for the table 'unconfirmed'"],
];

const NO_EVENTS: Refused[] = [
  [{ types: [] }, RangeError, 'options.types must name at least one type of event'],
  [{ types: 'new' }, TypeError, "options.types must be an array of new, update, destroy, not 'new'"],
  [{ types: [Symbol('new')] }, TypeError, 'options.types must be of new, update, destroy, not Symbol(new)'],
  [{ types: [Object.create(null)] }, TypeError, 'options.types must be of new, update, destroy, not an object'],
  [{ types: ['new', 'changed'] }, RangeError, "options.types must be of new, update, destroy, not 'changed'"],
  [{ types: ['toString'] }, RangeError, "not 'toString'"],
];

const shown = (value: unknown): string =>
  JSON.stringify(value, (_key, each) => (typeof each === 'bigint' ? `${each}n` : each)) ?? 'undefined';

function cases(
  method: string,
  refused: Refused[],
  call: (ct: Conntrack, argument: never) => Promise<unknown> | object,
): void {
  describe(`Conntrack: ${method} refuses`, () => {
    for (const [argument, type, text] of refused) {
      it(shown(argument), async () => {
        const { ct, fake, sockets } = await play();
        const error = await rejection((async () => await call(ct, argument as never))());
        expect(error).to.be.instanceOf(type);
        if (typeof text === 'string') expect((error as Error).message).to.contain(text);
        else expect((error as Error).message).to.match(text);
        expect(fake.sent).to.have.length(0);
        expect(sockets).to.have.length(1);
        await ct.close();
      });
    }
  });
}

cases('get', NO_FLOWS, (ct, flow) => ct.get(flow));
cases('delete', NO_FLOWS, (ct, flow) => ct.delete(flow));
cases(
  'update',
  [...NO_FLOWS, ...NO_WRITES, [{ mark: 3 }, TypeError, 'flow.orig.src is required, with dst, proto and']],
  (ct, flow) => ct.update(flow),
);
// A flow for creating needs a timeout too; what is wrong otherwise is found first.
cases('create', [...NO_FLOWS, ...NO_WRITES, ...NO_CREATES], (ct, flow) => ct.create(flow));
cases('createOrUpdate', [...NO_FLOWS, ...NO_WRITES, ...NO_CREATES], (ct, flow) => ct.createOrUpdate(flow));
cases('dump', NO_FILTERS, (ct, filter) => ct.dump(filter));
cases('dump with options', NO_DUMPS, (ct, options) => ct.dump({}, options));
cases(
  'flush',
  [
    ...NO_FILTERS,
    [undefined, TypeError, 'filter must be an object, not undefined'],
    [{}, RangeError, 'filter matches everything; flushAll() empties the table'],
    [{ orig: {}, reply: {} }, RangeError, 'flushAll()'],
    [{ family: 'ipv4', orig: {} }, RangeError, 'filter.orig has no properties'],
    [
      [{ mark: 1, not: { family: 'ipv6', counters: { orig: {} } } }],
      RangeError,
      'filter[0].not.counters.orig has no properties',
    ],
    [{ mark: 1, not: { family: 'ipv6', host: '10.0.0.1' } }, RangeError, 'filter.not has parts of both families'],
    [
      { mark: 1, not: [{ zone: 2 }, { family: 'ipv6', host: '10.0.0.1' }] },
      RangeError,
      'filter.not[1] has parts of both families and can match nothing, so that it excludes nothing',
    ],
    [{ not: { family: 'ipv6', host: '10.0.0.1' } }, RangeError, 'flushAll()'],
    [{ status: 0 }, RangeError, 'flushAll()'],
    [{ status: { value: 0, mask: 0 } }, RangeError, 'flushAll()'],
    [{ mark: { value: 0, mask: 0 } }, RangeError, 'flushAll()'],
    [{ family: 'ipv4', orig: { src: undefined } }, TypeError, 'filter.orig.src is undefined'],
    [{ orig: { family: 0 } }, RangeError, "filter.orig.family must be 'ipv4' or 'ipv6', not 0"],
  ],
  (ct, filter) => ct.flush(filter),
);
cases('events', NO_EVENTS, (ct, options) => ct.events(options));

describe('Conntrack: dump refuses', () => {
  it('its arguments at once, before it is iterated', async () => {
    const { ct } = await play();
    expect(() => ct.dump({ zone: -1 })).to.throw(RangeError, 'filter.zone');
    expect(() => ct.dump({}, { table: 'x' as never })).to.throw(RangeError, 'options.table');
  });
});

describe('Conntrack: open refuses', () => {
  it('a transport that is none', async () => {
    for (const transport of ['nosuch', 'toString', 5, {}]) {
      const error = await rejection(Conntrack.open({ transport: transport as never }));
      expect(error, shown(transport)).to.be.instanceOf(TypeError);
      expect((error as Error).message).to.match(/^options\.transport must be node:ffi, .*addon or a function, not /);
    }
  });

  it('a receive buffer that is none', async () => {
    for (const [receiveBuffer, type] of [
      ['1', TypeError],
      [-1, RangeError],
      [0, RangeError],
      [1.5, RangeError],
      [2 ** 31, RangeError],
    ] as const) {
      const error = await rejection(Conntrack.open({ receiveBuffer: receiveBuffer as never }));
      expect(error, shown(receiveBuffer)).to.be.instanceOf(type);
      expect((error as Error).message).to.contain('receiveBuffer');
    }
  });
});
