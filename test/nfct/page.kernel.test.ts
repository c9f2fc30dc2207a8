/** The programs of docs/libnetfilter_conntrack.md compile, and run as a reader would paste them. */
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';
import { testPrograms } from '../support/programs.ts';

const DNS =
  'src=192.0.2.7 dst=192.0.2.8 sport=5000 dport=53 [UNREPLIED] src=192.0.2.8 dst=192.0.2.7 sport=53 dport=5000';
const NTP = DNS.replaceAll('=53', '=123');

/** What each prints, in the order of the page. */
const PRINTS: readonly RegExp[] = [
  new RegExp(`^udp +17 \\d+ ${escaped(DNS)} mark=2 use=\\d+\\n$`),
  new RegExp(`^udp +17 \\d+ ${escaped(NTP)} mark=1 use=\\d+\\nerrno 0\\n$`),
];

function escaped(text: string): string {
  return text.replaceAll(/[[\].]/g, '\\$&');
}

describeKernel('docs/libnetfilter_conntrack.md', ['conntrack'], () => {
  beforeEach(() => {
    resetNamespace();
    const flow = ['-s', '192.0.2.7', '-d', '192.0.2.8', '-p', 'udp', '--sport', '5000', '-t', '60'];
    sh('conntrack', '-I', ...flow, '--dport', '53', '-m', '2');
    sh('conntrack', '-I', ...flow, '--dport', '123', '-m', '1');
  });
  afterEach(resetNamespace);
  testPrograms('docs/libnetfilter_conntrack.md', PRINTS);
});
