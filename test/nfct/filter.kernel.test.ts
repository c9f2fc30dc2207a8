/** struct nfct_filter on the kernel: every kind under both logics on real events, and what it does to queries. */
import { expect } from 'chai';
import { buildMessage } from '../../src/ctnetlink/request/flow.ts';
import { BpfProgram } from '../../src/netlink/bpf.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { TransportError, UnsupportedError } from '../../src/netlink/errors.ts';
import { Writer } from '../../src/netlink/writer.ts';
import { kindsOf } from '../../src/nfct/filter.ts';
import { compileFilter } from '../../src/nfct/filter-program.ts';
import * as nfct from '../../src/nfct/index.ts';
import { EBUSY } from '../../src/uapi/errno.ts';
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../../src/uapi/in.ts';
import { NLMSG_ERROR } from '../../src/uapi/netlink.ts';
import { AF_INET, AF_UNSPEC } from '../../src/uapi/socket.ts';
import { filteredByKernel, hexOf, koffi, koffiWithoutFilters } from '../support/event-sockets.ts';
import { rejection } from '../support/fake-transport.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';

type Values = readonly (readonly [attr: number, value: nfct.nfct_filter_value])[];

const ipv4 = (address: string, mask = 0xffffffff): nfct.nfct_filter_ipv4 => ({
  addr: nfct.ntohl(nfct.inet_addr(address)),
  mask,
});

const FILTERS: Record<string, Values> = {
  L4PROTO: [
    [nfct.NFCT_FILTER_L4PROTO, IPPROTO_TCP],
    [nfct.NFCT_FILTER_L4PROTO, IPPROTO_SCTP],
  ],
  L4PROTO_STATE: [
    [nfct.NFCT_FILTER_L4PROTO_STATE, { proto: IPPROTO_TCP, state: 3 }],
    [nfct.NFCT_FILTER_L4PROTO_STATE, { proto: IPPROTO_TCP, state: 7 }],
  ],
  'L4PROTO_STATE of two protocols': [
    [nfct.NFCT_FILTER_L4PROTO_STATE, { proto: IPPROTO_TCP, state: 3 }],
    [nfct.NFCT_FILTER_L4PROTO_STATE, { proto: IPPROTO_SCTP, state: 4 }],
  ],
  SRC_IPV4: [
    [nfct.NFCT_FILTER_SRC_IPV4, ipv4('127.0.0.2')],
    [nfct.NFCT_FILTER_SRC_IPV4, ipv4('10.0.1.9', 0xffffff00)],
  ],
  DST_IPV4: [[nfct.NFCT_FILTER_DST_IPV4, ipv4('10.1.0.1')]],
  'many of SRC_IPV4': Array.from(
    { length: 127 },
    (_, n) => [nfct.NFCT_FILTER_SRC_IPV4, ipv4(`10.0.${n >> 2}.${(n & 3) + 1}`)] as const,
  ),
  SRC_IPV6: [
    [nfct.NFCT_FILTER_SRC_IPV6, { addr: [0, 0, 0, 1], mask: new Uint32Array(4).fill(0xffffffff) }],
    [nfct.NFCT_FILTER_SRC_IPV6, { addr: [0xfd000000, 0, 0, 5], mask: [0xff000000, 0, 0, 0xf] }],
  ],
  DST_IPV6: [[nfct.NFCT_FILTER_DST_IPV6, { addr: [0xfd000000, 0, 0, 0], mask: [0xffff0000, 0, 0, 0] }]],
  MARK: [
    [nfct.NFCT_FILTER_MARK, { val: 7, mask: 0xffffffff }],
    [nfct.NFCT_FILTER_MARK, { val: 0x80000000, mask: 0x80000000 }],
  ],
  'the MARK 0': [[nfct.NFCT_FILTER_MARK, { val: 0, mask: 0xffffffff }]],
  ZONE: [
    [nfct.NFCT_FILTER_ZONE, 7],
    [nfct.NFCT_FILTER_ZONE, 11],
  ],
  'the ZONE 0': [[nfct.NFCT_FILTER_ZONE, 0]],
  'several kinds': [
    [nfct.NFCT_FILTER_L4PROTO, IPPROTO_UDP],
    [nfct.NFCT_FILTER_SRC_IPV4, ipv4('10.0.2.0', 0xffffff00)],
    [nfct.NFCT_FILTER_MARK, { val: 0, mask: 1 }],
  ],
};

function filterOf(values: Values, logic: number): nfct.nfct_filter {
  const filter = nfct.nfct_filter_create();
  for (const [attr, value] of values) {
    nfct.nfct_filter_add_attr(filter, attr, value);
    nfct.nfct_filter_set_logic(filter, attr, logic);
  }
  return filter;
}

const LOGICS = { positive: nfct.NFCT_FILTER_LOGIC_POSITIVE, negative: nfct.NFCT_FILTER_LOGIC_NEGATIVE };

describeKernel('nfct: filters on the kernel', ['conntrack', 'nft'], () => {
  const programs = Object.fromEntries(
    Object.entries(FILTERS).flatMap(([name, values]) =>
      Object.entries(LOGICS).map(([logic, number]) => [
        `${name}, ${logic}`,
        compileFilter(kindsOf(filterOf(values, number))),
      ]),
    ),
  );

  describe('let through what the interpreter does:', () => {
    let all: Uint8Array[];
    let filtered: ReadonlyMap<string, Uint8Array[]>;
    before(async () => {
      resetNamespace();
      ({ all, filtered } = await filteredByKernel(programs));
    });
    after(() => resetNamespace());

    for (const [name, program] of Object.entries(programs)) {
      it(name, () => {
        const checked = new BpfProgram(program);
        const here = all.filter((each) => checked.run(viewOf(each)) !== 0);
        expect(hexOf(filtered.get(name)!)).to.deep.equal(hexOf(here));
        expect(here.length, 'some pass').to.be.above(0);
        expect(here.length, 'some do not').to.be.below(all.length);
      });
    }
  });

  describe('on a handle', () => {
    const TRANSPORTS = { 'in the kernel': koffi, 'in this process': koffiWithoutFilters };
    const onlyMark = (val: number): nfct.nfct_filter =>
      filterOf([[nfct.NFCT_FILTER_MARK, { val, mask: 0xffffffff }]], nfct.NFCT_FILTER_LOGIC_POSITIVE);

    function udp(port: number, mark: number): nfct.Flow {
      const ct = nfct.nfct_new();
      nfct.nfct_set_attr_u8(ct, nfct.ATTR_L3PROTO, AF_INET);
      nfct.nfct_set_attr_u32(ct, nfct.ATTR_IPV4_SRC, nfct.inet_addr('10.0.0.1'));
      nfct.nfct_set_attr_u32(ct, nfct.ATTR_IPV4_DST, nfct.inet_addr('10.0.0.2'));
      nfct.nfct_set_attr_u8(ct, nfct.ATTR_L4PROTO, IPPROTO_UDP);
      nfct.nfct_set_attr_u16(ct, nfct.ATTR_PORT_SRC, nfct.htons(port));
      nfct.nfct_set_attr_u16(ct, nfct.ATTR_PORT_DST, nfct.htons(53));
      nfct.nfct_setobjopt(ct, nfct.NFCT_SOPT_SETUP_REPLY);
      nfct.nfct_set_attr_u32(ct, nfct.ATTR_TIMEOUT, 1000);
      nfct.nfct_set_attr_u32(ct, nfct.ATTR_MARK, mark);
      return ct;
    }

    /** A handle, and [type, port, mark] of what comes to it. */
    async function open(name: keyof typeof TRANSPORTS, groups: number) {
      const h = await nfct.nfct_open(nfct.CONNTRACK, groups, { transport: TRANSPORTS[name] });
      const seen: [type: number, port: number, mark: number][] = [];
      nfct.nfct_callback_register(h, nfct.NFCT_T_ALL, (type, ct) => {
        const port = nfct.ntohs(nfct.nfct_get_attr_u16(ct, nfct.ATTR_PORT_SRC));
        seen.push([type, port, nfct.nfct_get_attr_u32(ct, nfct.ATTR_MARK)]);
        return type === nfct.NFCT_T_DESTROY ? nfct.NFCT_CB_STOP : nfct.NFCT_CB_CONTINUE;
      });
      return { h, seen };
    }

    let maker: nfct.NfctHandle;
    before(async () => {
      maker = await nfct.nfct_open(nfct.CONNTRACK, 0, { transport: koffi });
    });
    beforeEach(() => resetNamespace());
    after(() => {
      nfct.nfct_close(maker);
      resetNamespace();
    });

    for (const name of ['in the kernel', 'in this process'] as const) {
      it(`${name}: events, until the filter is taken away`, async () => {
        const { h, seen } = await open(name, nfct.NFCT_ALL_CT_GROUPS);
        try {
          expect(nfct.nfct_filter_attach(h, onlyMark(3))).to.equal(0);
          for (const mark of [1, 2, 3]) await nfct.nfct_query(maker, nfct.NFCT_Q_CREATE, udp(mark, mark));
          for (const mark of [1, 2, 3]) await nfct.nfct_query(maker, nfct.NFCT_Q_DESTROY, udp(mark, mark));
          expect(await nfct.nfct_catch(h)).to.equal(0);
          expect(seen.splice(0)).to.deep.equal([
            [nfct.NFCT_T_NEW, 3, 3],
            [nfct.NFCT_T_DESTROY, 3, 3],
          ]);
          expect(nfct.nfct_filter_detach(h)).to.equal(0);
          expect(() => nfct.nfct_filter_detach(h))
            .to.throw(TransportError)
            .that.includes({ code: 'ENOENT' });
          await nfct.nfct_query(maker, nfct.NFCT_Q_CREATE, udp(1, 1));
          await nfct.nfct_query(maker, nfct.NFCT_Q_DESTROY, udp(1, 1));
          expect(await nfct.nfct_catch(h)).to.equal(0);
          expect(seen.map(([type]) => type)).to.deep.equal([nfct.NFCT_T_NEW, nfct.NFCT_T_DESTROY]);
        } finally {
          nfct.nfct_close(h);
        }
      });

      it(`${name}: replies are filtered too, but never how a request ended`, async () => {
        const { h, seen } = await open(name, 0);
        try {
          nfct.nfct_filter_attach(h, onlyMark(2));
          expect(await nfct.nfct_query(h, nfct.NFCT_Q_CREATE, udp(1, 1))).to.equal(0);
          expect(await nfct.nfct_query(h, nfct.NFCT_Q_CREATE, udp(2, 2))).to.equal(0);
          expect(await nfct.nfct_query(h, nfct.NFCT_Q_GET, udp(1, 1))).to.equal(0);
          expect(await nfct.nfct_query(h, nfct.NFCT_Q_GET, udp(2, 2))).to.equal(0);
          expect(seen).to.deep.equal([[nfct.NFCT_T_UPDATE, 2, 2]]);
          const again = await nfct.nfct_query(h, nfct.NFCT_Q_CREATE, udp(1, 1)).catch(({ code }) => code);
          expect(again).to.equal('EEXIST');
        } finally {
          nfct.nfct_close(h);
        }
      });
    }

    for (const name of ['in the kernel', 'in this process'] as const) {
      it(`${name}: not together with a dump, which is refused`, async () => {
        for (const mark of [1, 2]) await nfct.nfct_query(maker, nfct.NFCT_Q_CREATE, udp(mark, mark));
        const { h, seen } = await open(name, 0);
        try {
          nfct.nfct_filter_attach(h, onlyMark(2));
          const { NFCT_Q_DUMP, NFCT_Q_DUMP_RESET, NFCT_Q_DUMP_FILTER } = nfct;
          for (const query of [NFCT_Q_DUMP, NFCT_Q_DUMP_RESET, NFCT_Q_DUMP_FILTER]) {
            const data = query === NFCT_Q_DUMP_FILTER ? nfct.nfct_filter_dump_create() : AF_UNSPEC;
            for (const refused of [nfct.nfct_query(h, query, data), nfct.nfct_send(h, query, data)])
              expect(await rejection(refused)).to.be.instanceOf(UnsupportedError);
          }
          nfct.nfct_filter_detach(h);
          expect(await nfct.nfct_send(h, NFCT_Q_DUMP, AF_UNSPEC)).to.equal(20);
          expect(() => nfct.nfct_filter_attach(h, onlyMark(2))).to.throw(UnsupportedError, 'would never end');
          expect(await nfct.nfct_catch(h)).to.equal(0);
          expect(seen.map(([, port]) => port)).to.have.members([1, 2]);
          expect(nfct.nfct_filter_attach(h, onlyMark(2))).to.equal(0);
        } finally {
          nfct.nfct_close(h);
        }
      });
    }

    it('a dump under a filter would stop where a datagram is dropped, and never end', async () => {
      await nfct.nfct_query(maker, nfct.NFCT_Q_CREATE, udp(1, 1));
      const transport = await koffi();
      try {
        transport.start({ readable: () => {}, failed: () => {} });
        transport.attachFilter!(compileFilter(kindsOf(onlyMark(2))));
        const dump = (sequence: number): Uint8Array | undefined => {
          const writer = new Writer();
          buildMessage('dump', AF_UNSPEC).write(writer, sequence);
          transport.send(writer.finish());
          return transport.receive()?.bytes;
        };
        expect(dump(1)).to.equal(undefined);
        expect(transport.receive(), 'no DONE').to.equal(undefined);
        const busy = viewOf(dump(2)!);
        expect([busy.getUint16(4, HOST_LITTLE_ENDIAN), busy.getInt32(16, HOST_LITTLE_ENDIAN)]).to.deep.equal([
          NLMSG_ERROR,
          -EBUSY,
        ]);
      } finally {
        transport.close();
      }
    });
  });
});
