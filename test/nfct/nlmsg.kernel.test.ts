/** A program over bare messages, as one over libmnl, on the kernel; and a handle over a transport that is open. */
import { expect } from 'chai';
import { openTransport } from '../../src/index.ts';
import {
  type Datagram,
  KernelError,
  nfnlType,
  readErrno,
  type Transport,
  TransportError,
  Writer,
  walkDatagram,
  writeNfgenmsg,
} from '../../src/netlink.ts';
import * as nfct from '../../src/nfct/index.ts';
import {
  AF_INET,
  EEXIST,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_NEW,
  NFNL_SUBSYS_CTNETLINK,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '../../src/uapi/index.ts';
import { FakeTransport } from '../support/fake-transport.ts';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';
import { conntrack, is } from '../support/nfct/memory.ts';
import { filterOf, UDP } from '../support/nfct/messages.ts';

describe('nfct_open_nfnl', () => {
  it('makes a handle of a transport, in its groups', async () => {
    const transport = new FakeTransport();
    const h = nfct.nfct_open_nfnl(transport, nfct.CONNTRACK, nfct.NF_NETLINK_CONNTRACK_NEW | 0x20);
    expect([...transport.groups]).to.deep.equal([1, 6]);
    nfct.nfct_close(h);
    expect(transport.closed).to.equal(true);
  });

  it('checks first, and closes a transport that cannot join', () => {
    const transport = new FakeTransport();
    expect(() => nfct.nfct_open_nfnl({} as Transport, nfct.CONNTRACK, 0)).to.throw(TypeError, /^transport must/);
    expect(() => nfct.nfct_open_nfnl(transport, 3, 0)).to.throw(RangeError, /^subsys_id must/);
    expect(() => nfct.nfct_open_nfnl(transport, 0, 0x40)).to.throw(RangeError, /^subscriptions must/);
    expect(transport.closed).to.equal(false);
    transport.joinGroup = () => {
      throw new TransportError('setsockopt', 1, 'no');
    };
    expect(() => nfct.nfct_open_nfnl(transport, nfct.CONNTRACK, 1)).to.throw(TransportError);
    expect(transport.closed).to.equal(true);
  });
});

/** A program as one over libmnl, with what ctnetlink, ctnetlink/netlink and ctnetlink/nfct export and nothing else. */
class ByHand {
  readonly #transport: Transport;
  readonly #writer = new Writer();
  #sequence = 0;
  #wake = (): void => {};

  constructor(transport: Transport) {
    this.#transport = transport;
    transport.start({ readable: () => this.#wake(), failed: () => this.#wake() });
  }

  get release(): string | undefined {
    return this.#transport.release;
  }

  /** Sends one request, and gives each message that answers it, until its ACK or DONE. @throws KernelError */
  async ask(
    message: number,
    flags: number,
    append: (writer: Writer) => void,
    answer: (message: Uint8Array) => void = () => {},
  ): Promise<void> {
    const writer = this.#writer.reset();
    const sequence = ++this.#sequence;
    const type = nfnlType(NFNL_SUBSYS_CTNETLINK, message);
    const at = writer.beginMessage(type, NLM_F_REQUEST | flags, sequence);
    writeNfgenmsg(writer, AF_INET);
    append(writer);
    writer.endMessage(at);
    this.#transport.send(writer.finish());
    for (let ended = false; !ended; ) {
      const { bytes, view, sender } = await this.#receive();
      expect(sender).to.equal(0);
      walkDatagram(view, (header, _view, offset, end) => {
        expect(header.nlmsg_seq).to.equal(sequence);
        if (header.nlmsg_type !== NLMSG_ERROR && header.nlmsg_type !== NLMSG_DONE) {
          answer(bytes.subarray(offset, end));
          return;
        }
        ended = true;
        const errno = readErrno(view, offset, end, header.nlmsg_type === NLMSG_DONE);
        if (errno !== 0) throw new KernelError(errno, { operation: 'by hand', sequence });
      });
    }
  }

  async #receive(): Promise<Datagram> {
    for (;;) {
      const datagram = this.#transport.receive();
      if (datagram !== undefined) return datagram;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

describeKernel('nfct: a program by hand, on the kernel', ['conntrack'], () => {
  let transport: Transport;
  beforeEach(async () => {
    resetNamespace();
    transport = await openTransport();
  });
  afterEach(() => {
    transport.close();
    resetNamespace();
  });

  it('creates, dumps with a filter, and flushes with one', async () => {
    const program = new ByHand(transport);
    const create = async (dport: number, mark: number): Promise<void> => {
      const ct = conntrack([...UDP.slice(0, -1), is(nfct.ATTR_PORT_DST, 0, dport)]);
      nfct.nfct_setobjopt(ct, nfct.NFCT_SOPT_SETUP_REPLY);
      nfct.nfct_set_attr_u32(ct, nfct.ATTR_TIMEOUT, 100);
      nfct.nfct_set_attr_u32(ct, nfct.ATTR_MARK, mark);
      await program.ask(IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, (writer) =>
        nfct.nfct_nlmsg_build(writer, ct),
      );
    };
    await create(53, 1);
    await create(54, 2);
    await create(55, 3);
    const again = await create(53, 1).then(
      () => undefined,
      (error: KernelError) => error,
    );
    expect(again).to.include({ errno: EEXIST });

    const odd = filterOf({ mark: { value: 1, mask: 1 } });
    const ports: number[] = [];
    const dump = (filter: nfct.nfct_filter_dump): Promise<void> =>
      program.ask(
        IPCTNL_MSG_CT_GET,
        NLM_F_DUMP,
        (writer) => nfct.nfct_nlmsg_build_filter(writer, filter),
        (message) => {
          const ct = nfct.nfct_new();
          expect(nfct.nfct_parse_conntrack(nfct.NFCT_T_ALL, message, ct)).to.equal(nfct.NFCT_T_UPDATE);
          ports.push(nfct.ntohs(nfct.nfct_get_attr_u16(ct, nfct.ATTR_PORT_DST)));
        },
      );
    await dump(odd);
    expect(ports.splice(0).sort()).to.deep.equal([53, 55]);

    await program.ask(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, (writer) =>
      nfct.nfct_nlmsg_build_filter(writer, odd, program.release),
    );
    await dump(nfct.nfct_filter_dump_create());
    expect(ports).to.deep.equal([54]);
    expect(Number(sh('conntrack', '-C'))).to.equal(1);
  });

  it('takes what the deprecated functions build, and nfct_open_nfnl goes on with a transport', async () => {
    const h = nfct.nfct_open_nfnl(transport, nfct.CONNTRACK, 0);
    const ct = conntrack([...UDP, is(nfct.ATTR_TIMEOUT, 100, 0, 0, 0)]);
    nfct.nfct_setobjopt(ct, nfct.NFCT_SOPT_SETUP_REPLY);
    expect(await nfct.nfct_query(h, nfct.NFCT_Q_CREATE, ct)).to.equal(0);
    expect(Number(sh('conntrack', '-C'))).to.equal(1);
    const other = await openTransport();
    other.start({ readable: () => {}, failed: () => {} });
    other.send(nfct.nfct_build_query(nfct.NFCT_Q_DESTROY, ct));
    expect(Number(sh('conntrack', '-C'))).to.equal(0);
    other.close();
    nfct.nfct_close(h);
  });
});
