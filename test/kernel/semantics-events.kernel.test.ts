/**
 * What the kernel reports unasked, and how it answers: the second half of semantics-requests.kernel.test.ts. Events
 * need a transport that takes them; the addon is allowed to abort this process, which a handful of events does not
 * bring it to.
 */
import { expect } from 'chai';
import type { FlowInit, TupleInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { eventTypeOf } from '../../src/ctnetlink/message.ts';
import {
  buildCreate,
  buildDelete,
  buildFlush,
  buildGet,
  buildStats,
  buildUpdate,
} from '../../src/ctnetlink/request/flow.ts';
import { HOST_LITTLE_ENDIAN } from '../../src/netlink/byteorder.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import { openTransport } from '../../src/transport/open.ts';
import {
  NLA_F_NESTED,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_ECHO,
  NLM_F_EXCL,
  NLM_F_MULTI,
  NLMSG_ERROR,
} from '../../src/uapi/netlink.ts';
import { IPS_SEEN_REPLY } from '../../src/uapi/nf_conntrack_common.ts';
import * as nfnl from '../../src/uapi/nfnetlink.ts';
import * as cta from '../../src/uapi/nfnetlink_conntrack.ts';
import { AF_INET6, AF_UNSPEC } from '../../src/uapi/socket.ts';
import { concat } from '../support/fake-transport.ts';
import { describeKernel, isRoot, resetNamespace, sysctl, until } from '../support/kernel.ts';
import { someoneListensElsewhere } from '../support/listeners.ts';
import { bytesOf, converse, type Edit, Kernel, Message, message } from '../support/semantics.ts';
import { tcpConnection, tracking } from '../support/traffic.ts';

/** 10.0.0.1:1000+n -> 10.0.0.2:53 with mark n. */
function v4(n: number, rest: FlowInit = {}, proto: TupleInit['proto'] = 'udp'): FlowInit {
  return {
    orig: { src: '10.0.0.1', dst: '10.0.0.2', proto, sport: 1000 + n, dport: 53 },
    timeout: 600,
    mark: n,
    ...rest,
  };
}

const flags =
  (change: (flags: number) => number): Edit =>
  (view) =>
    view.setUint16(6, change(view.getUint16(6, HOST_LITTLE_ENDIAN)), HOST_LITTLE_ENDIAN);

/** A socket that has joined all three groups, and every message that came since. */
class Listener {
  readonly messages: Message[] = [];
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static async open(): Promise<Listener> {
    const transport = await openTransport({ events: true, eventsMayAbortProcess: true });
    const listener = new Listener(new NetlinkSocket(transport));
    for (const group of [nfnl.NFNLGRP_CONNTRACK_NEW, nfnl.NFNLGRP_CONNTRACK_UPDATE, nfnl.NFNLGRP_CONNTRACK_DESTROY]) {
      transport.joinGroup(group);
    }
    listener.#socket.setEventSink({
      message: (_header, view, offset, end) => listener.messages.push(new Message(view, offset, end)),
      overrun: () => {},
      end: () => {},
    });
    return listener;
  }

  /** Waits for the DESTROY of the flow with this mark, and gives all before it and itself. */
  async destroyed(mark: number): Promise<Message[]> {
    const at = (): number =>
      this.messages.findIndex(({ header, flow }) => eventTypeOf(header) === 'destroy' && (flow.mark ?? 0) === mark);
    await until(() => at() >= 0, { what: `the DESTROY of the flow with mark ${mark}` });
    return this.messages.splice(0, at() + 1);
  }

  close(): void {
    this.#socket.close();
  }
}

/** How often a case is tried that needs a moment in which nobody listens in any namespace. */
const ATTEMPTS = 20;

/**
 * Tries `attempt` until it finds that nobody listens. The kernel has one flag for all network namespaces (Linux 6.18).
 * So a `conntrack -E` somewhere on the machine excuses a case that never finds it; the case is then skipped.
 */
async function whileNobodyListens(test: Mocha.Context, attempt: () => Promise<boolean>): Promise<void> {
  let excused = !isRoot();
  for (let n = 0; n < ATTEMPTS; n++) {
    excused ||= someoneListensElsewhere();
    if (await attempt()) return;
    excused ||= someoneListensElsewhere();
  }
  expect(excused, 'nobody listens anywhere').to.equal(true);
  test.skip();
}

const types = (messages: readonly Message[]) => messages.map(({ header }) => eventTypeOf(header));

describeKernel('semantics of events', ['conntrack', 'nft'], () => {
  let kernel: Kernel;
  let listener: Listener | undefined;
  const listen = async (): Promise<Listener> => {
    listener = await Listener.open();
    return listener;
  };
  const remove = async (n: number): Promise<void> => {
    expect(await kernel.code(buildDelete(Flow.from(v4(n))))).to.equal('OK');
  };

  before(async () => {
    kernel = await Kernel.open();
  });
  beforeEach(() => resetNamespace());
  afterEach(() => {
    listener?.close();
    listener = undefined;
  });
  after(() => {
    kernel.close();
    resetNamespace();
  });

  it('21: flows older than the first listener cause no events', async function () {
    if (sysctl('nf_conntrack_events') !== '2') this.skip();
    await whileNobodyListens(this, async () => {
      await kernel.create(v4(1));
      const events = await listen();
      expect(await kernel.code(buildUpdate(Flow.from(v4(1, { timeout: 300 }))))).to.equal('OK');
      await remove(1);
      await kernel.create(v4(2));
      await remove(2);
      const seen = await events.destroyed(2);
      events.close();
      expect(types(seen.slice(-2))).to.deep.equal(['new', 'destroy']);
      expect(seen.slice(-2).map(({ flow }) => flow.mark)).to.deep.equal([2, 2]);
      return seen.length === 2;
    });
  });

  it('22: flags distinguish NEW from UPDATE; the sequence is 0, the portid that of the requester', async () => {
    const events = await listen();
    await kernel.create(v4(1));
    expect(await kernel.code(buildUpdate(Flow.from(v4(1, { timeout: 300, status: ['SEEN_REPLY'] }))))).to.equal('OK');
    await remove(1);
    const seen = await events.destroyed(1);
    const type = (message: number): number => (nfnl.NFNL_SUBSYS_CTNETLINK << 8) | message;
    expect(seen.map(({ header }) => [header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq])).to.deep.equal([
      [type(cta.IPCTNL_MSG_CT_NEW), NLM_F_CREATE | NLM_F_EXCL, 0],
      [type(cta.IPCTNL_MSG_CT_NEW), 0, 0],
      [type(cta.IPCTNL_MSG_CT_DELETE), 0, 0],
    ]);
    const { portid } = kernel.socket.transport;
    expect(seen.map(({ header }) => header.nlmsg_pid)).to.deep.equal([portid, portid, portid]);
  });

  it("22: the kernel's own events have portid 0, and what one packet changes is one event", async () => {
    tracking();
    const events = await listen();
    await tcpConnection(8080);
    await kernel.code(buildFlush());
    const seen = await events.destroyed(0);
    expect(types(seen).slice(0, 2)).to.deep.equal(['new', 'update']);
    for (const { header } of seen.slice(0, -1)) expect([header.nlmsg_seq, header.nlmsg_pid]).to.deep.equal([0, 0]);
    // The SYN and ACK: its status and its TCP state.
    const [, synAck] = seen.map(({ flow }) => flow);
    expect(synAck.tcp?.state).to.equal('SYN_RECV');
    expect(synAck.status! & IPS_SEEN_REPLY).to.equal(IPS_SEEN_REPLY);
    expect(seen.at(-1)!.header.nlmsg_pid).to.equal(kernel.socket.transport.portid);
  });

  describe('23: what events carry', () => {
    const { CTA_STATUS, CTA_TIMEOUT, CTA_MARK, CTA_PROTOINFO, CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY } = cta;
    const { CTA_TIMESTAMP, CTA_HELP, CTA_LABELS, CTA_SYNPROXY } = cta;

    it('of packets: what changed, status and timeout; counters and times only at the end', async () => {
      tracking();
      sysctl('nf_conntrack_acct', 1);
      sysctl('nf_conntrack_timestamp', 1);
      const events = await listen();
      await tcpConnection(8080);
      await kernel.code(buildFlush());
      const seen = await events.destroyed(0);
      const destroy = seen.pop()!;
      for (const { attributes } of seen) {
        expect([...attributes.keys()]).to.include.members([CTA_STATUS, CTA_TIMEOUT, CTA_PROTOINFO]);
        for (const type of [CTA_MARK, CTA_COUNTERS_ORIG, CTA_TIMESTAMP, CTA_HELP, CTA_LABELS, CTA_SYNPROXY]) {
          expect(attributes.has(type), `attribute ${type}`).to.equal(false);
        }
      }
      expect([...destroy.attributes.keys()]).to.include.members([
        CTA_STATUS,
        CTA_PROTOINFO,
        CTA_COUNTERS_ORIG,
        CTA_COUNTERS_REPLY,
        CTA_TIMESTAMP,
      ]);
      expect(destroy.flow.toJSON().tcp).to.deep.equal({ state: 'TIME_WAIT' });
      expect(destroy.flow.timestamp).to.have.property('stop').that.is.a('bigint');
    });

    it('without the sysctls: no counters, no times', async () => {
      const events = await listen();
      await kernel.create(v4(1));
      await remove(1);
      for (const { attributes } of await events.destroyed(1)) {
        for (const type of [CTA_COUNTERS_ORIG, CTA_TIMESTAMP, cta.CTA_TIMESTAMP_EVENT]) {
          expect(attributes.has(type), `attribute ${type}`).to.equal(false);
        }
      }
    });

    it('of a request: everything, and at the end no labels, helper and SYNPROXY', async () => {
      tracking();
      const events = await listen();
      const flow = v4(1, { tcp: { state: 'ESTABLISHED' }, helper: { name: 'ftp' }, labels: [3] }, 'tcp');
      await kernel.create(flow);
      expect((await kernel.get(flow))!.toJSON().synproxy).to.deep.equal({ isn: 0, its: 0, tsoff: 0 });
      expect(await kernel.code(buildDelete(Flow.from(flow)))).to.equal('OK');
      const [created, destroyed] = await events.destroyed(1);
      const there = [CTA_MARK, CTA_HELP, CTA_LABELS, CTA_SYNPROXY];
      expect(there.filter((type) => created.attributes.has(type))).to.deep.equal(there);
      expect(there.filter((type) => destroyed.attributes.has(type))).to.deep.equal([CTA_MARK]);
    });

    it('no timeout when it is 0', async () => {
      const events = await listen();
      await kernel.create(v4(1));
      await kernel.code(message('update', v4(1, { timeout: 0 })));
      // Whoever comes across an expired entry takes it out.
      await kernel.dump();
      const seen = await events.destroyed(1);
      expect(seen.at(-1)!.attributes.has(CTA_TIMEOUT)).to.equal(false);
    });
  });

  it('24: CTA_TIMESTAMP_EVENT is in events only, and refused in requests', async function () {
    if (kernel.olderThan(6, 14)) this.skip();
    sysctl('nf_conntrack_timestamp', 1);
    const events = await listen();
    const before = BigInt(Date.now() - 1) * 1_000_000n;
    await kernel.create(v4(1));
    expect((await kernel.reply(v4(1)))!.attributes.has(cta.CTA_TIMESTAMP_EVENT)).to.equal(false);
    const unknown = [{ path: [], type: cta.CTA_TIMESTAMP_EVENT, value: '0000000000000000' }];
    expect(await kernel.code(buildUpdate(Flow.from(v4(1, { unknown }))))).to.equal('EINVAL');
    await remove(1);
    const seen = await events.destroyed(1);
    const after = BigInt(Date.now() + 1) * 1_000_000n;
    for (const { flow, attributes } of seen) {
      expect(attributes.get(cta.CTA_TIMESTAMP_EVENT)).to.have.length(8);
      expect(flow.timestamp!.event! >= before && flow.timestamp!.event! <= after).to.equal(true);
    }
  });
});

describeKernel('semantics of answers', ['conntrack', 'nft'], () => {
  let kernel: Kernel;
  before(async () => {
    kernel = await Kernel.open();
  });
  beforeEach(() => resetNamespace());
  after(() => {
    kernel.close();
    resetNamespace();
  });

  it('27: replies to GET have NLM_F_MULTI, and no DONE follows', async () => {
    await kernel.create(v4(1));
    const noAck = flags((value) => value & ~NLM_F_ACK);
    for (const build of [buildGet(Flow.from(v4(1))), buildStats('stats')]) {
      const seen = await converse([bytesOf(build, 1, noAck), bytesOf(build, 2)], 2);
      expect(seen.map(({ header }) => header.nlmsg_seq)).to.deep.equal([1, 2, 2]);
      expect(seen.slice(0, 2).map(({ header }) => header.nlmsg_flags)).to.deep.equal([NLM_F_MULTI, NLM_F_MULTI]);
      expect(seen[2].header.nlmsg_type).to.equal(NLMSG_ERROR);
      expect(seen[2].code).to.equal('OK');
    }
  });

  it('30: a second dump on one socket is EBUSY', async () => {
    await kernel.create(v4(1));
    const dump = (sequence: number): Uint8Array => bytesOf(message('dump', {}, { family: AF_UNSPEC }), sequence);
    const seen = await converse([dump(1), dump(2)], 2);
    const refused = seen.filter(({ header }) => header.nlmsg_seq === 2);
    expect(refused.map(({ code }) => code)).to.deep.equal(['EBUSY']);
  });

  it('30: an error does not stop the requests after it in the datagram', async () => {
    const create = (n: number, sequence: number): Uint8Array =>
      bytesOf(buildCreate(Flow.from(v4(n)), 'create'), sequence);
    const seen = await converse([concat(create(1, 1), create(1, 2), create(2, 3))], 3);
    expect(seen.map(({ code }) => code)).to.deep.equal(['OK', 'EEXIST', 'OK']);
    expect(await kernel.marks()).to.deep.equal([1, 2]);
  });

  it('30: with NLM_F_ECHO the event, of sequence 0, precedes the ACK', async () => {
    const echo = flags((value) => value | NLM_F_ECHO);
    const listener = await Listener.open();
    try {
      const seen = await converse([bytesOf(buildCreate(Flow.from(v4(1)), 'create'), 1, echo)], 1);
      expect(seen.map(({ header }) => header.nlmsg_seq)).to.deep.equal([0, 1]);
      expect(seen[0].flow.mark).to.equal(1);
      expect(eventTypeOf(seen[0].header)).to.equal('new');
    } finally {
      listener.close();
    }
  });

  it('30: with NLM_F_ECHO there is only the ACK when nobody listens', async function () {
    if (sysctl('nf_conntrack_events') !== '2') this.skip();
    const echo = flags((value) => value | NLM_F_ECHO);
    let n = 0;
    await whileNobodyListens(this, async () => {
      const seen = await converse([bytesOf(buildCreate(Flow.from(v4(++n)), 'create'), 1, echo)], 1);
      expect(seen.at(-1)!.header.nlmsg_seq).to.equal(1);
      return seen.length === 1;
    });
  });

  it('32: the unconfirmed and dying lists are empty, and can only be dumped', async () => {
    await kernel.create(v4(1));
    for (const query of ['dumpDying', 'dumpUnconfirmed'] as const) {
      const build = message(query, {}, { family: AF_UNSPEC });
      expect(await kernel.ask(build)).to.deep.equal({ code: 'OK', messages: [] });
      const noDump = flags((value) => (value & ~NLM_F_DUMP) | NLM_F_ACK);
      expect(await kernel.code(build, noDump), query).to.equal('EOPNOTSUPP');
    }
  });

  describe('33: errors', () => {
    it('of the family', async () => {
      await kernel.create(v4(1));
      expect(await kernel.code(message('get', { orig: v4(1).orig }, { family: AF_UNSPEC }))).to.equal('EOPNOTSUPP');
      expect(await kernel.code(message('get', { orig: v4(1).orig }, { family: 99 }))).to.equal('EOPNOTSUPP');
      expect(await kernel.code(message('get', { orig: v4(1).orig }, { family: AF_INET6 }))).to.equal('EINVAL');
    });

    it('a filtered flush that matches nothing is no error', async () => {
      expect(await kernel.code(message('flush', { mark: 77, markMask: 0xffffffff }))).to.equal('OK');
    });
  });

  it('34: nests without NLA_F_NESTED are nests', async () => {
    const clear = (view: DataView, from: number, to: number): void => {
      for (let at = from; at < to; at += (view.getUint16(at, HOST_LITTLE_ENDIAN) + 3) & ~3) {
        const type = view.getUint16(at + 2, HOST_LITTLE_ENDIAN);
        if ((type & NLA_F_NESTED) === 0) continue;
        view.setUint16(at + 2, type & ~NLA_F_NESTED, HOST_LITTLE_ENDIAN);
        clear(view, at + 4, at + view.getUint16(at, HOST_LITTLE_ENDIAN));
      }
    };
    const create = buildCreate(Flow.from(v4(1)), 'create');
    expect(await kernel.code(create, (view) => clear(view, 20, view.byteLength))).to.equal('OK');
    expect((await kernel.get(v4(1)))!.toJSON().orig).to.deep.equal({ family: 'ipv4', ...v4(1).orig });
  });

  it('34: a last message whose length is not 4-aligned is valid', async () => {
    await kernel.create(v4(1, { zone: 5 }));
    // CTA_ZONE comes last and has two bytes; here without its padding.
    const bytes = bytesOf(buildGet(Flow.from(v4(1, { zone: 5 }))), 1, (view) =>
      view.setUint32(0, view.byteLength - 2, HOST_LITTLE_ENDIAN),
    );
    const seen = await converse([bytes.subarray(0, -2)], 1);
    expect(seen.map(({ header }) => header.nlmsg_seq)).to.deep.equal([1, 1]);
    expect(seen[0].flow.zone).to.equal(5);
  });
});

describeKernel('semantics of privileges', ['root'], () => {
  beforeEach(() => process.seteuid!(65534));
  afterEach(() => process.seteuid!(0));

  it('33: everything needs CAP_NET_ADMIN', async () => {
    const kernel = await Kernel.open();
    try {
      expect((await kernel.dump()).code).to.equal('EPERM');
      for (const build of [buildGet(Flow.from(v4(1))), buildCreate(Flow.from(v4(1)), 'create'), buildStats('stats')]) {
        expect(await kernel.code(build)).to.equal('EPERM');
      }
    } finally {
      kernel.close();
    }
  });

  it('33: joining groups too', async () => {
    const transport = await openTransport({ events: true, eventsMayAbortProcess: true });
    try {
      expect(() => transport.joinGroup(nfnl.NFNLGRP_CONNTRACK_NEW))
        .to.throw()
        .with.property('code', 'EPERM');
    } finally {
      transport.close();
    }
  });
});
