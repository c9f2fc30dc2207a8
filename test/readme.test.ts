/** Every program in the README is compiled and run, in the namespace of the tests, as a reader would paste it. */
import { describeKernel, resetNamespace, sh } from './support/kernel.ts';
import { testPrograms } from './support/programs.ts';

/** What each prints, in the order of the README: enough to see that it did its work. */
const PRINTS: readonly RegExp[] = [
  /^192\.0\.2\.7 -> 192\.0\.2\.8:53, expires in \d+ s, mark 0\n\{ entries: 1, maxEntries: \d+ \}\n$/,
  /mark: 23[\s\S]*create: EEXIST: a flow with one of these tuples exists already/,
  /^\{ succeeded: 50000, failed: 0 \}\n\{ succeeded: 25000, failed: 0 \}\n$/,
  /^new \{[\s\S]*src: '10\.0\.0\.1'[\s\S]*\} by \d+\n$/,
  /^ftp expects 192\.0\.2\.1 5000\n$/,
  /^$/,
  /^192\.0\.2\.7\n$/,
];

describeKernel('README', ['conntrack'], () => {
  beforeEach(() => {
    resetNamespace();
    const flow = ['-s', '192.0.2.7', '-d', '192.0.2.8', '-p', 'udp', '--sport', '5000', '--dport', '53', '-t', '60'];
    sh('conntrack', '-I', ...flow);
  });
  testPrograms('README.md', PRINTS);
});
