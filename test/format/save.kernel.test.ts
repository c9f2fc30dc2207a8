import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { formatFlowSave } from '../../src/format/save.ts';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';
import { type Dispose, mixedFlows } from '../support/traffic.ts';

const UDP = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 2 } as const;
const BACK = { src: '10.0.0.2', dst: '10.0.0.1', proto: 'udp', sport: 2, dport: 1 } as const;

/** Without the seconds, which tick. */
function steady(line: string): string {
  return line.replace(/ -t \d+/, ' -t #');
}

describe('format/save', () => {
  it('says what was made, and with which command', () => {
    const flow = Flow.from({ orig: UDP, reply: BACK, timeout: 30, status: ['CONFIRMED'] });
    const rest =
      '-t 30 -u UNSET -s 10.0.0.1 -d 10.0.0.2 -r 10.0.0.2 -q 10.0.0.1 -p udp --sport 1 --dport 2 --reply-port-src 2 --reply-port-dst 1';
    expect(formatFlowSave(flow)).to.equal(`-A ${rest}`);
    expect(formatFlowSave(flow, '-D')).to.equal(`-D ${rest}`);
  });

  it('leaves out what a DESTROY event does not report', () => {
    expect(formatFlowSave(Flow.from({ orig: { ...UDP, proto: 50, sport: undefined, dport: undefined } }))).to.equal(
      '-A -s 10.0.0.1 -d 10.0.0.2 -r :: -q :: -p 50',
    );
  });

  it('has states, tags and roles of protocols that this kernel may not have', () => {
    const tuple = { ...UDP, proto: 'dccp' } as const;
    const dccp = Flow.from({ orig: tuple, reply: { ...BACK, proto: 'dccp' }, dccp: { state: 'OPEN', role: 'SERVER' } });
    expect(formatFlowSave(dccp)).to.match(/ -p dccp --sport 1 .* --state OPEN --role server$/);
  });

  it('refuses what is no flow', () => {
    expect(() => formatFlowSave({} as Flow)).to.throw(TypeError, 'flow must be a Flow');
  });

  describeKernel('as conntrack -L -o save', ['conntrack', 'nft'], () => {
    let close: Dispose | undefined;
    after(async () => {
      await close?.();
      resetNamespace();
    });

    it('prints a table of every kind of flow', async () => {
      close = await mixedFlows();
      const flow = (...args: string[]): string => sh('conntrack', '-I', ...args, '-t', '600');
      const tcp = ['-s', '10.9.0.1', '-d', '10.9.0.2', '-p', 'tcp', '--state', 'SYN_SENT', '--dport', '80'];
      flow(...tcp, '--sport', '1', '-n', '10.9.0.1:99');
      flow(...tcp, '--sport', '2', '-n', '10.9.9.9', '-g', '10.9.8.8:8080');
      flow(
        ...tcp,
        '--sport',
        '3',
        '-r',
        '10.9.5.5',
        '-q',
        '10.9.6.6',
        '--reply-port-src',
        '5',
        '--reply-port-dst',
        '6',
      );
      flow(...tcp, '--sport', '4', '-u', 'ASSURED,SEEN_REPLY,FIXED_TIMEOUT', '-m', '5');
      await using ct = await Conntrack.open();
      const theirs = sh('conntrack', '-L', '-o', 'save').trimEnd().split('\n').map(steady);
      const ours = (await ct.dump().toArray()).map((each) => steady(formatFlowSave(each)));
      expect(ours.sort().join('\n')).to.equal(theirs.sort().join('\n'));
      expect(theirs.length).to.be.above(60);
    });
  });
});
