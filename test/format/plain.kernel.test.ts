import { expect } from 'chai';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { eventTypeOf } from '../../src/ctnetlink/message.ts';
import { LABELS, STOP } from '../../src/ctnetlink/slots.ts';
import { formatFlow, LabelMap } from '../../src/format/index.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { newNlmsghdr, readNlmsghdr } from '../../src/netlink/nlmsg.ts';
import {
  NFCT_O_PLAIN,
  NFCT_OF_ID,
  NFCT_OF_SHOW_LAYER3,
  NFCT_OF_TIMESTAMP,
} from '../../src/uapi/libnetfilter_conntrack.ts';
import { dumpMessages, messageOf, randomSample } from '../support/format/flows.ts';
import { compare, decode, FLAGS, randomFlows, TIME_ZONES, TYPES, withFile } from '../support/format/parity.ts';
import { describeKernel } from '../support/kernel.ts';
import { print } from '../support/oracle/oracle.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random } from '../support/random.ts';
import { sized } from '../support/tier.ts';
import { mixedFlows } from '../support/traffic.ts';

/** Random flows, or expectations, of a test. */
const COUNT = sized({ quick: 150, landing: 400, soak: 4_000 });

const type = NFCT_O_PLAIN;

describe('format/plain', () => {
  it('has no trailing space, no prefix and nothing that is not set', () => {
    const flow = Flow.from({ orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 89 } });
    expect(formatFlow(flow)).to.equal('unknown  89 src=10.0.0.1 dst=10.0.0.2');
    expect(formatFlow(flow, { layer3: true, id: true, timestamp: true, type: 'destroy' })).to.equal(
      '[DESTROY] ipv4     2 unknown  89 src=10.0.0.1 dst=10.0.0.2',
    );
  });

  it('prints 0 where 0 is set', () => {
    const flow = Flow.from({
      orig: { src: '0.0.0.0', dst: '0.0.0.0', proto: 'udp', sport: 0, dport: 0, zone: 0 },
      timeout: 0,
      status: 0,
      mark: 0,
      use: 0,
      zone: 0,
      countersOrig: { packets: 0, bytes: 0 },
    });
    expect(formatFlow(flow)).to.equal(
      'udp      17 0 src=0.0.0.0 dst=0.0.0.0 sport=0 dport=0 zone-orig=0 packets=0 bytes=0 [UNREPLIED] mark=0 zone=0 use=0',
    );
  });

  it('is empty for a flow without an original tuple', () => {
    expect(formatFlow(new Flow(), { type: 'new' })).to.equal('');
  });

  it('counts the delta-time of a flow that has not stopped until now', () => {
    const flow = Flow.from({
      orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp' },
      timestamp: { start: 1_700_000_000_999_999_999n },
    });
    const line = 'udp      17 src=10.0.0.1 dst=10.0.0.2 sport=0 dport=0';
    expect(formatFlow(flow, { now: 1_700_000_007_000 })).to.equal(`${line} delta-time=7`);
    expect(formatFlow(flow, { now: 1_699_999_999_000 })).to.equal(`${line} delta-time=18446744073709551615`);
    expect(formatFlow(flow)).to.match(/ delta-time=\d+$/);
  });

  it('cuts timestamps to whole seconds exactly, at every boundary', () => {
    const orig = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp' } as const;
    for (const second of [0n, 1n, 9_007_199n, 9_007_200n, 1_700_000_000n, 18_446_744_072n]) {
      for (const offset of [-10_001n, -10_000n, -257n, -128n, -1n, 0n, 1n, 127n, 256n, 10_000n, 999_999_999n]) {
        const stop = second * 1_000_000_000n + offset;
        if (stop <= 0n) continue;
        const flow = Flow.from({ orig, timestamp: { start: 1, stop } });
        expect(formatFlow(flow)).to.match(new RegExp(` delta-time=${stop / 1_000_000_000n}$`));
      }
    }
  });

  describeOracle('against libnetfilter_conntrack', () => {
    for (const msgType of TYPES) {
      it(`prints ${COUNT} random flows to the letter, under all flags, for message type ${msgType}`, () => {
        const [messages, flows] = randomFlows(new Random(1 + msgType), COUNT);
        for (const flags of FLAGS) compare(messages, flows, { type, flags, msgType });
      });
    }

    it('takes a stop of 0 for none', () => {
      const random = new Random(99);
      const samples = Array.from({ length: 50 }, () => randomSample(random, true));
      for (const sample of samples) sample.flow.slots[STOP] = 0;
      const messages = samples.map((sample) => messageOf(sample));
      compare(messages, messages.map(decode), { type, flags: NFCT_OF_TIMESTAMP, msgType: 0 });
    });

    for (const timeZone of TIME_ZONES) {
      it(`prints start and stop in the local time of ${timeZone}`, () => {
        const [messages, flows] = randomFlows(new Random(98), 1_000);
        compare(messages, flows, { type, flags: NFCT_OF_TIMESTAMP, msgType: 0, timeZone });
      });
    }

    it('knows every protocol and state number', () => {
      const tuple = { src: 'fd00::1', dst: 'fd00::2' };
      for (const field of ['tcp', 'sctp', 'dccp', 'proto']) {
        const messages = Array.from({ length: 256 }, (_, number) => {
          const flow = Flow.from({
            orig: { ...tuple, proto: field === 'proto' ? number : 'udp' },
            reply: { ...tuple, proto: field === 'proto' ? number : 'udp' },
            ...(field === 'proto' ? {} : { [field]: { state: number } }),
          });
          return messageOf({ flow, family: 10 });
        });
        compare(messages, messages.map(decode), { type, flags: NFCT_OF_SHOW_LAYER3, msgType: 0 });
      }
    });

    it('takes the type from the header as the library does', () => {
      const flow = Flow.from({ orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp' } });
      for (const type of [0x100, 0x102]) {
        for (const flags of [0, 2, 0x200, 0x400, 0x600]) {
          const message = messageOf({ flow, family: 2 }, type, flags);
          const header = newNlmsghdr();
          readNlmsghdr(viewOf(message), 0, message.length, header);
          expect(formatFlow(decode(message), { type: eventTypeOf(header) })).to.equal(print([message])[0]);
        }
      }
    });

    it('names labels as the library does, whatever connlabel.conf looks like', () => {
      const text = [
        '# comment',
        '0 zero',
        '1\tone',
        ' 2 two',
        '0x3 three',
        '010 eight',
        '9 "nine"',
        '11   eleven  ',
        '12 tw elve',
        '13',
        '14 ',
        '31 thirty-one',
        '32 thirty_two',
        '33 a.b',
        '34 # no comment',
        '35 ünï',
        '36 dup',
        '37 dup',
        '38 first',
        '38 second',
        '39abc',
        'abc',
        '-1 minus',
        '40 x\r',
        '63 a,b',
        '127 last',
        '128 beyond',
        '99999999999 far',
        '42  ',
        '43 +plus',
        '44 -hyphen-',
        "46 'q'",
        '47 \vvt',
        '48 x\ty',
        '49\vv',
        '50,c',
        '+51 plus',
        '089 octal',
        '0x 52',
        '53:c',
        '  # c',
        '',
        '54 54',
        '0x37 fifty five',
        '41 no-newline',
      ].join('\n');
      withFile(text, (conf) => {
        const labels = LabelMap.parse(text);
        const random = new Random(3);
        const tuple = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 2 } as const;
        const sets = [
          ...Array.from({ length: 128 }, (_, bit) => [bit]),
          ...Array.from({ length: 300 }, () => Array.from({ length: random.below(20) }, () => random.below(128))),
        ];
        const messages = sets.map((bits) =>
          messageOf({ flow: Flow.from({ orig: tuple, id: 7, labels: bits }), family: 2 }),
        );
        const expected = print(messages, { flags: NFCT_OF_ID, connlabelConf: conf });
        messages.forEach((message, at) => {
          const line = formatFlow(decode(message), { id: true, labels, type: 'update' });
          expect(line, `bits ${sets[at]}`).to.equal(expected[at]);
        });
        // Words of any length, as the kernel may send them.
        const odd = [0, 4, 8, 12, 16, 20, 32].map((length) => {
          const flow = Flow.from({ orig: tuple });
          flow.slots[LABELS] = new Uint8Array(length).fill(0xff);
          return messageOf({ flow, family: 2 });
        });
        const lines = odd.map((message) => formatFlow(decode(message), { labels, type: 'update' }));
        expect(lines).to.deep.equal(print(odd, { connlabelConf: conf }));
      });
    });

    describeKernel('from the kernel', ['nft', 'conntrack'], () => {
      it('prints a table of every kind of flow to the letter', async () => {
        const dispose = await mixedFlows();
        try {
          const messages = await dumpMessages();
          expect(messages).to.have.length.above(60);
          const flows = messages.map(decode);
          for (const flags of FLAGS) for (const msgType of TYPES) compare(messages, flows, { type, flags, msgType });
        } finally {
          await dispose();
        }
      });
    });
  });
});
