import { expect } from 'chai';
import { Expectation } from '../../src/ctnetlink/expectation.ts';
import { buildExpectationDump } from '../../src/ctnetlink/request/expectation.ts';
import { formatOptions } from '../../src/format/flags.ts';
import {
  formatExpectation,
  formatExpectationEvent,
  formatExpectationEventXML,
  formatExpectationXML,
  XML_BEGIN,
  XML_END,
} from '../../src/format/index.ts';
import { NFCT_O_PLAIN, NFCT_O_XML } from '../../src/uapi/libnetfilter_conntrack.ts';
import { AF_INET, AF_INET6 } from '../../src/uapi/socket.ts';
import { decode, expectedExpectations, messageOf, randomMessage } from '../support/format/expectations.ts';
import { dumpMessages } from '../support/format/flows.ts';
import { expectSame, FLAGS, inTimeZone, NOW, TYPES } from '../support/format/parity.ts';
import { describeKernel, sh } from '../support/kernel.ts';
import type { PrintOptions } from '../support/oracle/oracle.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random } from '../support/random.ts';
import { sized } from '../support/tier.ts';
import { type Dispose, mixedFlows } from '../support/traffic.ts';

/** Random expectations of a test. */
const COUNT = sized({ quick: 150, landing: 400, soak: 4_000 });

/** Every message under these options, against libnetfilter_conntrack. */
function compare(messages: readonly Uint8Array[], expectations: readonly Expectation[], options: PrintOptions): void {
  const ours = { ...formatOptions(options.flags ?? 0, options.msgType), now: NOW };
  const formatter = options.type === NFCT_O_XML ? formatExpectationXML : formatExpectation;
  const texts = inTimeZone('UTC', () => expectations.map((expectation) => formatter(expectation, ours)));
  expectSame(texts, expectedExpectations(messages, options));
}

describe('format/expectation', () => {
  const expectation = Expectation.from({
    tuple: { src: '10.0.0.2', dst: '10.0.0.1', proto: 'tcp', sport: 0, dport: 1025 },
    mask: { src: '255.255.255.255', dst: '0.0.0.0', proto: 'tcp', sport: 0, dport: 65535 },
    master: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 1024, dport: 21 },
    nat: { direction: 1, src: '10.0.0.9', dst: '0.0.0.0', proto: 'tcp', sport: 1025, dport: 0 },
    timeout: 300,
    flags: 5,
    helper: 'ftp',
    class: 0,
    fn: 'nat-follow-master',
    id: 7,
  });

  it('is a line', () => {
    const line =
      '300 proto=6 src=10.0.0.2 dst=10.0.0.1 sport=0 dport=1025 mask-src=255.255.255.255 mask-dst=0.0.0.0 sport=0 dport=65535 ' +
      'master-src=10.0.0.1 master-dst=10.0.0.2 sport=1024 dport=21 PERMANENT,USERSPACE class=0 helper=ftp';
    expect(formatExpectation(expectation)).to.equal(line);
    expect(formatExpectation(expectation, { type: 'new' })).to.equal(`    [NEW] ${line}`);
    expect(formatExpectation(expectation, { type: 'destroy' })).to.equal(`[DESTROY] ${line}`);
    expect(formatExpectation(new Expectation())).to.equal('proto=0');
  });

  it('is XML, with the time of printing where it is asked for', () => {
    const text = formatExpectationXML(expectation);
    expect(text).to.equal(
      '<flow><layer3 protonum="2" protoname="ipv4"><expected><src>10.0.0.2</src><dst>10.0.0.1</dst></expected>' +
        '<mask><src>255.255.255.255</src><dst>0.0.0.0</dst></mask><master><src>10.0.0.1</src><dst>10.0.0.2</dst></master></layer3>' +
        '<layer4 protonum="6" protoname="tcp"><expected><sport>0</sport><dport>1025</dport></expected>' +
        '<mask><sport>0</sport><dport>65535</dport></mask><master><sport>1024</sport><dport>21</dport></master></layer4>' +
        '<meta><helper-name>ftp</helper-name><timeout>300</timeout><class>0</class><permanent/><userspace/></meta></flow>',
    );
    expect(formatExpectationXML(expectation, { type: 'new' })).to.equal(text.replace('<flow>', '<flow type="new">'));
    expect(formatExpectationXML(expectation, { time: true })).to.match(
      /<class>0<\/class><when>.*<\/when><permanent\/>/,
    );
  });

  it('is an event with its type, whatever program it was of, and the time of its arrival in front', () => {
    const event = { type: 'destroy', expectation, portid: 7 } as const;
    const line = formatExpectation(expectation);
    const received = 1_700_000_000_123.5;
    expect(formatExpectationEvent(event)).to.equal(`[DESTROY] ${line}`);
    expect(formatExpectationEvent(event, { received })).to.equal(`[1700000000.123500]\t[DESTROY] ${line}`);
    expect(formatExpectation(expectation, { received })).to.equal(`[1700000000.123500]\t${line}`);
    // conntrack(8) does not put zeros before them.
    expect(formatExpectation(expectation, { received: 1_700_000_000_003.5 })).to.equal(`[1700000000.3500  ]\t${line}`);
    const options = { time: true, now: received };
    expect(formatExpectationEventXML(event, options)).to.equal(
      formatExpectationXML(expectation, options).replace('<flow>', '<flow type="destroy">'),
    );
  });

  it('takes nothing but an Expectation', () => {
    // biome-ignore lint/suspicious/noExplicitAny: the caller's mistake
    for (const format of [formatExpectation, formatExpectationXML] as any[])
      expect(() => format({})).to.throw(TypeError, /^expectation must be an Expectation/);
  });

  describeOracle('against libnetfilter_conntrack', () => {
    for (const [name, type] of Object.entries({ NFCT_O_PLAIN, NFCT_O_XML })) {
      for (const msgType of [...TYPES, 3]) {
        it(`prints ${COUNT} random expectations to the letter, under all flags, ${name}, message type ${msgType}`, () => {
          const random = new Random(41 + msgType);
          const messages = Array.from({ length: COUNT }, () => randomMessage(random));
          const expectations = messages.map(decode);
          for (const flags of FLAGS) compare(messages, expectations, { type, flags, msgType });
        });
      }

      it(`knows every protocol number, ${name}`, () => {
        const tuple = { src: 'fd00::1', dst: 'fd00::2' };
        const messages = Array.from({ length: 256 }, (_, proto) => {
          const own = { ...tuple, proto };
          return messageOf(Expectation.from({ tuple: own, mask: own, master: own }), 10);
        });
        compare(messages, messages.map(decode), { type, msgType: 0 });
      });
    }
  });

  describeKernel('beside conntrack(8)', ['nft', 'conntrack'], () => {
    let dispose: Dispose | undefined;
    before(async () => {
      dispose = await mixedFlows();
    });
    after(async () => {
      await dispose?.();
    });

    for (const [name, family] of Object.entries({ ipv4: AF_INET, ipv6: AF_INET6 })) {
      it(`lists the expectations of ${name} as conntrack -L expect does`, async () => {
        const list = (): string[] => [
          sh('conntrack', '-L', 'expect', '-f', name),
          sh('conntrack', '-L', 'expect', '-f', name, '-o', 'xml'),
        ];
        for (let attempt = 1; ; attempt++) {
          const [plain, xml] = list();
          const expectations = (await dumpMessages(buildExpectationDump(family))).map(decode);
          // Timeouts tick.
          if (`${list()}` !== `${[plain, xml]}` && attempt < 50) continue;
          expect(expectations).to.have.length.above(1);
          expect(expectations.map((each) => `${formatExpectation(each)}\n`).join('')).to.equal(plain);
          const elements = expectations.map((each) => `${formatExpectationXML(each)}\n`).join('');
          expect(XML_BEGIN.expect + elements + XML_END.expect).to.equal(xml);
          break;
        }
      });
    }
  });
});
