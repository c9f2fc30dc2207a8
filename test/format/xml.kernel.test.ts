import { expect } from 'chai';
import { ATTRIBUTES } from '../../src/ctnetlink/attributes/flow.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { EVENT_TIME, LABELS, slotOfProperty } from '../../src/ctnetlink/slots.ts';
import { formatEventXML, formatFlowXML, LabelMap, XML_BEGIN, XML_END } from '../../src/format/index.ts';
import { Conntrack, type FlowEvent } from '../../src/index.ts';
import { NFCT_O_XML, NFCT_OF_TIME, NFCT_OF_TIMESTAMP } from '../../src/uapi/libnetfilter_conntrack.ts';
import { listeners, Running } from '../support/command.ts';
import { dumpMessages, messageOf, randomSample } from '../support/format/flows.ts';
import {
  compare,
  decode,
  FLAGS,
  inTimeZone,
  NOW,
  randomFlows,
  TIME_ZONES,
  TYPES,
  withFile,
} from '../support/format/parity.ts';
import { describeKernel, resetNamespace, sh, until } from '../support/kernel.ts';
import { print } from '../support/oracle/oracle.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random } from '../support/random.ts';
import { sized } from '../support/tier.ts';
import { mixedFlows, tcpConnection, tracking } from '../support/traffic.ts';

/** Random flows, or expectations, of a test. */
const COUNT = sized({ quick: 150, landing: 400, soak: 4_000 });

const type = NFCT_O_XML;
const UDP = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 53 } as const;
const ORIGINAL =
  '<meta direction="original"><layer3 protonum="2" protoname="ipv4"><src>10.0.0.1</src><dst>10.0.0.2</dst></layer3>' +
  '<layer4 protonum="17" protoname="udp"><sport>1</sport><dport>53</dport></layer4></meta>';
const NO_REPLY =
  '<meta direction="reply"><layer3 protonum="0" protoname="unknown"><src></src><dst></dst></layer3>' +
  '<layer4 protonum="0" protoname="unknown"></layer4></meta>';

/** The part of a flow's element behind its tuples. */
function rest(flow: Flow, options?: Parameters<typeof formatFlowXML>[1]): string {
  const text = formatFlowXML(flow, options);
  expect(text.startsWith(`<flow>${ORIGINAL}${NO_REPLY}`), text).to.equal(true);
  return text.slice(`<flow>${ORIGINAL}${NO_REPLY}`.length);
}

describe('format/xml', () => {
  it('has both tuples whatever is set, and the type where it is asked for', () => {
    expect(formatFlowXML(Flow.from({ orig: UDP }))).to.equal(`<flow>${ORIGINAL}${NO_REPLY}</flow>`);
    for (const type of ['new', 'update', 'destroy'] as const) {
      const begin = `<flow type="${type}">`;
      expect(formatFlowXML(Flow.from({ orig: UDP }), { type })).to.equal(`${begin}${ORIGINAL}${NO_REPLY}</flow>`);
    }
  });

  it('escapes text that would be markup, and replaces what XML does not have', () => {
    const flow = Flow.from({ orig: UDP });
    const texts = [
      ['a<b>&amp;"\'', 'a&lt;b>&amp;amp;"\''],
      [']]>', ']]&gt;'],
      ['\0\x01\x1f\x7f\ufffe\uffff\ud800', '\ufffd\ufffd\ufffd&#x7f;\ufffd\ufffd\ufffd'],
      ['\t\r\nnaïve 𝄞', '&#x9;&#xd;&#xa;naïve 𝄞'],
      ['\x9b31m\u202e', '&#x9b;31m&#x202e;'],
    ];
    for (const [text, escaped] of texts) {
      for (const [property, element] of [
        ['secctx', 'secctx'],
        ['helper.name', 'helper'],
      ]) {
        const named = flow.clone();
        named.slots[slotOfProperty(property)] = text;
        expect(rest(named)).to.equal(`<${element}>${escaped}</${element}></flow>`);
      }
    }
    // A file has no such names, but a program may.
    const labels = new LabelMap([[3, 'a<b']]);
    expect(rest(Flow.from({ orig: UDP, labels: [2, 3] }), { labels })).to.equal(
      '<meta direction="independent"><labels><label>a&lt;b</label></labels></meta></flow>',
    );
  });

  it('has the time of printing in local time, by the clock unless a time is given', () => {
    const flow = Flow.from({ orig: UDP });
    inTimeZone('UTC', () => {
      expect(rest(flow, { time: true, now: Date.UTC(2023, 11, 31, 0, 0, 9, 999) })).to.equal(
        '<when><hour>0</hour><min>00</min><sec>09</sec><wday>1</wday><day>31</day><month>12</month><year>2023</year></when></flow>',
      );
    });
    expect(rest(flow, { time: true })).to.match(/<year>\d{4,}<\/year><\/when><\/flow>$/);
  });

  it('has nothing outside of the element of an event, as since 1.4.9', () => {
    const flow = Flow.from({ orig: UDP });
    const text = formatFlowXML(flow, { type: 'new' });
    expect(formatEventXML({ type: 'new', flow })).to.equal(text);
    expect(formatEventXML({ type: 'new', flow, portid: 7 })).to.equal(text);
    expect(formatEventXML({ type: 'new', flow }, { time: true, now: NOW })).to.equal(
      formatFlowXML(flow, { type: 'new', time: true, now: NOW }),
    );
  });

  it('has the time at which the event happened where the kernel says it, not that of printing', () => {
    const happened = BigInt(Date.UTC(2023, 11, 31, 0, 0, 9)) * 1_000_000n + 999_999_999n;
    const flow = Flow.from({ orig: UDP });
    flow.slots[EVENT_TIME] = happened;
    inTimeZone('UTC', () => {
      expect(formatEventXML({ type: 'new', flow }, { time: true, now: NOW })).to.contain(
        '<when><hour>0</hour><min>00</min><sec>09</sec><wday>1</wday><day>31</day><month>12</month><year>2023</year></when></flow>',
      );
    });
  });

  it('takes nothing but a Flow', () => {
    // biome-ignore lint/suspicious/noExplicitAny: the caller's mistake
    expect(() => formatFlowXML({ orig: UDP } as any)).to.throw(TypeError, /^flow must be a Flow/);
  });

  describeOracle('against libnetfilter_conntrack', () => {
    for (const msgType of TYPES) {
      it(`prints ${COUNT} random flows to the letter, under all flags, for message type ${msgType}`, () => {
        const [messages, flows] = randomFlows(new Random(11 + msgType), COUNT);
        for (const flags of FLAGS) compare(messages, flows, { type, flags, msgType });
      });
    }

    it('prints one attribute alone', () => {
      // What opens the part that belongs to no direction shows only when there is nothing else.
      const random = new Random(7);
      const messages = Array.from({ length: COUNT }, () => {
        const { slots } = randomSample(random, random.oneIn(2)).flow;
        const flow = Flow.from({ orig: UDP });
        const rows = ATTRIBUTES.map((row) => row.property).filter(
          (property) => !/^(orig|reply|master)\./.test(property),
        );
        const slot = slotOfProperty(random.pick(rows));
        flow.slots[slot] = slots[slot];
        return messageOf({ flow, family: 2 });
      });
      for (const flags of [0, NFCT_OF_TIMESTAMP]) compare(messages, messages.map(decode), { type, flags, msgType: 0 });
    });

    it('knows every protocol and state number', () => {
      const tuple = { src: 'fd00::1', dst: 'fd00::2' };
      for (const field of ['tcp', 'sctp', 'dccp', 'proto']) {
        const messages = Array.from({ length: 256 }, (_, number) => {
          const own = { ...tuple, proto: field === 'proto' ? number : 'udp' } as const;
          const state = field === 'proto' ? {} : { [field]: { state: number } };
          return messageOf({ flow: Flow.from({ orig: own, reply: own, ...state }), family: 10 });
        });
        compare(messages, messages.map(decode), { type, msgType: 0 });
      }
    });

    it('prints the time of every hour, day and month', () => {
      const message = messageOf({ flow: Flow.from({ orig: UDP }), family: 2 });
      for (const timeZone of ['UTC', ...TIME_ZONES]) {
        for (let at = 0; at < 24; at++) {
          const now = Date.UTC(2024, at, 1 + at, at, at * 2, at + 36, 999);
          compare([message], [decode(message)], { type, flags: NFCT_OF_TIME, msgType: 0, now, timeZone });
        }
      }
    });

    it('names labels', () => {
      const text = '0 zero\n1 one\n32 thirty-two\n127 last one\n';
      const labels = LabelMap.parse(text);
      const random = new Random(5);
      const messages = Array.from({ length: 300 }, () => {
        const bits = Array.from({ length: random.below(20) }, () => random.pick([0, 1, 2, 31, 32, 126, 127]));
        return messageOf({ flow: Flow.from({ orig: UDP, mark: 1, secmark: 2, labels: bits }), family: 2 });
      });
      // Words of any length, as the kernel may send them.
      for (const length of [0, 4, 8, 12, 16, 20, 32]) {
        const flow = Flow.from({ orig: UDP });
        flow.slots[LABELS] = new Uint8Array(length).fill(0xff);
        messages.push(messageOf({ flow, family: 2 }));
      }
      const theirs = withFile(text, (connlabelConf) => print(messages, { type, msgType: 0, connlabelConf }));
      expect(messages.map((message) => formatFlowXML(decode(message), { labels }))).to.deep.equal(theirs);
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

  describeKernel('beside conntrack(8)', ['nft', 'conntrack'], () => {
    afterEach(resetNamespace);

    it('lists a table as conntrack -L -o xml does', async () => {
      const dispose = await mixedFlows();
      try {
        for (let attempt = 1; ; attempt++) {
          const before = sh('conntrack', '-L', '-o', 'xml,ktimestamp');
          const lines = (await dumpMessages()).map((message) => formatFlowXML(decode(message), { timestamp: true }));
          if (unticked(before) !== unticked(sh('conntrack', '-L', '-o', 'xml,ktimestamp')) && attempt < 20) continue;
          const ours = `${XML_BEGIN.conntrack}${lines.join('\n')}\n${XML_END.conntrack}`;
          expect(unticked(ours)).to.equal(unticked(before));
          break;
        }
      } finally {
        await dispose();
      }
    });

    it('shows events as conntrack -E -o xml does', async () => {
      tracking();
      const theirs = new Running('conntrack', ['-E', '-o', 'xml,ktimestamp']);
      await using ct = await Conntrack.open();
      const events = await ct.events();
      let lines: string[];
      try {
        await listeners(2);
        const { localPort } = await tcpConnection(8089);
        sh('conntrack', '-D', '-p', 'tcp', '--sport', String(localPort));
        lines = await linesUntilDestroy(events);
        await until(() => /<flow type="destroy">.*\n/.test(theirs.stdout), { what: 'the last event' });
      } finally {
        events.close();
        await theirs.stop();
      }
      const ours = `${XML_BEGIN.conntrack}${lines.join('\n')}\n${XML_END.conntrack}`;
      // What comes behind is of packets that were on their way. 1.4.9 does not say who caused it.
      const seen = theirs.stdout.replace(/(<flow type="destroy">.*\n)(?:<flow .*\n)+/, '$1');
      expect(ours).to.equal(seen.replace(/ \[USERSPACE\].*$/gm, ''));
      expect(ours).to.match(/<flow type="new">.*<flow type="update">.*<flow type="destroy">/s);
    });
  });
});

async function linesUntilDestroy(events: AsyncIterable<{ type: string }>): Promise<string[]> {
  const lines: string[] = [];
  for await (const event of events) {
    lines.push(formatEventXML(event as FlowEvent, { timestamp: true }));
    if (event.type === 'destroy') break;
  }
  return lines;
}

/** Without what ticks; how often a flow is in use is said while somebody looks at it. */
function unticked(xml: string): string {
  return xml.replace(/<(timeout|deltatime|use)>\d+</g, '<$1><');
}
