/** Every query, and events, against the real kernel. */
import { expect } from 'chai';
import { KernelError, UnsupportedError } from '../../src/netlink/errors.ts';
import * as nfct from '../../src/nfct/index.ts';
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../../src/uapi/in.ts';
import { IPS_CONFIRMED, IPS_SEEN_REPLY } from '../../src/uapi/nf_conntrack_common.ts';
import { AF_INET, AF_INET6, AF_UNSPEC } from '../../src/uapi/socket.ts';
import { rejection } from '../support/fake-transport.ts';
import { describeKernel, resetNamespace, sh, sysctl, until } from '../support/kernel.ts';

const { htons, inet_addr, nfct_query } = nfct;

interface Wanted {
  dport?: number;
  mark?: number;
  status?: number;
  zone?: number;
}

/** udp 10.0.0.1:1000 -> 10.0.0.2:`dport`, as a C program would make it. */
function udp4({ dport = 53, mark, status, zone }: Wanted = {}): nfct.Flow {
  const ct = nfct.nfct_new();
  nfct.nfct_set_attr_u8(ct, nfct.ATTR_L3PROTO, AF_INET);
  nfct.nfct_set_attr_u32(ct, nfct.ATTR_IPV4_SRC, inet_addr('10.0.0.1'));
  nfct.nfct_set_attr_u32(ct, nfct.ATTR_IPV4_DST, inet_addr('10.0.0.2'));
  nfct.nfct_set_attr_u8(ct, nfct.ATTR_L4PROTO, IPPROTO_UDP);
  nfct.nfct_set_attr_u16(ct, nfct.ATTR_PORT_SRC, htons(1000));
  nfct.nfct_set_attr_u16(ct, nfct.ATTR_PORT_DST, htons(dport));
  nfct.nfct_setobjopt(ct, nfct.NFCT_SOPT_SETUP_REPLY);
  nfct.nfct_set_attr_u32(ct, nfct.ATTR_TIMEOUT, 1000);
  if (mark !== undefined) nfct.nfct_set_attr_u32(ct, nfct.ATTR_MARK, mark);
  if (status !== undefined) nfct.nfct_set_attr_u32(ct, nfct.ATTR_STATUS, status);
  if (zone !== undefined) nfct.nfct_set_attr_u16(ct, nfct.ATTR_ZONE, zone);
  return ct;
}

/** tcp [fd00::1]:1000 -> [fd00::2]:`dport` */
function tcp6(dport: number, mark = 0): nfct.Flow {
  const ct = nfct.nfct_new();
  const address = (last: number) => Uint8Array.of(0xfd, ...new Uint8Array(14), last);
  nfct.nfct_set_attr_u8(ct, nfct.ATTR_L3PROTO, AF_INET6);
  nfct.nfct_set_attr(ct, nfct.ATTR_IPV6_SRC, address(1));
  nfct.nfct_set_attr(ct, nfct.ATTR_IPV6_DST, address(2));
  nfct.nfct_set_attr_u8(ct, nfct.ATTR_L4PROTO, IPPROTO_TCP);
  nfct.nfct_set_attr_u16(ct, nfct.ATTR_PORT_SRC, htons(1000));
  nfct.nfct_set_attr_u16(ct, nfct.ATTR_PORT_DST, htons(dport));
  nfct.nfct_setobjopt(ct, nfct.NFCT_SOPT_SETUP_REPLY);
  nfct.nfct_set_attr_u32(ct, nfct.ATTR_TIMEOUT, 1000);
  nfct.nfct_set_attr_u8(ct, nfct.ATTR_TCP_STATE, 3);
  nfct.nfct_set_attr_u32(ct, nfct.ATTR_MARK, mark);
  return ct;
}

describeKernel('nfct: on the kernel', ['conntrack', 'nft'], () => {
  let h: nfct.NfctHandle;
  let seen: nfct.Flow[] = [];
  const dports = (): number[] =>
    seen
      .splice(0)
      .map((ct) => nfct.ntohs(nfct.nfct_get_attr_u16(ct, nfct.ATTR_PORT_DST)))
      .sort((a, b) => a - b);
  const count = (): number => Number(sh('conntrack', '-C'));

  before(async () => {
    h = await nfct.nfct_open(nfct.CONNTRACK, 0, { transport: 'addon' });
    nfct.nfct_callback_register(h, nfct.NFCT_T_ALL, (type, ct) => {
      expect(type).to.equal(nfct.NFCT_T_UPDATE);
      seen.push(ct);
      return nfct.NFCT_CB_CONTINUE;
    });
  });

  beforeEach(() => {
    resetNamespace();
    seen = [];
  });

  after(() => {
    nfct.nfct_close(h);
    resetNamespace();
  });

  const refused = async (query: number, ct: nfct.Flow, code: string): Promise<void> => {
    const reason = await rejection(nfct_query(h, query, ct));
    expect(reason).to.be.instanceOf(KernelError).and.include({ code });
  };

  it('creates, gets, updates and destroys', async () => {
    expect(await nfct_query(h, nfct.NFCT_Q_CREATE, udp4({ mark: 5 }))).to.equal(0);
    expect(sh('conntrack', '-L')).to.match(/src=10\.0\.0\.1 dst=10\.0\.0\.2 sport=1000 dport=53 .* mark=5/);
    await refused(nfct.NFCT_Q_CREATE, udp4(), 'EEXIST');

    expect(await nfct_query(h, nfct.NFCT_Q_GET, udp4())).to.equal(0);
    const [ct] = seen.splice(0);
    expect(nfct.inet_ntoa(nfct.nfct_get_attr_u32(ct, nfct.ATTR_REPL_IPV4_SRC))).to.equal('10.0.0.2');
    expect(nfct.nfct_get_attr_u32(ct, nfct.ATTR_MARK)).to.equal(5);
    expect(nfct.nfct_get_attr_u32(ct, nfct.ATTR_STATUS) & IPS_CONFIRMED).to.equal(IPS_CONFIRMED);

    expect(await nfct_query(h, nfct.NFCT_Q_UPDATE, udp4({ mark: 6 }))).to.equal(0);
    expect(await nfct_query(h, nfct.NFCT_Q_CREATE_UPDATE, udp4({ mark: 7, status: IPS_SEEN_REPLY }))).to.equal(0);
    expect(sh('conntrack', '-L')).to.match(/dport=53 src=.* mark=7/);
    expect(await nfct_query(h, nfct.NFCT_Q_CREATE_UPDATE, udp4({ dport: 54 }))).to.equal(0);
    expect(count()).to.equal(2);

    expect(await nfct_query(h, nfct.NFCT_Q_DESTROY, udp4())).to.equal(0);
    await refused(nfct.NFCT_Q_DESTROY, udp4(), 'ENOENT');
    await refused(nfct.NFCT_Q_GET, udp4(), 'ENOENT');
    await refused(nfct.NFCT_Q_UPDATE, udp4(), 'ENOENT');
    expect(count()).to.equal(1);
    expect(seen).to.deep.equal([]);
  });

  it('is refused labels that the kernel has no bits for, and changes nothing', async () => {
    sh('nft', 'add table ip t; add chain ip t c; add rule ip t c ct label 1 counter');
    const labelled = (maxbit: number, bit: number): nfct.Flow => {
      const ct = udp4();
      const mask = nfct.nfct_bitmask_new(maxbit);
      nfct.nfct_bitmask_set_bit(mask, bit);
      nfct.nfct_set_attr(ct, nfct.ATTR_CONNLABELS, mask);
      nfct.nfct_set_attr(ct, nfct.ATTR_CONNLABELS_MASK, mask);
      return ct;
    };
    await refused(nfct.NFCT_Q_CREATE, labelled(128, 128), 'ERANGE');
    expect(count()).to.equal(0);
    await nfct_query(h, nfct.NFCT_Q_CREATE, labelled(127, 127));
    for (const query of [nfct.NFCT_Q_UPDATE, nfct.NFCT_Q_CREATE_UPDATE])
      for (const bit of [1, 128, 1000]) await refused(query, labelled(1023, bit), 'ERANGE');
    // A bit that the bitmask has no room for is left out, as in C.
    expect(await nfct_query(h, nfct.NFCT_Q_UPDATE, labelled(127, 128))).to.equal(0);
    await nfct_query(h, nfct.NFCT_Q_GET, udp4());
    expect(seen.map(({ labels }) => labels)).to.deep.equal([[127]]);
  });

  it('needs a timeout and a reply to create', async () => {
    const ct = udp4();
    nfct.nfct_attr_unset(ct, nfct.ATTR_TIMEOUT);
    await refused(nfct.NFCT_Q_CREATE, ct, 'EINVAL');
  });

  it('destroys what a dump gave', async () => {
    await nfct_query(h, nfct.NFCT_Q_CREATE, tcp6(80));
    await nfct_query(h, nfct.NFCT_Q_CREATE, udp4({ zone: 3 }));
    await nfct_query(h, nfct.NFCT_Q_DUMP, AF_UNSPEC);
    const all = seen.splice(0);
    expect(all).to.have.length(2);
    for (const ct of all) expect(await nfct_query(h, nfct.NFCT_Q_DESTROY, ct)).to.equal(0);
    expect(count()).to.equal(0);
  });

  it('tracks ICMP', async () => {
    const ct = nfct.nfct_new();
    nfct.nfct_set_attr_u8(ct, nfct.ATTR_ICMP_TYPE, 8);
    nfct.nfct_set_attr_u8(ct, nfct.ATTR_ICMP_CODE, 0);
    nfct.nfct_set_attr_u16(ct, nfct.ATTR_ICMP_ID, htons(77));
    nfct.nfct_set_attr_u8(ct, nfct.ATTR_L3PROTO, AF_INET);
    nfct.nfct_set_attr_u8(ct, nfct.ATTR_L4PROTO, IPPROTO_ICMP);
    nfct.nfct_set_attr_u32(ct, nfct.ATTR_IPV4_SRC, inet_addr('10.0.0.1'));
    nfct.nfct_set_attr_u32(ct, nfct.ATTR_IPV4_DST, inet_addr('10.0.0.2'));
    nfct.nfct_setobjopt(ct, nfct.NFCT_SOPT_SETUP_REPLY);
    nfct.nfct_set_attr_u32(ct, nfct.ATTR_TIMEOUT, 100);
    expect(await nfct_query(h, nfct.NFCT_Q_CREATE, ct)).to.equal(0);
    expect(sh('conntrack', '-L', '-p', 'icmp')).to.match(/type=8 code=0 id=77 .*type=0 code=0 id=77/);
  });

  it('dumps a family or both', async () => {
    for (const ct of [udp4({ dport: 1 }), udp4({ dport: 2 }), tcp6(3)]) await nfct_query(h, nfct.NFCT_Q_CREATE, ct);
    expect(await nfct_query(h, nfct.NFCT_Q_DUMP, AF_INET)).to.equal(0);
    expect(dports()).to.deep.equal([1, 2]);
    expect(await nfct_query(h, nfct.NFCT_Q_DUMP, AF_INET6)).to.equal(0);
    expect(dports()).to.deep.equal([3]);
    expect(await nfct_query(h, nfct.NFCT_Q_DUMP, AF_UNSPEC)).to.equal(0);
    expect(dports()).to.deep.equal([1, 2, 3]);
  });

  it('dumps and resets the counters', async () => {
    sysctl('nf_conntrack_acct', 1);
    await nfct_query(h, nfct.NFCT_Q_CREATE, udp4());
    for (const query of [nfct.NFCT_Q_DUMP_RESET, nfct.NFCT_Q_DUMP]) {
      expect(await nfct_query(h, query, AF_INET)).to.equal(0);
      const [ct] = seen.splice(0);
      expect(nfct.nfct_attr_is_set(ct, nfct.ATTR_ORIG_COUNTER_PACKETS)).to.equal(1);
      expect(nfct.nfct_get_attr_u64(ct, nfct.ATTR_ORIG_COUNTER_BYTES)).to.equal(0n);
    }
  });

  const filterOf = (parts: Readonly<Record<number, Parameters<typeof nfct.nfct_filter_dump_set_attr>[2]>>) => {
    const filter = nfct.nfct_filter_dump_create();
    for (const [type, value] of Object.entries(parts)) nfct.nfct_filter_dump_set_attr(filter, Number(type), value);
    return filter;
  };
  const tuple = (set: (ct: nfct.Flow) => void): nfct.Flow => {
    const ct = nfct.nfct_new();
    set(ct);
    return ct;
  };
  const tcpTo = (dport: number, family: number) =>
    tuple((ct) => {
      nfct.nfct_set_attr_u8(ct, nfct.ATTR_L3PROTO, family);
      nfct.nfct_set_attr_u8(ct, nfct.ATTR_L4PROTO, family === AF_INET ? IPPROTO_UDP : IPPROTO_TCP);
      nfct.nfct_set_attr_u16(ct, nfct.ATTR_PORT_DST, htons(dport));
    });
  const from6 = (last: number) =>
    tuple((ct) => {
      nfct.nfct_set_attr_u8(ct, nfct.ATTR_L3PROTO, AF_INET6);
      nfct.nfct_set_attr(ct, nfct.ATTR_IPV6_SRC, Uint8Array.of(0xfd, ...new Uint8Array(14), last));
    });

  const { NFCT_FILTER_DUMP_L3NUM: L3NUM, NFCT_FILTER_DUMP_MARK: MARK, NFCT_FILTER_DUMP_STATUS: STATUS } = nfct;
  const { NFCT_FILTER_DUMP_TUPLE: TUPLE, NFCT_FILTER_DUMP_ZONE: ZONE } = nfct;
  const FILTERS: readonly [name: string, filter: () => nfct.nfct_filter_dump, matched: number[], flushable: boolean][] =
    [
      ['a mark', () => filterOf({ [MARK]: { val: 1, mask: 0xffffffff } }), [1, 6], true],
      ['a mark under a mask', () => filterOf({ [MARK]: { val: 1, mask: 1 } }), [1, 3, 6], true],
      ['a mark outside of its mask', () => filterOf({ [MARK]: { val: 3, mask: 1 } }), [], true],
      ['a family', () => filterOf({ [L3NUM]: AF_INET6 }), [6, 7], true],
      ['a family and a mark', () => filterOf({ [L3NUM]: AF_INET, [MARK]: { val: 1, mask: 1 } }), [1, 3], true],
      ['a status', () => filterOf({ [STATUS]: { val: IPS_SEEN_REPLY, mask: IPS_SEEN_REPLY } }), [4], true],
      [
        'a status that is not',
        () => filterOf({ [STATUS]: { val: 0, mask: IPS_SEEN_REPLY } }),
        [1, 2, 3, 5, 6, 7],
        true,
      ],
      ['a zone', () => filterOf({ [ZONE]: 9 }), [5], true],
      ['an IPv4 tuple', () => filterOf({ [TUPLE]: tcpTo(2, AF_INET) }), [2], true],
      ['an IPv6 tuple', () => filterOf({ [TUPLE]: tcpTo(7, AF_INET6) }), [7], true],
      ['an IPv6 address', () => filterOf({ [TUPLE]: from6(1) }), [6, 7], false],
      ['another IPv6 address', () => filterOf({ [TUPLE]: from6(9) }), [], false],
    ];

  const populate = async (): Promise<void> => {
    const flows = [
      udp4({ dport: 1, mark: 1 }),
      udp4({ dport: 2, mark: 2 }),
      udp4({ dport: 3, mark: 3 }),
      udp4({ dport: 4, status: IPS_SEEN_REPLY }),
      udp4({ dport: 5, zone: 9 }),
      tcp6(6, 1),
      tcp6(7, 2),
    ];
    for (const ct of flows) expect(await nfct_query(h, nfct.NFCT_Q_CREATE, ct)).to.equal(0);
  };

  for (const [name, filter, matched, flushable] of FILTERS) {
    it(`dumps and flushes by ${name}`, async () => {
      await populate();
      expect(await nfct_query(h, nfct.NFCT_Q_DUMP_FILTER, filter())).to.equal(0);
      expect(dports()).to.deep.equal(matched);
      if (flushable) {
        expect(await nfct_query(h, nfct.NFCT_Q_DUMP_FILTER_RESET, filter())).to.equal(0);
        expect(dports()).to.deep.equal(matched);
        expect(await nfct_query(h, nfct.NFCT_Q_FLUSH_FILTER, filter())).to.equal(0);
      } else {
        for (const query of [nfct.NFCT_Q_DUMP_FILTER_RESET, nfct.NFCT_Q_FLUSH_FILTER])
          expect(await rejection(nfct_query(h, query, filter()))).to.be.instanceOf(UnsupportedError);
      }
      expect(await nfct_query(h, nfct.NFCT_Q_DUMP, AF_UNSPEC)).to.equal(0);
      expect(dports()).to.deep.equal([1, 2, 3, 4, 5, 6, 7].filter((dport) => !flushable || !matched.includes(dport)));
    });
  }

  it('flushes a family, or nothing, by FLUSH_FILTER', async () => {
    await populate();
    for (const nothing of [AF_UNSPEC, nfct.nfct_filter_dump_create()])
      expect(await rejection(nfct_query(h, nfct.NFCT_Q_FLUSH_FILTER, nothing))).to.be.instanceOf(TypeError);
    expect(await nfct_query(h, nfct.NFCT_Q_FLUSH_FILTER, AF_INET6)).to.equal(0);
    expect(count()).to.equal(5);
    expect(await nfct_query(h, nfct.NFCT_Q_FLUSH_FILTER, AF_INET)).to.equal(0);
    expect(count()).to.equal(0);
  });

  it('never flushes for an object without a tuple', async () => {
    await populate();
    const onlyId = nfct.nfct_new();
    nfct.nfct_set_attr_u32(onlyId, nfct.ATTR_ID, 1);
    const onlyFamily = nfct.nfct_new();
    nfct.nfct_set_attr_u8(onlyFamily, nfct.ATTR_L3PROTO, AF_INET);
    for (const ct of [nfct.nfct_new(), onlyId, onlyFamily]) {
      expect(await rejection(nfct_query(h, nfct.NFCT_Q_DESTROY, ct))).to.be.instanceOf(TypeError);
      expect(await rejection(nfct.nfct_send(h, nfct.NFCT_Q_DESTROY, ct))).to.be.instanceOf(TypeError);
    }
    expect(count()).to.equal(7);
  });

  it('flushes everything by FLUSH, whatever the family', async () => {
    await populate();
    expect(await nfct_query(h, nfct.NFCT_Q_FLUSH, AF_INET6)).to.equal(0);
    expect(count()).to.equal(0);
  });

  it('takes answers to several sends in turn', async () => {
    expect(await nfct.nfct_send(h, nfct.NFCT_Q_CREATE, udp4())).to.be.greaterThan(100);
    await nfct.nfct_send(h, nfct.NFCT_Q_CREATE, udp4());
    await nfct.nfct_send(h, nfct.NFCT_Q_GET, udp4());
    expect(await nfct.nfct_send(h, nfct.NFCT_Q_DUMP, AF_INET)).to.equal(20);
    expect(await nfct.nfct_catch(h)).to.equal(0);
    expect(await rejection(nfct.nfct_catch(h)))
      .to.be.instanceOf(KernelError)
      .and.include({ code: 'EEXIST' });
    expect(seen).to.have.length(0);
    expect(await nfct.nfct_catch(h)).to.equal(0);
    expect(seen).to.have.length(1);
    expect(await nfct.nfct_catch(h)).to.equal(0);
    expect(seen).to.have.length(2);
  });

  it('catches events: NEW, UPDATE, DESTROY', async () => {
    const options = { transport: 'addon', eventsMayAbortProcess: true } as const;
    const listener = await nfct.nfct_open(nfct.CONNTRACK, nfct.NFCT_ALL_CT_GROUPS, options);
    try {
      const events: [type: number, dport: number, mark: number, sequence: number][] = [];
      nfct.nfct_callback_register2(listener, nfct.NFCT_T_ALL, (nlh, type, ct) => {
        const dport = nfct.ntohs(nfct.nfct_get_attr_u16(ct, nfct.ATTR_PORT_DST));
        events.push([type, dport, nfct.nfct_get_attr_u32(ct, nfct.ATTR_MARK), nlh.nlmsg_seq]);
        return events.length % 3 === 0 ? nfct.NFCT_CB_STOP : nfct.NFCT_CB_CONTINUE;
      });
      await nfct_query(h, nfct.NFCT_Q_CREATE, udp4({ dport: 7, mark: 1 }));
      await nfct_query(h, nfct.NFCT_Q_UPDATE, udp4({ dport: 7, mark: 2 }));
      await nfct_query(h, nfct.NFCT_Q_DESTROY, udp4({ dport: 7 }));
      expect(await nfct.nfct_catch(listener)).to.equal(0);
      expect(events).to.deep.equal([
        [nfct.NFCT_T_NEW, 7, 1, 0],
        [nfct.NFCT_T_UPDATE, 7, 2, 0],
        [nfct.NFCT_T_DESTROY, 7, 2, 0],
      ]);

      // Requests on a handle with events: its own answer ends the query, and the events come too.
      await nfct_query(listener, nfct.NFCT_Q_CREATE, udp4({ dport: 8 }));
      await nfct_query(listener, nfct.NFCT_Q_DESTROY, udp4({ dport: 8 }));
      await nfct_query(h, nfct.NFCT_Q_CREATE, udp4({ dport: 9 }));
      const caught = nfct.nfct_catch(listener);
      await until(() => events.length === 6, { what: 'three more events' });
      expect(await caught).to.equal(0);
      expect(events.slice(3).map(([type, dport]) => [type, dport])).to.deep.equal([
        [nfct.NFCT_T_NEW, 8],
        [nfct.NFCT_T_DESTROY, 8],
        [nfct.NFCT_T_NEW, 9],
      ]);
    } finally {
      nfct.nfct_close(listener);
    }
  });
});
