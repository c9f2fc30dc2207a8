/** Expectations in the names of C, against the real kernel. */
import { expect } from 'chai';
import { KernelError } from '../../src/netlink/errors.ts';
import * as nfct from '../../src/nfct/index.ts';
import { IPPROTO_TCP } from '../../src/uapi/in.ts';
import { AF_INET, AF_UNSPEC } from '../../src/uapi/socket.ts';
import { rejection } from '../support/fake-transport.ts';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';

const { htons, inet_addr, nfct_query, nfexp_query } = nfct;

/** A tuple of TCP, as a C program would make it. */
function tuple(src: string, dst: string, sport: number, dport: number): nfct.Flow {
  const ct = nfct.nfct_new();
  nfct.nfct_set_attr_u8(ct, nfct.ATTR_L3PROTO, AF_INET);
  nfct.nfct_set_attr_u32(ct, nfct.ATTR_IPV4_SRC, inet_addr(src));
  nfct.nfct_set_attr_u32(ct, nfct.ATTR_IPV4_DST, inet_addr(dst));
  nfct.nfct_set_attr_u8(ct, nfct.ATTR_L4PROTO, IPPROTO_TCP);
  nfct.nfct_set_attr_u16(ct, nfct.ATTR_PORT_SRC, htons(sport));
  nfct.nfct_set_attr_u16(ct, nfct.ATTR_PORT_DST, htons(dport));
  return ct;
}

/** The flow whose helper expects. */
function master(): nfct.Flow {
  const ct = tuple('1.1.1.1', '2.2.2.2', 1025, 21);
  nfct.nfct_setobjopt(ct, nfct.NFCT_SOPT_SETUP_REPLY);
  nfct.nfct_set_attr_u8(ct, nfct.ATTR_TCP_STATE, 3);
  nfct.nfct_set_attr_u32(ct, nfct.ATTR_TIMEOUT, 600);
  nfct.nfct_set_attr(ct, nfct.ATTR_HELPER_NAME, 'ftp');
  return ct;
}

function expectation(dport = 10241): nfct.Expectation {
  const exp = nfct.nfexp_new();
  nfct.nfexp_set_attr(exp, nfct.ATTR_EXP_MASTER, master());
  nfct.nfexp_set_attr(exp, nfct.ATTR_EXP_EXPECTED, tuple('4.4.4.4', '5.5.5.5', 0, dport));
  nfct.nfexp_set_attr(exp, nfct.ATTR_EXP_MASK, tuple('255.255.255.255', '255.255.255.255', 0, 0xffff));
  nfct.nfexp_set_attr_u32(exp, nfct.ATTR_EXP_TIMEOUT, 200);
  return exp;
}

describeKernel('nfct: expectations on the kernel', ['conntrack', 'nft'], () => {
  const handles: nfct.NfctHandle[] = [];
  const seen: string[] = [];

  async function open(groups = 0): Promise<nfct.NfctHandle> {
    const h = await nfct.nfct_open(0, groups, { transport: groups === 0 ? 'addon' : 'koffi' });
    handles.push(h);
    return h;
  }

  /** Notes what comes, by type, as `exp 2 10241` and `ct 1 21`. */
  function listen(h: nfct.NfctHandle, verdict: (type: number) => number = () => nfct.NFCT_CB_CONTINUE): void {
    nfct.nfexp_callback_register(h, nfct.NFCT_T_ALL, (type, exp) => {
      const expected = nfct.nfexp_get_attr(exp, nfct.ATTR_EXP_EXPECTED) as nfct.Flow;
      seen.push(`exp ${type} ${nfct.ntohs(nfct.nfct_get_attr_u16(expected, nfct.ATTR_PORT_DST))}`);
      return verdict(type);
    });
    nfct.nfct_callback_register(h, nfct.NFCT_T_ALL, (type, ct) => {
      seen.push(`ct ${type} ${nfct.ntohs(nfct.nfct_get_attr_u16(ct, nfct.ATTR_PORT_DST))}`);
      return nfct.NFCT_CB_CONTINUE;
    });
  }

  const witness = (): string => sh('conntrack', '-L', 'expect');
  const refused = async (h: nfct.NfctHandle, query: number, exp: nfct.Expectation, code: string): Promise<void> => {
    expect(await rejection(nfexp_query(h, query, exp)))
      .to.be.instanceOf(KernelError)
      .and.include({ code });
  };

  beforeEach(() => {
    resetNamespace();
    seen.length = 0;
  });
  afterEach(() => {
    for (const h of handles.splice(0)) nfct.nfct_close(h);
  });
  after(() => resetNamespace());

  it('creates, gets, dumps, destroys and flushes', async () => {
    const h = await open();
    listen(h);
    await refused(h, nfct.NFCT_Q_CREATE, expectation(), 'ENOENT');
    await nfct_query(h, nfct.NFCT_Q_CREATE, master());
    expect(await nfexp_query(h, nfct.NFCT_Q_CREATE, expectation())).to.equal(0);
    expect(witness()).to.include('src=4.4.4.4 dst=5.5.5.5 sport=0 dport=10241 mask-src=255.255.255.255');
    await refused(h, nfct.NFCT_Q_CREATE, expectation(), 'EEXIST');
    expect(await nfexp_query(h, nfct.NFCT_Q_CREATE_UPDATE, expectation())).to.equal(0);
    expect(seen).to.deep.equal([]);

    expect(await nfexp_query(h, nfct.NFCT_Q_GET, expectation())).to.equal(0);
    expect(await nfexp_query(h, nfct.NFCT_Q_DUMP, AF_UNSPEC)).to.equal(0);
    const update = `exp ${nfct.NFCT_T_UPDATE} 10241`;
    expect(seen.splice(0)).to.deep.equal([update, update]);
    await refused(h, nfct.NFCT_Q_GET, expectation(1), 'ENOENT');

    await refused(h, nfct.NFCT_Q_DESTROY, expectation(1), 'ENOENT');
    expect(await nfexp_query(h, nfct.NFCT_Q_DESTROY, expectation())).to.equal(0);
    expect(witness()).to.equal('');
    await nfexp_query(h, nfct.NFCT_Q_CREATE, expectation());
    expect(await nfexp_query(h, nfct.NFCT_Q_FLUSH, AF_INET)).to.equal(0);
    expect(witness()).to.equal('');
  });

  it('sends, and catches the answer', async () => {
    const h = await open();
    listen(h, () => nfct.NFCT_CB_STOP);
    await nfct_query(h, nfct.NFCT_Q_CREATE, master());
    expect(await nfct.nfexp_send(h, nfct.NFCT_Q_CREATE, expectation())).to.equal(184);
    expect(await nfct.nfexp_catch(h)).to.equal(0);
    await nfct.nfexp_send(h, nfct.NFCT_Q_DUMP, AF_INET);
    expect(await nfct.nfexp_catch(h)).to.equal(0);
    expect(seen).to.deep.equal([`exp ${nfct.NFCT_T_UPDATE} 10241`]);
  });

  for (const [name, take] of [
    ['nfct_catch', nfct.nfct_catch],
    ['nfexp_catch', nfct.nfexp_catch],
  ] as const) {
    it(`${name} delivers the events of flows and of expectations`, async () => {
      const all = nfct.NFCT_ALL_CT_GROUPS;
      const h = await open(all | nfct.NF_NETLINK_CONNTRACK_EXP_NEW | nfct.NF_NETLINK_CONNTRACK_EXP_DESTROY);
      listen(h, (type) => (type === nfct.NFCT_T_DESTROY ? nfct.NFCT_CB_STOP : nfct.NFCT_CB_CONTINUE));
      const other = await open();
      await nfct_query(other, nfct.NFCT_Q_CREATE, master());
      await nfexp_query(other, nfct.NFCT_Q_CREATE, expectation());
      await nfexp_query(other, nfct.NFCT_Q_DESTROY, expectation());
      expect(await take(h)).to.equal(0);
      expect(seen).to.deep.equal([
        `ct ${nfct.NFCT_T_NEW} 21`,
        `exp ${nfct.NFCT_T_NEW} 10241`,
        `exp ${nfct.NFCT_T_DESTROY} 10241`,
      ]);
    });
  }

  it('delivers to one callback of a kind, with or without header, and to none after unregistering', async () => {
    const h = await open();
    await nfct_query(h, nfct.NFCT_Q_CREATE, master());
    await nfexp_query(h, nfct.NFCT_Q_CREATE, expectation());
    const calls: unknown[] = [];
    nfct.nfexp_callback_register2(
      h,
      nfct.NFCT_T_UPDATE,
      (nlh, type, exp, data) => {
        calls.push([nlh.nlmsg_type, type, exp.helper, data]);
        return nfct.NFCT_CB_CONTINUE;
      },
      'data',
    );
    await nfexp_query(h, nfct.NFCT_Q_DUMP, AF_INET);
    expect(calls).to.deep.equal([[0x200, nfct.NFCT_T_UPDATE, 'ftp', 'data']]);
    nfct.nfexp_callback_register(h, nfct.NFCT_T_NEW, () => nfct.NFCT_CB_FAILURE);
    expect(await nfexp_query(h, nfct.NFCT_Q_DUMP, AF_INET), 'registered for NEW only').to.equal(0);
    nfct.nfexp_callback_register(h, nfct.NFCT_T_ALL, () => nfct.NFCT_CB_FAILURE);
    expect(await nfexp_query(h, nfct.NFCT_Q_DUMP, AF_INET)).to.equal(nfct.NFCT_CB_FAILURE);
    nfct.nfexp_callback_unregister(h);
    expect(await nfexp_query(h, nfct.NFCT_Q_DUMP, AF_INET)).to.equal(0);
    nfct.nfexp_callback_unregister2(h);
    expect(await nfexp_query(h, nfct.NFCT_Q_DUMP, AF_INET)).to.equal(0);
    expect(calls).to.have.length(1);
  });
});
