import { expect } from 'chai';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { EVENT_TIME, ORIG } from '../../src/ctnetlink/slots.ts';
import { formatEvent, formatFlow, LabelMap } from '../../src/format/index.ts';

describe('format/event', () => {
  const flow = Flow.from({
    orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 53 },
    id: 7,
    labels: [1],
  });

  it('is the line of the flow with the type in front', () => {
    for (const type of ['new', 'update', 'destroy'] as const) {
      expect(formatEvent({ type, flow, portid: 0 })).to.equal(formatFlow(flow, { type }));
      expect(formatEvent({ type, flow })).to.equal(formatFlow(flow, { type }));
    }
    expect(formatEvent({ type: 'new', flow })).to.match(/^ {4}\[NEW\] udp {6}17 src=10\.0\.0\.1 /);
  });

  it('takes the options of a flow', () => {
    const labels = LabelMap.parse('1 one');
    expect(formatEvent({ type: 'update', flow }, { layer3: true, id: true, labels })).to.equal(
      ' [UPDATE] ipv4     2 udp      17 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=53 id=7 labels=one',
    );
  });

  it('says behind everything which program it was', () => {
    const line = formatFlow(flow, { type: 'destroy', id: true });
    const event = { type: 'destroy', flow, portid: 0xffffffff } as const;
    expect(formatEvent(event, { id: true })).to.equal(`${line} [USERSPACE] portid=4294967295`);
    expect(formatEvent(event, { id: true, programName: 'a b' })).to.equal(
      `${line} [USERSPACE] portid=4294967295 progname=a b`,
    );
    expect(formatEvent({ ...event, portid: 0 }, { id: true, programName: 'a b' })).to.equal(line);
  });

  it('puts the time at which it happened in front where the kernel says it', () => {
    const happened = new Flow();
    happened.slots[EVENT_TIME] = 1_700_000_000_123_456_999n;
    happened.slots[ORIG.proto] = 17;
    expect(formatEvent({ type: 'new', flow: happened }, { received: 5 })).to.match(/^\[1700000000\.123456\]\t/);
    expect(formatEvent({ type: 'new', flow: happened })).to.match(/^ {4}\[NEW\]/);
  });

  it('puts the time of its arrival in front, to the microsecond', () => {
    const times: [number, string][] = [
      [0, '0.000000'],
      [0.001, '0.000001'],
      [999.9995, '0.999999'],
      [1_700_000_000_000, '1700000000.000000'],
      [1_700_000_000_001, '1700000000.001000'],
      [1_700_000_000_123.5, '1700000000.123500'],
      [1_700_000_000_999.9998, '1700000000.999999'],
    ];
    for (const [received, text] of times) {
      expect(formatEvent({ type: 'new', flow }, { received })).to.equal(
        `[${text}]\t${formatFlow(flow, { type: 'new' })}`,
      );
    }
  });
});
