/**
 * What the entry points say to arguments that cannot be: which one, and what it must be. Methods have their own tests.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { formatFlow } from '../src/format/index.ts';
import { CompiledFilter, Conntrack, Flow, openTransport } from '../src/index.ts';
import {
  anonymize,
  fileSource,
  memorySource,
  messages,
  overrunNote,
  readCapture,
  record,
  releaseNote,
  replay,
  writeCapture,
} from '../src/replay.ts';

const CAPTURE = fileURLToPath(new URL('../fixtures/mixed/capture.pcap', import.meta.url));
// biome-ignore lint/suspicious/noExplicitAny: a program in JavaScript may pass anything
const any = (value: unknown): any => value;

const REFUSED: [name: string, call: () => unknown, type: typeof TypeError | typeof RangeError, message: RegExp][] = [
  ['open(null)', () => Conntrack.open(any(null)), TypeError, /^options must be an object, not null$/],
  ['open(5)', () => Conntrack.open(any(5)), TypeError, /^options must be an object, not 5$/],
  [
    'receiveBuffer 0',
    () => openTransport({ receiveBuffer: 0 }),
    RangeError,
    /^options\.receiveBuffer must be an integer/,
  ],
  [
    "receiveBuffer 'x'",
    () => openTransport({ receiveBuffer: any('x') }),
    TypeError,
    /^options\.receiveBuffer must be a number/,
  ],
  ...['reliable', 'receiveAhead'].map((option): (typeof REFUSED)[number] => [
    `${option} 1`,
    () => openTransport({ [option]: any(1) }),
    TypeError,
    new RegExp(`^options\\.${option} must be true or false`),
  ]),
  [
    'transport 7',
    () => openTransport({ transport: any(7) }),
    TypeError,
    /^options\.transport must be node:ffi, koffi, .*addon or a function, not 7$/,
  ],
  ['replay(5)', () => replay(any(5)), TypeError, /^capture must be a path, a URL or a Uint8Array, not 5$/],
  [
    'replay, events',
    () => replay(CAPTURE, { events: any('x') }),
    RangeError,
    /^options\.events must be free, recorded or timed, not 'x'$/,
  ],
  [
    'replay, release',
    () => replay(CAPTURE, { release: 'abc' }),
    RangeError,
    /^options\.release must be the release of a kernel, such as '6\.1\.0', not 'abc'$/,
  ],
  [
    'replay, repeat',
    () => replay(CAPTURE, { repeat: any(1) }),
    TypeError,
    /^options\.repeat must be true or false, not 1$/,
  ],
  ['replay, options', () => replay(CAPTURE, any(null)), TypeError, /^options must be an object, not null$/],
  ['record(5)', () => record(any(5)), TypeError, /^path must be a string, not 5$/],
  ["anonymize('x')", () => anonymize(any('x')), TypeError, /^capture must be a Uint8Array, not 'x'$/],
  ...Object.entries({
    key: [5, '', new Uint8Array(0)],
    keep: ['private', ['bogus'], [5], ['10.0.0.0/33']],
    drop: ['labels', ['marks'], [5]],
    format: ['xml', 5],
    onDropped: [5],
  }).flatMap(([name, values]) =>
    values.map((value): (typeof REFUSED)[number] => [
      `anonymize, ${name} ${JSON.stringify(value)}`,
      () => anonymize(readFileSync(CAPTURE), { [name]: value }),
      value === 5 || (Array.isArray(value) && value[0] === 5) || (typeof value === 'string' && /keep|drop/.test(name))
        ? TypeError
        : RangeError,
      new RegExp(`^options\\.${name}(\\[0\\])? must `),
    ]),
  ),
  ["readCapture('x')", () => readCapture(any('x')), TypeError, /^capture must be a Uint8Array, not 'x'$/],
  ['writeCapture, a number', () => writeCapture(any([5])), TypeError, /^datagrams\[0\] must be an object, not 5$/],
  ...(
    [
      ['fromKernel', 1, TypeError, 'must be true or false, not 1'],
      ['bytes', 'x', TypeError, "must be a Uint8Array, not 'x'"],
      ['time', 5, TypeError, 'must be a bigint, not 5'],
      ['time', -1n, RangeError, 'must be nanoseconds from 0 to '],
      ['time', 1n << 63n, RangeError, 'must be nanoseconds from 0 to '],
      ['socket', -1, RangeError, 'must be an integer from 0 to 4294967295, not -1'],
    ] as const
  ).map(([name, value, type, says]): (typeof REFUSED)[number] => [
    `writeCapture, ${name} ${value}`,
    () => writeCapture([any({ ...overrunNote(), [name]: value })]),
    type,
    new RegExp(`^datagrams\\[0\\]\\.${name} ${says}`),
  ]),
  ["messages('x')", () => messages(any('x')), TypeError, /^datagram must be a Uint8Array, not 'x'$/],
  ['memorySource(5)', () => memorySource(any(5)), TypeError, /^bytes must be a Uint8Array, not 5$/],
  ['fileSource(5)', () => fileSource(any(5)), TypeError, /^path must be a string or a URL, not 5$/],
  ['overrunNote(-1)', () => overrunNote(-1), RangeError, /^lost must be an integer from 0 to/],
  ['releaseNote(6)', () => releaseNote(any(6)), TypeError, /^release must be a string, not 6$/],
  ["Flow.from('x')", () => Flow.from(any('x')), TypeError, /^flow must be an object, not 'x'$/],
  ['Flow.from([])', () => Flow.from(any([])), TypeError, /^flow must be an object, not an array$/],
  ['formatFlow({})', () => formatFlow(any({})), TypeError, /^flow must be a Flow/],
  [
    'new CompiledFilter()',
    () => new CompiledFilter(any(undefined)),
    TypeError,
    /^filter must be an object, not undefined$/,
  ],
];

describe('arguments that cannot be', () => {
  for (const [name, call, type, message] of REFUSED) {
    it(name, async () => {
      let error: unknown;
      try {
        await call();
      } catch (thrown) {
        error = thrown;
      }
      expect(error).to.be.instanceOf(type);
      expect((error as Error).message).to.match(message);
    });
  }
});
