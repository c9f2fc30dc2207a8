import { expect } from 'chai';
import { describeKernel, onPath, sh } from '../support/kernel.ts';
import { type Result, run } from './support.ts';

const START = ['--import', 'tsx', 'src/cli/start.ts'];
const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

describe('cli/start', () => {
  it('lists the capture and says how to ask the live kernel', () => {
    const { stdout, stderr, status } = run(process.execPath, START);
    expect(stdout).to.match(/^Flows of a real kernel, from the capture fixtures\/mixed\/capture\.pcap:\n\nipv[46] /);
    expect(stdout).to.match(/\n\d+ flows, by way of the same tracker/);
    expect(stdout).to.contain('npm start -- --live');
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
      stdout.split('\n').filter((line) => line.includes('dport=53 [UNREPLIED]'));

    it('adds a few of its flows', () => {
      const result = run(process.execPath, START);
      expect(result.stdout).to.contain('The live kernel tracks 12 flows');
      expect(result.stdout).to.match(/\n\.\.\. and 2 more\n$/);
      expect(result.status).to.equal(0);
    });

    it('--live lists them all', () => {
      const result = run(process.execPath, [...START, '--live']);
      expect(lines(result)).to.have.lengthOf(12);
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
