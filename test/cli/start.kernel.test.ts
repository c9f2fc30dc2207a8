import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { MAIN, type Result, run } from '../support/command.ts';
import { describeKernel, onPath, sh } from '../support/kernel.ts';

const START = [join(dirname(MAIN), 'start.js')];
const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

describe('cli/start', () => {
  it('shows ten flows of the capture, how many there are, and how to ask the live kernel, in 100 columns', () => {
    const { stdout, stderr, status } = run(process.execPath, START);
    const lines = stdout.split('\n');
    expect(lines.slice(0, 2)).to.deep.equal([
      'Flows of a real kernel, from the capture fixtures/mixed/capture.pcap:',
      '',
    ]);
    expect(lines.slice(2, 12).filter((line) => /^\w+ \S+ -> \S+ +[\w ]+ \d+ s$/.test(line))).to.have.lengthOf(10);
    expect(lines.slice(12, 16)).to.deep.equal([
      '... and 66 more',
      '',
      '76 flows: 30 udp, 24 tcp, 9 sctp, 3 icmp, 3 gre, 2 of protocol 89, 2 udplite, and others',
      '51 IPv4, 25 IPv6, 11 with NAT',
    ]);
    expect(stdout).to.contain('npm start -- --live');
    expect(lines.filter((line) => line.length > 100)).to.deep.equal([]);
    expect([stderr, status]).to.deep.equal(['', 0]);
  });

  describeKernel('with a live kernel', ['conntrack'], () => {
    before(() => {
      sh('conntrack', '-F');
      for (let port = 1; port <= 12; port++)
        sh(
          'conntrack',
          '-I',
          '-p',
          'udp',
          '-s',
          '10.0.0.1',
          '-d',
          '10.0.0.2',
          '--sport',
          `${port}`,
          '--dport',
          '53',
          '-t',
          '600',
        );
    });
    after(() => {
      sh('conntrack', '-F');
    });

    const lines = ({ stdout }: Result): string[] =>
      stdout.split('\n').filter((line) => /^udp 10\.0\.0\.1:\d+ -> 10\.0\.0\.2:53 +not answered +\d+ s$/.test(line));
    const END = /\n\.\.\. and 2 more\n\n12 flows: 12 udp\n12 IPv4, 0 IPv6, 0 with NAT\n$/;

    it('adds ten of its flows', () => {
      const result = run(process.execPath, START);
      expect(result.stdout).to.contain('The live kernel tracks 12 flows');
      expect(lines(result)).to.have.lengthOf(10);
      expect(result.stdout).to.match(END);
      expect(result.status).to.equal(0);
    });

    it('--live shows only those', () => {
      const result = run(process.execPath, [...START, '--live']);
      expect(result.stdout)
        .to.match(/^The live kernel tracks 12 flows/)
        .and.to.match(END);
      expect(lines(result)).to.have.lengthOf(10);
      expect([result.stderr, result.status]).to.deep.equal(['', 0]);
    });

    it('fits 100 columns with the longest addresses', () => {
      const address = (last: string): string => `2001:db8:1111:2222:3333:4444:5555:${last}`;
      const flow = ['-s', address('6661'), '-d', address('6662'), '-p', 'tcp', '--sport', '40000', '--dport', '50000'];
      sh('conntrack', '-I', ...flow, '-t', '4294967', '--state', 'ESTABLISHED');
      const result = run(process.execPath, [...START, '--live']);
      sh('conntrack', '-D', ...flow);
      expect(result.stdout).to.contain('13 flows: 12 udp, 1 tcp\n12 IPv4, 1 IPv6');
      expect(result.stdout.split('\n').filter((line) => line.length > 100)).to.deep.equal([]);
    });

    it('says kindly that there is none', () => {
      sh('conntrack', '-F');
      const result = run(process.execPath, [...START, '--live']);
      expect(result.stdout).to.match(/^The live kernel tracks 0 flows.*\n\nNo flow at the moment\. /);
      expect([result.stderr, result.status]).to.deep.equal(['', 0]);
    });

    it('without the privilege keeps to the capture, and --live says what is missing', function () {
      if (!onPath('setpriv') || process.getuid?.() !== 0) this.skip();
      const plain = run(NOBODY[0], [...NOBODY.slice(1), process.execPath, ...START]);
      // In a user namespace there may be no nobody to become.
      if (plain.stderr.startsWith('setpriv:')) this.skip();
      expect(plain.stdout).not.to.contain('The live kernel tracks');
      expect([plain.stderr, plain.status]).to.deep.equal(['', 0]);
      const live = run(NOBODY[0], [...NOBODY.slice(1), process.execPath, ...START, '--live']);
      expect(live.stderr).to.match(
        /^ctnetlink v[\d.]+: .*EPERM.*CAP_NET_ADMIN.*\nctnetlink v[\d.]+: Operation failed: sorry, .*\n$/,
      );
      expect([live.stdout, live.status]).to.deep.equal(['', 1]);
    });
  });
});
