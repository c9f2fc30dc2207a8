/**
 * What a refusal of the kernel says to whoever made the call: which entry it was about, and where the call was made.
 */
import { expect } from 'chai';
import { Conntrack, type FlowInit, type KernelError, ManyError } from '../../src/index.ts';
import * as nfct from '../../src/nfct/index.ts';
import { AF_INET } from '../../src/uapi/socket.ts';
import { rejection } from '../support/fake-transport.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';

const UDP = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'udp', sport: 5353, dport: 53 } as const;
const TEXT = 'udp 192.0.2.1:5353 -> 198.51.100.2:53';
const TCP = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 1000, dport: 21 } as const;
const EXPECTED = { dst: '10.0.0.1', proto: 'tcp', dport: 5000 } as const;

describeKernel('refusals of the kernel', [], () => {
  let ct: Conntrack;

  beforeEach(async () => {
    resetNamespace();
    ct = await Conntrack.open();
  });

  afterEach(async () => {
    await ct.close();
    resetNamespace();
  });

  it('name the flow', async () => {
    await ct.create({ orig: UDP, timeout: 60 });
    const messages: [call: Promise<unknown>, message: string][] = [
      [
        ct.delete({ orig: { ...UDP, sport: 1 } }),
        'delete: ENOENT: no such flow (udp 192.0.2.1:1 -> 198.51.100.2:53, zone 0)',
      ],
      [ct.delete({ orig: UDP, zone: 7 }), `delete: ENOENT: no such flow (${TEXT}, zone 7)`],
      [ct.delete({ orig: UDP, id: 5 }), `delete: ENOENT: no such flow (${TEXT}, zone 0, id 5)`],
      [ct.update({ orig: UDP, zone: 7, mark: 1 }), `update: ENOENT: no such flow (${TEXT}, zone 7)`],
      [
        ct.delete({ reply: { src: '2001:db8::1', dst: '2001:db8::2', proto: 'udp', sport: 53, dport: 1 } }),
        'delete: ENOENT: no such flow (udp [2001:db8::1]:53 -> [2001:db8::2]:1, zone 0)',
      ],
      [
        ct.create({ orig: UDP, timeout: 60 }),
        `create: EEXIST: a flow with one of these tuples exists already (${TEXT}, zone 0); createOrUpdate changes it`,
      ],
    ];
    for (const [call, message] of messages) expect(((await rejection(call)) as Error).message).to.equal(message);
  });

  it('name IPS_FIXED_TIMEOUT where a timeout is fixed', async () => {
    const flow = { orig: UDP, timeout: 60 };
    await ct.create({ ...flow, status: ['FIXED_TIMEOUT'] });
    const changed = { ...flow, timeout: 70 };
    for (const [operation, call] of [
      ['update', ct.update(changed)],
      ['createOrUpdate', ct.createOrUpdate(changed)],
    ] as const) {
      const { message } = (await rejection(call)) as KernelError;
      expect(message).to.match(new RegExp(`^${operation}: EPERM: .*or the flow has IPS_FIXED_TIMEOUT, whose timeout`));
    }
    const many = (await rejection(ct.createOrUpdateMany([changed]))) as ManyError;
    expect(many.failures[0].error.message).to.match(/^createOrUpdate: EPERM: .*IPS_FIXED_TIMEOUT/);
    expect((await ct.get(flow))!.timeout).to.be.at.most(60);
  });

  it('name the expectation', async () => {
    const missing = (await rejection(ct.expectations.delete({ tuple: EXPECTED }))) as KernelError;
    expect(missing.message).to.match(
      /^expectations\.delete: ENOENT: no such expectation \(tcp 0\.0\.0\.0:0 -> 10\.0\.0\.1:5000, zone 0\)/,
    );
    const orphan = rejection(ct.expectations.create({ tuple: EXPECTED, master: TCP, timeout: 9 }));
    expect(((await orphan) as KernelError).subject).to.equal('tcp 0.0.0.0:0 -> 10.0.0.1:5000, zone 0');
  });

  it('name each flow of many', async () => {
    const flows = [5, 6, 7].map((sport): FlowInit => ({ orig: { ...UDP, sport }, timeout: 60 }));
    await ct.create(flows[1]);
    const error = (await rejection(ct.createMany(flows))) as ManyError;
    expect(error).to.be.instanceOf(ManyError);
    expect(error.failures.map((failure) => (failure.error as KernelError).subject)).to.deep.equal([
      'udp 192.0.2.1:6 -> 198.51.100.2:53, zone 0',
    ]);
    expect(error.message).to.contain(
      'item 1: create: EEXIST: a flow with one of these tuples exists already (udp 192.0.2.1:6 ->',
    );
  });

  it('name the flow in nfct too', async () => {
    const h = await nfct.nfct_open(nfct.CONNTRACK, 0);
    try {
      const object = nfct.nfct_new();
      nfct.nfct_set_attr_u8(object, nfct.ATTR_L3PROTO, AF_INET);
      nfct.nfct_set_attr_u32(object, nfct.ATTR_IPV4_SRC, 0xc0000201);
      nfct.nfct_set_attr_u32(object, nfct.ATTR_IPV4_DST, 0xc6336402);
      nfct.nfct_set_attr_u8(object, nfct.ATTR_L4PROTO, 17);
      nfct.nfct_set_attr_u16(object, nfct.ATTR_PORT_SRC, 5353);
      nfct.nfct_set_attr_u16(object, nfct.ATTR_PORT_DST, 53);
      async function destroyFromC(): Promise<void> {
        await nfct.nfct_query(h, nfct.NFCT_Q_DESTROY, object);
      }
      const error = (await rejection(destroyFromC())) as KernelError;
      expect(error.message).to.match(/^delete: ENOENT: no such flow \(udp .*, zone 0\)$/);
      expect(error.stack).to.contain('destroyFromC');
    } finally {
      nfct.nfct_close(h);
    }
  });

  it('have the frames of the caller in their stack', async () => {
    async function readMyFlow(): Promise<void> {
      await ct.delete({ orig: UDP });
    }
    async function readMyExpectation(): Promise<void> {
      await ct.expectations.delete({ tuple: EXPECTED });
    }
    for (const call of [readMyFlow, readMyExpectation]) {
      const error = (await rejection(call())) as KernelError;
      const [first] = error.stack!.split('\n');
      expect(first).to.equal(`KernelError: ${error.message}`);
      expect(error.stack).to.contain(call.name).and.to.contain('errors.kernel.test.ts');
    }
  });
});
