/** What -U changes where the table changes between its dump and its requests. */
import { Writable } from 'node:stream';
import { expect } from 'chai';
import { changeFlows } from '../../src/cli/commands/change.ts';
import { parse } from '../../src/cli/options/parse.ts';
import { Output } from '../../src/cli/output.ts';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { describeKernel, resetNamespace, sysctl } from '../support/kernel.ts';

const UDP = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'udp', sport: 1, dport: 53 } as const;
const FLOWS = [1, 2].map((sport) => ({ orig: { ...UDP, sport }, timeout: 600 }));

describeKernel('cli: -U', [], () => {
  let ct: Conntrack;
  beforeEach(async () => {
    resetNamespace();
    sysctl('nf_conntrack_timestamp', 1);
    ct = await Conntrack.open();
  });
  afterEach(async () => {
    await ct.close();
    resetNamespace();
  });

  it('changes no flow that took the place of a dumped one, and does not count it', async () => {
    await ct.createMany(FLOWS);
    const open = async (): Promise<Conntrack> => {
      const other = await Conntrack.open();
      const updateMany = other.updateMany.bind(other);
      other.updateMany = async (...given) => {
        await ct.delete(FLOWS[0]);
        await ct.create(FLOWS[0]);
        return await updateMany(...given);
      };
      return other;
    };
    const refused: Error[] = [];
    const output = new Output(new Writable({ write: (_chunk, _encoding, done) => done() }));
    const context = {
      ct,
      each: [{ ct, netns: undefined }],
      open,
      settings: parse(['-U', '-s', UDP.src, '-m', '42']),
      output,
    };
    expect(await changeFlows(context, (error) => refused.push(error))).to.equal(1);
    expect(refused).to.deep.equal([]);
    const marks = (await ct.dump().toArray()).map(({ orig, mark }) => [orig.sport, mark]).sort();
    expect(marks).to.deep.equal([
      [1, 0],
      [2, 42],
    ]);
  });
});
