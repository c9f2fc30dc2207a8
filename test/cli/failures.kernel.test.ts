/** The last line of a failure beside conntrack(8)'s. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { failureLine } from '../../src/cli/errors/failures.ts';
import { strerror } from '../../src/cli/errors/strerror.ts';
import { parse } from '../../src/cli/options/parse.ts';
import { EPERM } from '../../src/uapi/errno.ts';
import { conntrack, ctnetlink, ctnetlinkUnder, OUR_NAME, type Result, run, THEIR_NAME } from '../support/command.ts';
import { describeKernel, onPath, resetNamespace, sh } from '../support/kernel.ts';
import { OracleProgram } from '../support/oracle/program.ts';
import { describeOracle } from '../support/oracle.ts';

const words = (line: string): string[] => line.split(' ').filter((word) => word !== '');

const FLOW = '-s 10.0.0.1 -d 10.0.0.2 -p tcp --sport 1000 --dport 80';
const OTHER = '-s 10.0.0.1 -d 10.0.0.2 -p udp --sport 7 --dport 53';
const REPLY = '--reply-port-src 1 --reply-port-dst 2';
const EXPECTED =
  '--tuple-src 10.0.0.3 --tuple-dst 10.0.0.4 --mask-src 255.255.255.255 --mask-dst 255.255.255.255 --tuple-port-src 5 --tuple-port-dst 6 --mask-port-src 0 --mask-port-dst 65535 -t 10';

/** One of each command and table. */
const LINES: Readonly<Record<string, string>> = {
  L: '-L',
  'L dying': '-L dying',
  'L expect': '-L expect',
  G: `-G ${FLOW}`,
  'G expect': `-G expect ${FLOW} ${REPLY}`,
  D: `-D ${FLOW}`,
  'D expect': `-D expect ${FLOW} ${REPLY}`,
  I: `-I ${FLOW} --state ESTABLISHED -t 10`,
  A: `-A ${FLOW} --state ESTABLISHED -t 10`,
  'I expect': `-I expect ${FLOW} ${EXPECTED}`,
  U: `-U ${FLOW} -m 5`,
  F: '-F',
  'F expect': '-F expect',
  C: '-C',
  'C expect': '-C expect',
  S: '-S',
  'S expect': '-S expect',
};

/** What conntrack(8) 1.4.7 says other than strerror(3), found by making every errno the answer to every command. */
const OWN: readonly (readonly [number, string, string])[] = [
  [1, Object.keys(LINES).join(), 'sorry, you must be root or get CAP_NET_ADMIN capability to do this'],
  [2, 'G,D,I,A', "such conntrack doesn't exist"],
  [2, 'I expect', 'master conntrack not found'],
  [12, 'G,I,A', 'not enough memory'],
  [17, 'I', 'Such conntrack exists, try -U to update'],
  [22, 'L,L dying,L expect,G,G expect,D,D expect,I,I expect,U,F,F expect,C', 'invalid parameters'],
  [62, 'I,A', 'conntrack has expired'],
  [97, 'G', 'protocol not supported'],
  [524, 'L,L dying', 'function not implemented'],
];

const NUMBERS = Array.from({ length: 133 }, (_, before) => before + 1);

describe('cli/failures', () => {
  it('has the texts of conntrack(8) by command, table and errno', () => {
    const own = new Map<string, string>();
    for (const [errno, keys, text] of OWN) for (const key of keys.split(',')) own.set(`${errno} ${key}`, text);
    for (const [key, line] of Object.entries(LINES)) {
      const settings = parse(words(line));
      for (const errno of [...NUMBERS, 524]) {
        const text = own.get(`${errno} ${key}`) ?? strerror(errno);
        expect(failureLine({ errno, operation: '' }, settings), `${errno} ${key}`).to.equal(
          `Operation failed: ${text}`,
        );
      }
    }
  });

  it('prints for a socket that cannot listen what conntrack(8) prints', () => {
    const refused = { errno: EPERM, operation: 'join' };
    expect(failureLine(refused, parse(['-E']))).to.equal("Can't open netlink socket");
    expect(failureLine(refused, parse(['-E', 'expect']))).to.equal("Can't open handler");
  });

  describeOracle('strerror', () => {
    it("is the C library's", () => {
      const numbers = [...NUMBERS, 134, 524, 4095];
      expect(numbers.map(strerror)).to.deep.equal(new OracleProgram('strerror').ask([], numbers.map(String)));
    });
  });
});

/** Standard output, the last line of standard error without the name, the status. */
function told({ stdout, stderr, status }: Result): unknown {
  const lines = stderr.replace(OUR_NAME, '').replace(THEIR_NAME, '').split('\n');
  return { stdout: stdout.replace(/^(tcp +6 )\d+/gm, '$1#'), last: lines.at(-2), status };
}

describeKernel('A refusal beside conntrack(8)', ['conntrack'], () => {
  before(() => {
    resetNamespace();
    sh('conntrack', '-I', ...words(`${FLOW} --state ESTABLISHED -t 1000 -u ASSURED,SEEN_REPLY,FIXED_TIMEOUT`));
  });
  after(() => resetNamespace());

  for (const line of [
    `-I ${FLOW} --state ESTABLISHED -t 1000`,
    `-A ${FLOW} --state ESTABLISHED -t 1000`,
    '-I -s 10.0.0.1 -d 10.0.0.2 -p icmp --icmp-type 99 --icmp-code 0 -t 10',
    '-A -s 10.0.0.1 -d 10.0.0.2 -p icmp --icmp-type 99 --icmp-code 0 -t 10',
    `-I ${OTHER} -t 10 -w 3 --orig-zone 4`,
    `-G ${OTHER}`,
    '-G -s 10.0.0.1 -d 10.0.0.2 -p icmp --icmp-type 99 --icmp-code 0',
    `-D ${OTHER}`,
    `-U ${OTHER} -m 3`,
    `-I expect ${OTHER} ${EXPECTED}`,
    `-I expect ${FLOW} ${EXPECTED}`,
    `-G expect ${FLOW} ${REPLY}`,
    `-D expect ${FLOW} ${REPLY}`,
  ]) {
    it(line, () => expect(told(ctnetlink(...words(line)))).to.deep.equal(told(conntrack(...words(line)))));
  }

  for (const line of [`-U ${FLOW} -t 500`, `-U ${FLOW} -u EXPECTED`]) {
    it(`${line}, which 1.4.9 does not count`, () => {
      const none = { stdout: '', last: ': 0 flow entries have been updated.', status: 1 };
      expect(told(ctnetlink(...words(line)))).to.deep.equal(none);
    });
  }

  describe('without the privilege', () => {
    const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

    before(function () {
      // In a user namespace there may be no nobody to become.
      if (process.getuid?.() !== 0 || !onPath('setpriv')) this.skip();
      if (run(NOBODY[0], [...NOBODY.slice(1), 'true']).status !== 0) this.skip();
    });

    it('-C of a capture says nothing of this machine', () => {
      const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
      chmodSync(folder, 0o777);
      try {
        const capture = join(folder, 'refused.pcap');
        expect(ctnetlinkUnder(NOBODY, '-C', '--record', capture).stdout).to.match(/^\d+\n$/);
        expect(told(ctnetlink('-C', '--replay', capture))).to.deep.equal(
          told({ ...run(NOBODY[0], [...NOBODY.slice(1), 'conntrack', '-C']), stdout: '' }),
        );
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    const asked = ['L', 'L expect', 'U', 'F', 'C', 'S'].map((key) => LINES[key]);
    for (const line of [...asked, '-E --events-may-abort', '-E expect --events-may-abort']) {
      it(line, () => {
        const ours = ctnetlinkUnder(NOBODY, ...words(line));
        const args = words(line.replace(' --events-may-abort', ''));
        const theirs = run(NOBODY[0], [...NOBODY.slice(1), 'conntrack', ...args]);
        expect(told(ours)).to.deep.equal(told(theirs));
        expect(ours.stderr).to.match(/^ctnetlink v[\d.]+: .*EPERM.*CAP_NET_ADMIN.*unshare -rn.*\n.*\n$/);
        // -C and -S print what /proc reports.
        expect(ours.stdout).to.match(
          line === LINES.C ? /^\d+\n$/ : line === LINES.S ? /^(cpu=\d+ .* insert=\d+ .*\n)+$/ : /^$/,
        );
      });
    }
  });
});
