/**
 * Every call that deletes expectations, and those on flows that take their expectations along: exactly the wanted ones
 * are left.
 */
import { expect } from 'chai';
import { flushExpectations } from '../../src/cli/commands/flush.ts';
import { deleteExpectation } from '../../src/cli/expectations/change.ts';
import { parse } from '../../src/cli/options/parse.ts';
import { Output } from '../../src/cli/output.ts';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { ExpectationInit } from '../../src/ctnetlink/attributes/expectation-properties.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { KernelError } from '../../src/netlink/errors.ts';
import * as nfct from '../../src/nfct/index.ts';
import { AF_INET } from '../../src/uapi/socket.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';
import { tracking } from '../support/traffic.ts';

/**
 * A flow with a helper, and what it expects: the port that the expectation has. A helper may expect one flow of each.
 */
interface Row {
  readonly master: FlowInit & { orig: object };
  readonly expected: ExpectationInit;
}

function row(dport: number, six: boolean, helper: 'ftp' | 'tftp', zone?: number): Row {
  const [src, dst] = six ? ['fd00::1', 'fd00::2'] : ['10.0.0.1', '10.0.0.2'];
  const proto = helper === 'ftp' ? 'tcp' : 'udp';
  const orig = { src, dst, proto, sport: dport, dport: helper === 'ftp' ? 21 : 69 };
  return {
    master: {
      orig,
      zone,
      timeout: 600,
      helper: { name: helper },
      ...(proto === 'tcp' && { tcp: { state: 'ESTABLISHED' } }),
    },
    expected: { tuple: { src: dst, dst: src, proto, sport: 0, dport }, master: orig, zone, timeout: 100 },
  } as Row;
}

const ROWS = [
  row(5000, false, 'ftp'),
  row(5001, false, 'ftp'),
  row(5002, true, 'ftp'),
  row(5003, false, 'tftp'),
  row(5004, true, 'tftp'),
  row(5005, false, 'ftp', 5),
] as const;
const ALL = [5000, 5001, 5002, 5003, 5004, 5005];

/** What conntrack(8) wants to read, and looks at nowhere. */
const REPLY = '--reply-port-src 1 --reply-port-dst 1';

const SILENT = { on: () => {}, once: () => {}, write: () => true };

describeKernel('destructive calls on expectations', ['nft', 'conntrack'], () => {
  let ct: Conntrack;
  beforeEach(async () => {
    resetNamespace();
    tracking();
    ct = await Conntrack.open();
    for (const { master, expected } of ROWS) {
      await ct.create(master);
      await ct.expectations.create(expected);
    }
    expect(await left()).to.deep.equal(ALL);
  });
  afterEach(() => ct.close());
  after(() => resetNamespace());

  async function left(): Promise<number[]> {
    const ports = (await ct.expectations.dump().toArray()).map(({ tuple }) => tuple.dport!);
    return ports.sort((a, b) => a - b);
  }
  const flows = async (): Promise<number> => (await ct.dump().toArray()).length;

  async function query(type: number, data: Parameters<typeof nfct.nfexp_query>[2]): Promise<void> {
    const h = await nfct.nfct_open(nfct.EXPECT, 0);
    try {
      await nfct.nfexp_query(h, type, data);
    } finally {
      nfct.nfct_close(h);
    }
  }

  function command(line: string, run: typeof deleteExpectation): Promise<number> {
    const settings = parse(line.split(' '));
    return run({
      ct,
      each: [{ ct, netns: undefined }],
      open: () => Conntrack.open(),
      settings,
      output: new Output(SILENT),
    });
  }

  /** What is done, and the ports of the expectations that are left. */
  const CALLS: readonly (readonly [name: string, call: () => Promise<unknown>, ports: readonly number[]])[] = [
    ['flush of a helper', () => ct.expectations.flush({ helper: 'tftp' }), [5000, 5001, 5002, 5005]],
    ['flush of a helper, in every family and zone', () => ct.expectations.flush({ helper: 'ftp' }), [5003, 5004]],
    ['flush of a helper that there is not', () => ct.expectations.flush({ helper: 'no such' }), ALL],
    ['flushAll', () => ct.expectations.flushAll(), []],
    ['delete by tuple', () => ct.expectations.delete({ tuple: ROWS[0].expected.tuple }), ALL.slice(1)],
    [
      'delete by tuple and zone',
      () => ct.expectations.delete({ tuple: ROWS[5].expected.tuple, zone: 5 }),
      ALL.slice(0, 5),
    ],
    [
      'delete of each that is dumped of a family',
      async () => {
        for (const each of await ct.expectations.dump({ family: 'ipv6' }).toArray()) await ct.expectations.delete(each);
      },
      [5000, 5001, 5003, 5005],
    ],
    [
      'delete of each that is dumped of a helper',
      async () => {
        for (const each of await ct.expectations.dump({ helper: 'ftp' }).toArray()) {
          // The kernel says no zone of an expectation.
          const zone = each.tuple.dport === 5005 ? 5 : undefined;
          await ct.expectations.delete({ tuple: each.tuple, id: each.id, zone });
        }
      },
      [5003, 5004],
    ],
    [
      'nfexp_query with NFCT_Q_DESTROY',
      async () => {
        const [expectation] = await ct.expectations.dump({ helper: 'tftp', family: 'ipv4' }).toArray();
        await query(nfct.NFCT_Q_DESTROY, expectation);
      },
      [5000, 5001, 5002, 5004, 5005],
    ],
    ['nfexp_query with NFCT_Q_FLUSH, which ignores its family', () => query(nfct.NFCT_Q_FLUSH, AF_INET), []],
    [
      'ctnetlink -D expect',
      () => command(`-D expect -s 10.0.0.2 -d 10.0.0.1 -p tcp --sport 0 --dport 5001 ${REPLY}`, deleteExpectation),
      [5000, 5002, 5003, 5004, 5005],
    ],
    ['ctnetlink -F expect', () => command('-F expect', flushExpectations), []],
    [
      'a flush of flows takes along what these expect',
      () => ct.flush({ orig: { proto: 'tcp', dport: 21 }, family: 'ipv4' }),
      [5002, 5003, 5004],
    ],
    ['a delete of a flow takes along what it expects', () => ct.delete(ROWS[3].master), [5000, 5001, 5002, 5004, 5005]],
  ];

  for (const [name, call, ports] of CALLS) {
    it(`${name}: leaves exactly ${ports.join(', ') || 'nothing'}`, async () => {
      const before = await flows();
      await call();
      expect(await left()).to.deep.equal(ports);
      // Those on expectations leave the flows alone; where flows went, so did what they expected, and nothing else.
      expect(await flows()).to.equal(name.startsWith('a ') ? ports.length : before);
    });
  }

  it('refused calls leave all', async () => {
    const [known] = await ct.expectations.dump({ helper: 'ftp', family: 'ipv6' }).toArray();
    const refused: readonly (readonly [call: () => Promise<unknown>, code: string])[] = [
      [() => ct.expectations.delete({}), 'TypeError'],
      [() => ct.expectations.delete({ master: ROWS[0].expected.master }), 'TypeError'],
      [() => ct.expectations.delete({ id: known.id }), 'TypeError'],
      [() => ct.expectations.delete({ tuple: known.tuple, id: (known.id! ^ 1) >>> 0 }), 'ENOENT'],
      [() => ct.expectations.delete({ tuple: ROWS[5].expected.tuple }), 'ENOENT'],
      [() => ct.expectations.flush({} as never), 'TypeError'],
      [() => ct.expectations.flush({ helper: undefined } as never), 'TypeError'],
      [() => ct.expectations.flush({ helper: 'ftp', family: 'ipv4' } as never), 'TypeError'],
      [() => query(nfct.NFCT_Q_DESTROY, nfct.nfexp_new()), 'TypeError'],
    ];
    for (const [call, wanted] of refused) {
      const refusal = await call().then(
        () => 'OK',
        (error) => (error instanceof KernelError ? error.code : error.name),
      );
      expect(refusal, `${call}`).to.equal(wanted);
      expect(await left(), `${call}`).to.deep.equal(ALL);
    }
  });
});
