import { expect } from 'chai';
import { ctnetlink } from '../support/command.ts';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';
import { tracking } from '../support/traffic.ts';

describeKernel('cli/counters', ['nft', 'conntrack'], () => {
  before(() => {
    tracking();
    sh('conntrack', ...'-I -s 10.1.1.1 -d 10.2.2.2 -t 60 -p udp --sport 1 --dport 2'.split(' '));
  });
  after(resetNamespace);

  it('-C prints one object with -o json', () => {
    for (const output of ['json', 'ndjson']) {
      const { stdout, status } = ctnetlink('-C', '-o', output);
      expect(status).to.equal(0);
      expect(stdout).to.match(/^\{.*\}\n$/);
      const { entries, maxEntries } = JSON.parse(stdout) as Record<string, number>;
      expect(entries).to.equal(1);
      expect(maxEntries).to.be.above(0);
      expect(ctnetlink('-C', 'expect', '-o', output).stdout).to.equal('{"entries":0}\n');
    }
  });

  it('-S prints an array of an object for each CPU, or the objects one a line', () => {
    for (const table of [[], ['expect']]) {
      const plain = ctnetlink('-S', ...table).stdout;
      const cpus = plain.split('\n').filter((line) => line.startsWith('cpu=')).length;
      const array = JSON.parse(ctnetlink('-S', ...table, '-o', 'json').stdout) as Record<string, number>[];
      const lines = ctnetlink('-S', ...table, '-o', 'ndjson')
        .stdout.trimEnd()
        .split('\n');
      expect(array.map(({ cpu }) => cpu)).to.deep.equal(Array.from({ length: cpus }, (_, cpu) => cpu));
      expect(lines.map((line) => JSON.parse(line))).to.deep.equal(array);
    }
    expect(ctnetlink('-S', '-o', 'xml')).to.include({ status: 2, stdout: '' });
  });
});
