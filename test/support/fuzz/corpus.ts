/** What is mutated: every datagram of the recorded fixtures, and messages that no kernel here sends. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readCapture } from '../../../src/capture/capture.ts';
import { ATTRIBUTES } from '../../../src/ctnetlink/attributes/flow.ts';
import { viewOf } from '../../../src/netlink/byteorder.ts';
import { walkDatagram } from '../../../src/netlink/nlmsg.ts';
import { ack, concat, datagram, done, error, int32, message, nlattr } from '../fake-transport.ts';
import { Random } from '../random.ts';
import { encodeExpectation, randomExpectation } from '../sample-expectations.ts';
import { encode, inNests, NESTS, randomFlow } from '../samples.ts';

const FIXTURES = fileURLToPath(new URL('../../../fixtures/', import.meta.url));

/** The capture files themselves. */
export function captureFiles(): Uint8Array[] {
  return readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.pcap'))
    .sort()
    .map((file) => new Uint8Array(readFileSync(`${FIXTURES}/${file}`)));
}

export function capturedDatagrams(): Uint8Array[] {
  return captureFiles().flatMap((file) => readCapture(file).datagrams.map(({ bytes }) => bytes.slice()));
}

function synthesised(): Uint8Array[] {
  const random = new Random(1);
  const nfgenmsg = [2, 0, 0, 0];
  const flows = Array.from({ length: 40 }, (_, n) =>
    message(n + 1, concat(nfgenmsg, encode(randomFlow(random, ATTRIBUTES, random.between(1, 4))))),
  );
  // Padding, what is unknown in every nest, and attributes that only old kernels send.
  const odd = NESTS.map((nest) => message(7, concat([10, 0, 0, 0], inNests(nest, nlattr(31, [1, 2, 3])))));
  const extack = concat(nlattr(1, Buffer.from('Attribute failed policy validation\0')), nlattr(2, int32(40)));
  const answers = [
    ack(1),
    error(2, 2),
    error(3, 22, { extack }),
    error(4, 22, { extack, whole: flows[0] }),
    done(5),
    done(6, 12, extack),
    message(0, nfgenmsg, { type: 0x102 }),
    message(8, concat(nfgenmsg, nlattr(2, int32(3)), nlattr(15, int32(4))), { type: 0x104 }),
    message(8, concat(nfgenmsg, nlattr(1, int32(3)), nlattr(2, int32(4))), { type: 0x105 }),
  ];
  const expectations = Array.from({ length: 20 }, (_, n) =>
    message(n + 1, concat(nfgenmsg, encodeExpectation(randomExpectation(random))), { type: 0x200 }),
  );
  return [...flows, ...expectations, ...odd, ...answers, datagram(...flows.slice(0, 3), ...answers)];
}

/** Each message on its own, neighbours in pairs, and whole datagrams: small ones are mutated more thoroughly. */
export interface Corpus {
  small: Uint8Array[];
  whole: Uint8Array[];
}

export function corpus(): Corpus {
  const whole = [...capturedDatagrams(), ...synthesised()];
  const small = new Map<string, Uint8Array>();
  for (const bytes of whole) {
    let before: Uint8Array | undefined;
    walkDatagram(viewOf(bytes), (_header, _view, offset, end) => {
      const one = bytes.slice(offset, end);
      for (const each of before === undefined ? [one] : [one, datagram(before, one)]) {
        small.set(Buffer.from(each).toString('latin1'), each);
      }
      before = one;
    });
  }
  return { small: [...small.values()], whole };
}
