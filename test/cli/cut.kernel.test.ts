/** ctnetlink cut: which flows it deletes, and what it says about them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { conntrack, ctnetlink, ctnetlinkUnder, type Result, Running } from '../support/command.ts';
import { describeKernel, resetNamespace, sh, until } from '../support/kernel.ts';

const FLOWS = [
  '-p tcp -s 192.0.2.1 -d 198.51.100.1 --sport 1001 --dport 22 --state ESTABLISHED',
  '-p udp -s 192.0.2.1 -d 198.51.100.2 --sport 1002 --dport 53',
  '-p udp -s 192.0.2.2 -d 192.0.2.1 --sport 1003 --dport 53',
  '-p udp -s 192.0.2.3 -d 198.51.100.3 --sport 53 --dport 1004',
  // The address that the source is translated to.
  '-p udp -s 192.0.2.4 -d 198.51.100.4 --sport 1005 --dport 7 -n 203.0.113.1',
  '-p udp -s 2001:db8::1 -d 2001:db8::2 --sport 1006 --dport 53',
  '-p icmp -s 192.0.2.5 -d 198.51.100.5 --icmp-type 8 --icmp-code 0 --icmp-id 9',
];

describeKernel('ctnetlink cut', ['root', 'ip', 'conntrack'], () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    resetNamespace();
    for (const flow of FLOWS) expect(conntrack('-I', ...flow.split(' '), '-t', '600').status, flow).to.equal(0);
  });
  after(resetNamespace);

  /** What is left, by source port; the ICMP flow has none. */
  const left = (): string[] =>
    sh('conntrack', '-L', '-f', 'ipv4')
      .concat(sh('conntrack', '-L', '-f', 'ipv6'))
      .split('\n')
      .flatMap((line) => /^\S+ .*? sport=(\d+)/.exec(line)?.[1] ?? (line === '' ? [] : 'icmp'))
      .sort();

  const ALL = ['1001', '1002', '1003', '1005', '1006', '53', 'icmp'];
  const CASES: readonly (readonly [args: string, prints: string, gone: readonly string[]])[] = [
    ['192.0.2.1', 'cut 3 flows of 1 host', ['1001', '1002', '1003']],
    ['192.0.2.1 192.0.2.5', 'cut 4 flows of 2 hosts', ['1001', '1002', '1003', 'icmp']],
    ['192.0.2.0/30', 'cut 4 flows of 1 host', ['1001', '1002', '1003', '53']],
    ['203.0.113.1', 'cut 1 flow of 1 host', ['1005']],
    ['2001:db8::/64', 'cut 1 flow of 1 host', ['1006']],
    ['0.0.0.0/0 -p udp', 'cut 4 flows of 1 host', ['1002', '1003', '1005', '53']],
    ['0.0.0.0/0 -p17 --port=53', 'cut 3 flows of 1 host', ['1002', '1003', '53']],
    ['192.0.2.1 --port 22:52', 'cut 1 flow of 1 host', ['1001']],
    ['--proto icmp 192.0.2.5', 'cut 1 flow of 1 host', ['icmp']],
    ['10.0.0.0/8', 'cut 0 flows of 1 host', []],
    ['192.0.2.1 --filter port,53', 'cut 2 flows of 1 host', ['1002', '1003']],
    ['--filter nat,src', 'cut 1 flow', ['1005']],
    ['192.0.2.1 --dry-run', 'would cut 3 flows of 1 host', []],
    ['192.0.2.1 --exact --limit 3', 'cut 3 flows of 1 host', ['1001', '1002', '1003']],
    ['192.0.2.1 --verify 0s', 'cut 3 flows of 1 host; 0 came back', ['1001', '1002', '1003']],
  ];
  for (const [args, prints, gone] of CASES)
    it(`${args}: deletes exactly these flows, and the status is 0`, () => {
      expect(ctnetlink('cut', ...args.split(' ').map((word) => word.replaceAll(',', ' ')))).to.deep.equal({
        stdout: `${prints}\n`,
        stderr: '',
        status: 0,
      });
      expect(left()).to.deep.equal(ALL.filter((each) => !gone.includes(each)));
    });

  it('has status 1 without a match where one is required, and where more match than the limit', () => {
    expect(ctnetlink('cut', '10.0.0.1', '--require')).to.include({ status: 1, stdout: 'cut 0 flows of 1 host\n' });
    expect(ctnetlink('cut', '192.0.2.5', '--require').status).to.equal(0);
    const { stdout, stderr, status } = ctnetlink('cut', '192.0.2.1', '--limit', '2');
    expect([stdout, status]).to.deep.equal(['', 1]);
    expect(stderr).to.match(/: more than 2 flows match: nothing was done\n$/);
    expect(left()).to.deep.equal(ALL.filter((each) => each !== 'icmp'));
  });

  it('reads hosts from a file and from standard input', () => {
    const file = join(folder, 'hosts');
    writeFileSync(file, '# left\n192.0.2.3   # the third\n\n192.0.2.4\n');
    expect(ctnetlink('cut', '--from', file).stdout).to.equal('cut 2 flows of 2 hosts\n');
    const piped = ctnetlinkUnder(['sh', '-c', 'echo 192.0.2.5 | "$@"', 'sh'], 'cut', '--from', '-', '2001:db8::1');
    expect(piped.stdout).to.equal('cut 2 flows of 2 hosts\n');
    writeFileSync(file, '# nobody\n\n');
    writeFileSync(file, '192.0.2.9\n\n10.0.0.300\n');
    const wrong = ctnetlink('cut', '--from', file);
    expect(wrong.stderr).to.include(`${file}, line 3: a host must be an IPv4 or IPv6 address`);
    expect(wrong.status).to.equal(2);
    writeFileSync(file, '# nobody\n\n');
    const none = ctnetlink('cut', '--from', file);
    expect(none.stderr).to.include(`there is no host in ${file}`);
    expect([none.status, none.stdout]).to.deep.equal([2, '']);
    expect(left()).to.deep.equal(['1001', '1002', '1003']);
  });

  it('prints the whole result as JSON', () => {
    const { stdout, status } = ctnetlink('cut', '192.0.2.1', '-o', 'json', '--verify', '0ms');
    const { sample, ...rest } = JSON.parse(stdout) as { sample: { orig: { sport: number } }[] };
    // The kernel leaves IPv6 out, since the host is an IPv4 address.
    const counts = {
      scanned: ALL.length - 1,
      matched: 3,
      deleted: 3,
      alreadyGone: 0,
      failed: 0,
      unknown: 0,
      failures: [],
    };
    const verified = { reappeared: 0, reappearedSample: [], wrongGeneration: 0, eventsLost: 0 };
    expect(rest).to.deep.equal({ ...counts, ...verified });
    expect(sample.map(({ orig }) => orig.sport).sort()).to.deep.equal([1001, 1002, 1003]);
    expect(status).to.equal(0);
  });

  it('says what was done until a signal came', async () => {
    for (const [signal, status] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      resetNamespace();
      conntrack('-I', ...FLOWS[1].split(' '), '-t', '600');
      const running = Running.ctnetlink('cut', '192.0.2.1', '--verify', '60m');
      await until(() => left().length === 0, { what: 'the end of the flow' });
      expect(await running.stop(signal)).to.equal(status);
      expect(running.lines).to.deep.equal(['cut 1 flow of 1 host; 0 came back']);
      expect(running.stderr).to.include('interrupted: ');
    }
  });

  it('works in another network namespace', () => {
    const name = `ctnetlink-cut-${process.pid}`;
    sh('ip', 'netns', 'add', name);
    try {
      sh('ip', 'netns', 'exec', name, 'conntrack', '-I', ...FLOWS[1].split(' '), '-t', '600');
      expect(ctnetlink('cut', '192.0.2.1', '--netns', name).stdout).to.equal('cut 1 flow of 1 host\n');
    } finally {
      sh('ip', 'netns', 'del', name);
    }
    expect(left()).to.deep.equal(ALL);
  });

  it('deletes nothing for a command line that it does not understand', () => {
    const wrong = (...args: string[]): Result => ctnetlink('cut', ...args);
    for (const [args, message] of [
      [[], 'cut takes hosts, --from or --filter'],
      [['192.0.2.1', '--filter', 'port 70000'], '--filter: '],
      [['192.0.2.1', '--filter', 'not (ipv6 and host 10.0.0.1)'], '--filter: what is behind a not has parts of both'],
      [['10.9.9.9/0'], '10.9.9.9/0 is every address of its family; write 0.0.0.0/0 or ::/0'],
      [['192.0.2.1', '--port', '1', '--port', '2'], "option `--port' is given twice"],
      [['192.0.2.1', '--filter', 'sport 1 and'], '--filter: '],
      [['--filter', 'any'], 'this is every flow'],
      [['host'], 'a host'],
      [['192.0.2.1/33'], 'a host'],
      [['192.0.2.1/'], 'a host'],
      [[''], 'a host'],
      [['0.0.0.0/0', '::/0'], 'this is every flow; -F empties the table'],
      [['192.0.2.1', '--port', '70000'], '--port takes a port'],
      [['192.0.2.1', '--port', '9:8'], '--port takes a port'],
      [['192.0.2.1', '--port', 'ssh'], '--port takes a port'],
      [['192.0.2.1', '-p', 'nonsense'], '--proto'],
      [['192.0.2.1', '--limit', '-1'], '--limit takes a whole number'],
      [['192.0.2.1', '--verify', '1'], '--verify takes a time'],
      [['192.0.2.1', '--verify', '2h'], '--verify takes a time'],
      [['192.0.2.1', '--dry-run=yes'], "option `--dry-run' takes no argument"],
      [['192.0.2.1', '--limit'], "option `--limit' needs an argument"],
      [['192.0.2.1', '-o', 'xml'], "`xml' is no format: there is json"],
      [
        ['192.0.2.1', '--netns', ''],
        "the argument of `--netns' must be the name or the path of a network namespace, not ''",
      ],
      [['192.0.2.1', '--netns', '..'], "the argument of `--netns' must be the name"],
      [['192.0.2.1', '--dry'], "unknown option `--dry'"],
    ] as const) {
      const { stdout, stderr, status } = wrong(...args);
      expect([stdout, status], args.join(' ')).to.deep.equal(['', 2]);
      expect(stderr).to.include(message);
    }
    expect(left()).to.deep.equal(ALL);
  });
});
