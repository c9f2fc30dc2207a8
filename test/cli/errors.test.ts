import { expect } from 'chai';
import { CommandFailure, Refusals, report } from '../../src/cli/errors/report.ts';
import { parse } from '../../src/cli/options/parse.ts';
import { UsageError } from '../../src/cli/options/settings.ts';
import { NAME } from '../../src/cli/version.ts';
import { explainKernelError } from '../../src/ctnetlink/explain.ts';
import { KernelError, NetlinkError, UnsupportedError } from '../../src/netlink/errors.ts';
import { EBUSY, EEXIST, ENOENT, EPERM, ERANGE } from '../../src/uapi/errno.ts';

const FLOW = ['-s', '10.0.0.1', '-d', '10.0.0.2', '-p', 'udp', '--sport', '1', '--dport', '2'];
const GET = parse(['-G', ...FLOW]);
const CREATE = parse(['-I', ...FLOW, '-t', '10']);
const UPDATE = parse(['-U', ...FLOW, '-m', '5']);

const refused = (errno: number, operation: string): KernelError =>
  new KernelError(errno, { operation, sequence: 1, explanation: explainKernelError(operation, errno) });

/** What is written on standard error meanwhile. */
function said(act: () => unknown): string {
  const { write } = process.stderr;
  let text = '';
  process.stderr.write = ((piece: string) => {
    text += piece;
    return true;
  }) as typeof write;
  try {
    act();
  } finally {
    process.stderr.write = write;
  }
  return text.replaceAll(`${NAME}: `, 'NAME: ');
}

describe('cli/errors', () => {
  it('explains a refusal in a line before', () => {
    const told = said(() => expect(report(refused(EBUSY, 'create'), CREATE)).to.equal(1));
    expect(told).to.equal(
      `NAME: create: EBUSY: status bits that only the kernel sets cannot be given
NAME: Operation failed: Device or resource busy
`,
    );
    const extack = { message: 'Attribute failed policy validation', offset: 40 };
    const precise = new KernelError(ERANGE, { operation: 'update', sequence: 0, extack });
    expect(said(() => report(precise, UPDATE))).to.equal(
      `NAME: update: ERANGE (kernel: Attribute failed policy validation, at byte 40 of the request)
NAME: Operation failed: Numerical result out of range
`,
    );
  });

  it('says no more where there is no more to say', () => {
    const plain = new KernelError(ENOENT, { operation: 'get', sequence: 0 });
    expect(said(() => report(plain, GET))).to.equal("NAME: Operation failed: such conntrack doesn't exist\n");
    // The sentence says createOrUpdate, which is no option.
    const exists = 'NAME: Operation failed: Such conntrack exists, try -U to update\n';
    expect(said(() => report(refused(EEXIST, 'create'), CREATE))).to.equal(exists);
    const inFile = new CommandFailure(refused(EEXIST, 'create'), CREATE);
    expect(said(() => report(inFile, parse(['-R', 'x'])))).to.equal(exists);
  });

  it('says where to look behind a usage error, but for those that conntrack(8) ends with 1', () => {
    const told = said(() => {
      expect(report(new UsageError('a'))).to.equal(2);
      expect(report(new UsageError('b', 1))).to.equal(1);
    });
    expect(told).to.equal(`NAME: a
Try \`ctnetlink -h' or 'ctnetlink --help' for more information.
NAME: b
`);
  });

  it('says in one line what is no refusal, names the option, and owns a defect', () => {
    const told = (error: unknown): string => said(() => expect(report(error)).to.equal(1));
    expect(told(new NetlinkError('ERR_X', 'a\nb'))).to.equal('NAME: Operation failed: a b\n');
    expect(told(new UnsupportedError('needs eventsMayAbortProcess'))).to.equal(
      'NAME: Operation failed: needs eventsMayAbortProcess (here: --events-may-abort)\n',
    );
    expect(told(new TypeError('x is not a function'))).to.match(/ \(a defect of ctnetlink; .*\)\n$/);
    expect(told('text')).to.equal('NAME: Operation failed: text\n');
  });

  it('reports every flow that -U could not change, and explains each errno once', () => {
    const refusals = new Refusals(UPDATE);
    const told = said(() => {
      for (let flow = 0; flow < 3; flow++) refusals.add(refused(EPERM, 'update'));
      refusals.add(refused(EBUSY, 'update'));
    });
    expect(told.match(/^NAME: update: EPERM: .*IPS_FIXED_TIMEOUT.*$/gm)).to.have.lengthOf(1);
    expect(told.match(/^Operation failed: sorry, .*$/gm)).to.have.lengthOf(3);
    expect(told).to.match(/^NAME: update: EBUSY: .*\nOperation failed: Device or resource busy\n$/m);
  });
});
