import { expect } from 'chai';
import { Expectation } from '../../src/ctnetlink/expectation.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import {
  formatEventJSON,
  formatExpectationEventJSON,
  formatExpectationJSON,
  formatFlowJSON,
} from '../../src/format/index.ts';
import { randomSample } from '../support/format/flows.ts';
import { Random } from '../support/random.ts';

describe('format/json', () => {
  it('is one line that gives the flow back', () => {
    const random = new Random(11);
    for (let i = 0; i < 1_000; i++) {
      const { flow } = randomSample(random);
      const line = formatFlowJSON(flow);
      expect(line).not.to.contain('\n');
      expect(formatFlowJSON(Flow.from(JSON.parse(line)))).to.equal(line);
    }
  });

  it('has 64-bit counters as numbers while they are safe, then as text', () => {
    const orig = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp' } as const;
    const flow = Flow.from({ orig, countersOrig: { packets: 2n ** 53n - 1n, bytes: 2n ** 64n - 1n } });
    expect(formatFlowJSON(flow)).to.contain('"packets":9007199254740991,"bytes":"18446744073709551615"');
  });

  it('wraps an event, with the portid where a program caused it', () => {
    const flow = Flow.from({ orig: { src: '::1', dst: '::2', proto: 'tcp', sport: 1, dport: 2 } });
    const text = formatFlowJSON(flow);
    expect(formatEventJSON({ type: 'new', flow, portid: 0 })).to.equal(`{"type":"new","flow":${text}}`);
    expect(formatEventJSON({ type: 'destroy', flow })).to.equal(`{"type":"destroy","flow":${text}}`);
    expect(formatEventJSON({ type: 'update', flow, portid: 5 })).to.equal(
      `{"type":"update","flow":${text},"portid":5}`,
    );
    expect(formatEventJSON({ type: 'update', flow, portid: 5 }, 'a"b')).to.equal(
      `{"type":"update","flow":${text},"portid":5,"progname":"a\\"b"}`,
    );
    expect(formatEventJSON({ type: 'new', flow, portid: 0 }, 'a')).to.equal(`{"type":"new","flow":${text}}`);
  });

  it('is one line that gives the expectation back, and wraps its events', () => {
    const tuple = { src: '::1', dst: '::2', proto: 'tcp', sport: 0, dport: 2 } as const;
    const expectation = Expectation.from({ tuple, timeout: 300, helper: 'ftp', class: 0 });
    const text = formatExpectationJSON(expectation);
    expect(text).to.equal(
      '{"tuple":{"family":"ipv6","src":"::1","dst":"::2","proto":"tcp","sport":0,"dport":2},"timeout":300,"helper":"ftp","class":0}',
    );
    expect(formatExpectationJSON(Expectation.from(JSON.parse(text)))).to.equal(text);
    expect(formatExpectationEventJSON({ type: 'new', expectation, portid: 0 })).to.equal(
      `{"type":"new","expectation":${text}}`,
    );
    expect(formatExpectationEventJSON({ type: 'destroy', expectation, portid: 5 })).to.equal(
      `{"type":"destroy","expectation":${text},"portid":5}`,
    );
    expect(formatExpectationEventJSON({ type: 'destroy', expectation, portid: 5 }, 'a')).to.equal(
      `{"type":"destroy","expectation":${text},"portid":5,"progname":"a"}`,
    );
  });
});
