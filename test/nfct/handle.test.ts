/** Queries, sends and catches over a kernel that the test plays. */
import { expect } from 'chai';
import { Flow, flowCodec } from '../../src/ctnetlink/flow.ts';
import { ClosedError, KernelError, OverrunError, TransportError } from '../../src/netlink/errors.ts';
import { Writer } from '../../src/netlink/writer.ts';
import * as nfct from '../../src/nfct/index.ts';
import { wireForm } from '../../src/nfct/wire.ts';
import { EEXIST, ENOENT } from '../../src/uapi/errno.ts';
import { AF_INET } from '../../src/uapi/socket.ts';
import {
  ack,
  concat,
  done,
  error,
  FakeTransport,
  headerOf,
  message,
  rejection,
  type Script,
  settled,
  watch,
} from '../support/fake-transport.ts';

const {
  CONNTRACK,
  nfct_callback_register,
  nfct_callback_register2,
  nfct_catch,
  nfct_close,
  nfct_open,
  nfct_query,
  nfct_send,
  NFCT_ALL_CT_GROUPS,
  NFCT_CB_CONTINUE,
  NFCT_CB_FAILURE,
  NFCT_CB_STOLEN,
  NFCT_CB_STOP,
  NFCT_Q_CREATE,
  NFCT_Q_DUMP,
  NFCT_Q_DUMP_FILTER,
  NFCT_Q_GET,
  NFCT_T_ALL,
  NFCT_T_DESTROY,
  NFCT_T_NEW,
  NFCT_T_UPDATE,
} = nfct;

const FLOW = Flow.from({
  orig: { src: '1.1.1.1', dst: '2.2.2.2', proto: 'udp', sport: 1, dport: 2 },
  timeout: 10,
});

const CREATE_EXCL = 0x600;
const MULTI = 2;

/** A flow with this mark as the kernel sends it: an entry, or an event (sequence 0). */
function flow(sequence: number, mark: number, { type = 0x100, flags = MULTI } = {}): Uint8Array {
  const { attributes } = wireForm(Flow.from({ orig: FLOW.orig, mark }));
  const writer = new Writer();
  flowCodec.write(writer, attributes);
  return message(sequence, concat([AF_INET, 0, 0, 0], writer.finish()), { type, flags });
}

const born = (mark: number) => flow(0, mark, { flags: CREATE_EXCL });
const changed = (mark: number) => flow(0, mark, { flags: 0 });
const died = (mark: number) => flow(0, mark, { type: 0x102, flags: 0 });

interface Opened {
  h: nfct.NfctHandle;
  transport: FakeTransport;
  /** Sequence number of the request sent last. */
  sequence(): number;
}

async function open(groups = 0, script?: Script): Promise<Opened> {
  const transport = new FakeTransport(script);
  const h = await nfct_open(CONNTRACK, groups, { transport: async () => transport });
  return { h, transport, sequence: () => headerOf(transport.sent.at(-1)!).nlmsg_seq };
}

/** Registers a callback that answers with these verdicts in turn, the last one for ever, and notes type and mark. */
function answering(
  h: nfct.NfctHandle,
  types: number,
  ...verdicts: number[]
): [type: number, mark: number | undefined][] {
  const calls: [number, number | undefined][] = [];
  nfct_callback_register(h, types, (type, ct) => {
    calls.push([type, ct.mark]);
    return verdicts.length > 1 ? verdicts.shift()! : verdicts[0];
  });
  return calls;
}

describe('nfct: nfct_open', () => {
  it('joins the group of every bit', async () => {
    const { h, transport } = await open(NFCT_ALL_CT_GROUPS | nfct.NF_NETLINK_CONNTRACK_EXP_DESTROY);
    expect([...transport.groups]).to.deep.equal([1, 2, 3, 6]);
    expect(transport.referenced).to.equal(true);
    expect(nfct_close(h)).to.equal(0);
    expect(nfct_close(h)).to.equal(0);
    expect(transport.closed).to.equal(true);
  });

  it('without groups does not keep the process alive', async () => {
    const { transport } = await open();
    expect(transport.referenced).to.equal(false);
  });

  it('asks the transport for events only if they are wanted', async () => {
    const asked: unknown[] = [];
    for (const groups of [0, 1]) {
      await nfct_open(CONNTRACK, groups, {
        transport: async (options) => {
          asked.push(options?.events);
          return new FakeTransport();
        },
      });
    }
    expect(asked).to.deep.equal([false, true]);
  });

  it('closes the socket when a group refuses', async () => {
    const transport = new FakeTransport();
    const refusal = new TransportError('setsockopt', 1, 'not permitted');
    transport.joinGroup = () => {
      throw refusal;
    };
    expect(await rejection(nfct_open(CONNTRACK, 1, { transport: async () => transport }))).to.equal(refusal);
    expect(transport.closed).to.equal(true);
  });

  it('checks its arguments', async () => {
    expect(await rejection(nfct_open(3, 0)))
      .to.be.instanceOf(RangeError)
      .with.property('message')
      .match(/^subsys_id must/);
    expect(await rejection(nfct_open(CONNTRACK, 64)))
      .to.be.instanceOf(RangeError)
      .with.property('message')
      .match(/^subscr/);
    for (const call of [nfct_query, nfct_send])
      expect(await rejection(call({} as never, NFCT_Q_DUMP, 0))).to.be.instanceOf(TypeError);
    expect(await rejection(nfct_catch({} as never))).to.be.instanceOf(TypeError);
    expect(() => nfct_close(undefined as never)).to.throw(TypeError, /^h must be the result of nfct_open/);
  });
});

describe('nfct: nfct_query', () => {
  /** Three entries in two datagrams, then DONE. */
  const dump: Script = (_request, { nlmsg_seq }, transport) => {
    transport.queue(flow(nlmsg_seq, 1), flow(nlmsg_seq, 2));
    transport.queue(flow(nlmsg_seq, 3));
    transport.queue(done(nlmsg_seq));
  };

  for (const [name, verdict] of Object.entries({ NFCT_CB_CONTINUE, NFCT_CB_STOLEN })) {
    it(`resolves to 0 at the end when the callback says ${name}`, async () => {
      const { h } = await open(0, dump);
      const calls = answering(h, NFCT_T_ALL, verdict);
      expect(await nfct_query(h, NFCT_Q_DUMP, AF_INET)).to.equal(0);
      expect(calls).to.deep.equal([1, 2, 3].map((mark) => [NFCT_T_UPDATE, mark]));
    });
  }

  for (const [name, verdict, result] of [
    ['NFCT_CB_STOP', NFCT_CB_STOP, 0],
    ['NFCT_CB_FAILURE', NFCT_CB_FAILURE, -1],
  ] as const) {
    it(`resolves to ${result} at once when the callback says ${name}, and drains the rest`, async () => {
      const { h, transport } = await open(0, dump);
      const calls = answering(h, NFCT_T_ALL, NFCT_CB_CONTINUE, verdict, NFCT_CB_CONTINUE);
      expect(await nfct_query(h, NFCT_Q_DUMP, AF_INET)).to.equal(result);
      expect(calls).to.have.length(2);
      await settled();
      expect(transport.unread).to.equal(0);
      // C would now give the rest of the first answer.
      expect(await nfct_query(h, NFCT_Q_DUMP, AF_INET)).to.equal(0);
      expect(calls).to.have.length(5);
    });
  }

  it('without a callback resolves to 0 anyway', async () => {
    const { h } = await open(0, dump);
    expect(await nfct_query(h, NFCT_Q_DUMP, AF_INET)).to.equal(0);
  });

  it('gives entries as updates, to callbacks that want these', async () => {
    const { h } = await open(0, dump);
    const calls = answering(h, NFCT_T_NEW | NFCT_T_DESTROY, NFCT_CB_CONTINUE);
    expect(await nfct_query(h, NFCT_Q_DUMP, AF_INET)).to.equal(0);
    expect(calls).to.deep.equal([]);
  });

  it('rejects with the errno of the kernel', async () => {
    const { h } = await open(0, (_request, { nlmsg_seq }, transport) => transport.queue(error(nlmsg_seq, EEXIST)));
    const reason = await rejection(nfct_query(h, NFCT_Q_CREATE, FLOW));
    expect(reason).to.be.instanceOf(KernelError).and.include({ code: 'EEXIST', errno: EEXIST, operation: 'create' });
  });

  it('rejects with what the callback throws, or returns that is no verdict', async () => {
    const { h } = await open(0, dump);
    const thrown = new Error('mine');
    nfct_callback_register(h, NFCT_T_ALL, () => {
      throw thrown;
    });
    expect(await rejection(nfct_query(h, NFCT_Q_DUMP, AF_INET))).to.equal(thrown);
    for (const verdict of [undefined, 7, true, Promise.resolve(1)]) {
      nfct_callback_register(h, NFCT_T_ALL, () => verdict as never);
      const reason = await rejection(nfct_query(h, NFCT_Q_DUMP, AF_INET));
      expect(reason)
        .to.be.instanceOf(TypeError)
        .with.property('message')
        .match(/^the callback must (return|not be async)/);
    }
    answering(h, NFCT_T_ALL, NFCT_CB_CONTINUE);
    expect(await nfct_query(h, NFCT_Q_DUMP, AF_INET)).to.equal(0);
  });

  it('compares what the kernel does not', async () => {
    const { h } = await open(0, dump);
    const calls = answering(h, NFCT_T_ALL, NFCT_CB_CONTINUE);
    const filter = nfct.nfct_filter_dump_create();
    nfct.nfct_filter_dump_set_attr(filter, nfct.NFCT_FILTER_DUMP_MARK, { val: 2, mask: 2 });
    expect(await nfct_query(h, NFCT_Q_DUMP_FILTER, filter)).to.equal(0);
    expect(calls).to.deep.equal([2, 3].map((mark) => [NFCT_T_UPDATE, mark]));
  });

  it('gives events that come meanwhile to the callback; they stop nothing', async () => {
    const { h, transport, sequence } = await open(NFCT_ALL_CT_GROUPS);
    const calls = answering(h, NFCT_T_ALL, NFCT_CB_STOP, NFCT_CB_CONTINUE);
    const query = watch(nfct_query(h, NFCT_Q_DUMP, AF_INET));
    transport.deliver(born(7));
    await settled();
    expect(query.state).to.equal('pending');
    transport.deliver(flow(sequence(), 1));
    transport.deliver(done(sequence()));
    await settled();
    expect(query.state).to.equal('resolved');
    expect(calls).to.deep.equal([
      [NFCT_T_NEW, 7],
      [NFCT_T_UPDATE, 1],
    ]);
  });

  it('sends nothing that is wrong', async () => {
    const { h, transport } = await open();
    expect(await rejection(nfct_query(h, nfct.NFCT_Q_DESTROY, nfct.nfct_new()))).to.be.instanceOf(TypeError);
    expect(await rejection(nfct_query(h, 99, 0))).to.be.instanceOf(RangeError);
    expect(await rejection(nfct_send(h, nfct.NFCT_Q_DESTROY, nfct.nfct_new()))).to.be.instanceOf(TypeError);
    const large = nfct.nfct_clone(FLOW);
    nfct.nfct_set_attr(large, nfct.ATTR_HELPER_NAME, 'x');
    nfct.nfct_set_attr(large, nfct.ATTR_HELPER_INFO, new Uint8Array(70_000));
    expect(await rejection(nfct_query(h, NFCT_Q_CREATE, large))).to.be.instanceOf(RangeError);
    expect(await rejection(nfct_send(h, NFCT_Q_CREATE, large))).to.be.instanceOf(RangeError);
    expect(transport.sent).to.deep.equal([]);
  });

  it('rejects on a closed handle', async () => {
    const { h, transport } = await open();
    const query = nfct_query(h, NFCT_Q_DUMP, AF_INET);
    nfct_close(h);
    expect(await rejection(query)).to.be.instanceOf(ClosedError);
    for (const call of [nfct_query(h, NFCT_Q_DUMP, 0), nfct_send(h, NFCT_Q_DUMP, 0), nfct_catch(h)])
      expect(await rejection(call)).to.be.instanceOf(ClosedError);
    expect(transport.sent).to.have.length(1);
  });
});

describe('nfct: callbacks', () => {
  const get: Script = (_request, { nlmsg_seq }, transport) => {
    transport.queue(flow(nlmsg_seq, 1));
    transport.queue(ack(nlmsg_seq));
  };

  it('get the data they were registered with, and of the second kind a copy of the header', async () => {
    const { h, sequence } = await open(0, get);
    const seen: unknown[] = [];
    const data = {};
    const cb = (...args: unknown[]): number => {
      seen.push(...args);
      return NFCT_CB_CONTINUE;
    };
    expect(nfct_callback_register2(h, NFCT_T_ALL, cb, data)).to.equal(0);
    await nfct_query(h, NFCT_Q_GET, FLOW);
    await settled();
    const [header, type, ct, given] = seen as [nfct.nlmsghdr, number, nfct.Flow, unknown];
    expect(header).to.include({ nlmsg_type: 0x100, nlmsg_flags: MULTI, nlmsg_seq: sequence(), nlmsg_pid: 0 });
    expect(type).to.equal(NFCT_T_UPDATE);
    expect(ct.orig.src).to.equal('1.1.1.1');
    expect(given).to.equal(data);
  });

  it('may be replaced; the first kind goes before the second, with what was registered last', async () => {
    const { h } = await open(0, get);
    const seen: unknown[] = [];
    const note = (name: string, data: unknown): number => {
      seen.push(name, data);
      return NFCT_CB_CONTINUE;
    };
    const one = (name: string) => (_type: number, _ct: nfct.Flow, data: unknown) => note(name, data);
    const two = (_nlh: nfct.nlmsghdr, _type: number, _ct: nfct.Flow, data: unknown) => note('two', data);
    const asked = async (): Promise<unknown[]> => {
      await nfct_query(h, NFCT_Q_GET, FLOW);
      return seen.splice(0);
    };
    expect(nfct_callback_register(h, NFCT_T_ALL, one('first'), 1)).to.equal(0);
    expect(nfct_callback_register(h, NFCT_T_ALL, one('second'), 2)).to.equal(0);
    expect(await asked()).to.deep.equal(['second', 2]);
    expect(nfct_callback_register2(h, NFCT_T_ALL, two, 3)).to.equal(0);
    expect(await asked()).to.deep.equal(['second', 3]);
    nfct.nfct_callback_unregister(h);
    expect(await asked()).to.deep.equal([]);
    nfct_callback_register2(h, NFCT_T_ALL, two, 4);
    expect(await asked()).to.deep.equal(['two', 4]);
    nfct.nfct_callback_unregister2(h);
    expect(await asked()).to.deep.equal([]);
  });

  it('are functions, for types that are a number', async () => {
    const { h } = await open();
    expect(() => nfct_callback_register(h, NFCT_T_ALL, undefined as never)).to.throw(TypeError, /^cb must/);
    expect(() => nfct_callback_register2(h, 'new' as never, () => 1)).to.throw(TypeError, /^type must/);
    expect(() => nfct_callback_register({} as never, 1, () => 1)).to.throw(TypeError, /^h must/);
    expect(() => nfct.nfct_callback_unregister({} as never)).to.throw(TypeError, /^h must/);
  });
});

describe('nfct: nfct_send and nfct_catch', () => {
  it('the socket is read only while a catch waits', async () => {
    const { h, transport, sequence } = await open();
    const calls = answering(h, NFCT_T_ALL, NFCT_CB_CONTINUE);
    expect(await nfct_send(h, NFCT_Q_GET, FLOW)).to.equal(transport.sent[0].length);
    transport.deliver(flow(sequence(), 1));
    transport.deliver(ack(sequence()));
    await settled();
    expect(transport.unread).to.equal(2);
    expect(await nfct_catch(h)).to.equal(0);
    expect(calls).to.deep.equal([[NFCT_T_UPDATE, 1]]);
    expect(transport.unread).to.equal(0);
  });

  it('each catch takes the end of one answer', async () => {
    const { h, transport, sequence } = await open();
    const calls = answering(h, NFCT_T_ALL, NFCT_CB_CONTINUE);
    for (const mark of [1, 2, 3]) {
      await nfct_send(h, NFCT_Q_GET, FLOW);
      transport.queue(flow(sequence(), mark));
      transport.queue(mark === 2 ? error(sequence(), ENOENT) : ack(sequence()));
    }
    expect(await nfct_catch(h)).to.equal(0);
    expect(calls.map(([, mark]) => mark)).to.deep.equal([1]);
    expect(await rejection(nfct_catch(h)))
      .to.be.instanceOf(KernelError)
      .and.include({ code: 'ENOENT' });
    expect(await nfct_catch(h)).to.equal(0);
    expect(calls.map(([, mark]) => mark)).to.deep.equal([1, 2, 3]);
    const fourth = watch(nfct_catch(h));
    await settled();
    expect(fourth.state).to.equal('pending');
  });

  for (const [name, verdict, result] of [
    ['STOP', NFCT_CB_STOP, 0],
    ['FAILURE', NFCT_CB_FAILURE, -1],
  ] as const) {
    it(`${name} ends the catch and loses the rest of the datagram; the next catch goes on`, async () => {
      const { h, transport, sequence } = await open();
      const calls = answering(h, NFCT_T_ALL, verdict);
      await nfct_send(h, NFCT_Q_DUMP, AF_INET);
      transport.queue(flow(sequence(), 1), flow(sequence(), 2));
      transport.queue(flow(sequence(), 3), flow(sequence(), 4));
      transport.queue(done(sequence()));
      expect(await nfct_catch(h)).to.equal(result);
      expect(calls.map(([, mark]) => mark)).to.deep.equal([1]);
      expect(await nfct_catch(h)).to.equal(result);
      expect(calls.map(([, mark]) => mark)).to.deep.equal([1, 3]);
      expect(await nfct_catch(h)).to.equal(0);
      expect(calls).to.have.length(2);
    });
  }

  it('events come one catch at a time while the callback says STOP', async () => {
    const { h, transport } = await open(NFCT_ALL_CT_GROUPS);
    const calls = answering(h, NFCT_T_ALL, NFCT_CB_STOP);
    transport.deliver(born(1));
    transport.deliver(changed(2));
    transport.deliver(died(3));
    await settled();
    expect(transport.unread).to.equal(3);
    for (const count of [1, 2, 3]) {
      expect(await nfct_catch(h)).to.equal(0);
      expect(calls).to.have.length(count);
    }
    expect(calls).to.deep.equal([
      [NFCT_T_NEW, 1],
      [NFCT_T_UPDATE, 2],
      [NFCT_T_DESTROY, 3],
    ]);
  });

  it('a catch stays pending while the callback says CONTINUE, and is rejected by nfct_close', async () => {
    const { h, transport } = await open(NFCT_ALL_CT_GROUPS);
    const calls = answering(h, NFCT_T_DESTROY, NFCT_CB_CONTINUE);
    const caught = nfct_catch(h);
    const state = watch(caught);
    for (const event of [born(1), died(2), changed(3), died(4)]) transport.deliver(event);
    await settled();
    expect(state.state).to.equal('pending');
    expect(calls.map(([, mark]) => mark)).to.deep.equal([2, 4]);
    nfct_close(h);
    expect(await rejection(caught)).to.be.instanceOf(ClosedError);
  });

  it('what a callback throws ends the catch, not the events', async () => {
    const { h, transport } = await open(NFCT_ALL_CT_GROUPS);
    const thrown = new Error('mine');
    nfct_callback_register(h, NFCT_T_NEW, () => {
      throw thrown;
    });
    transport.deliver(born(1));
    expect(await rejection(nfct_catch(h))).to.equal(thrown);
    answering(h, NFCT_T_ALL, NFCT_CB_STOP);
    transport.deliver(died(2));
    expect(await nfct_catch(h)).to.equal(0);
  });

  it('an overrun is reported once, and the next catch continues', async () => {
    const { h, transport, sequence } = await open(NFCT_ALL_CT_GROUPS);
    const calls = answering(h, NFCT_T_ALL, NFCT_CB_STOP);
    await nfct_send(h, NFCT_Q_GET, FLOW);
    await nfct_send(h, NFCT_Q_GET, FLOW);
    transport.queueError(new OverrunError('lost'));
    transport.queue(flow(sequence(), 1));
    transport.queue(born(2));
    expect(await rejection(nfct_catch(h))).to.be.instanceOf(OverrunError);
    expect(await nfct_catch(h)).to.equal(0);
    // The replies of what was given up are drained.
    expect(calls).to.deep.equal([[NFCT_T_NEW, 2]]);
  });

  it('several catches are served in turn', async () => {
    const { h, transport } = await open(NFCT_ALL_CT_GROUPS);
    const calls = answering(h, NFCT_T_ALL, NFCT_CB_STOP, NFCT_CB_FAILURE);
    const both = Promise.all([nfct_catch(h), nfct_catch(h)]);
    transport.deliver(born(1));
    transport.deliver(born(2));
    expect(await both).to.deep.equal([0, -1]);
    expect(calls).to.have.length(2);
  });

  it('what comes while a stopped query is drained is kept for the next catch', async () => {
    const { h, transport, sequence } = await open(NFCT_ALL_CT_GROUPS);
    const calls = answering(h, NFCT_T_ALL, NFCT_CB_STOP);
    const query = nfct_query(h, NFCT_Q_DUMP, AF_INET);
    const dump = sequence();
    transport.deliver(flow(dump, 1));
    expect(await query).to.equal(0);
    await nfct_send(h, NFCT_Q_GET, FLOW);
    for (const each of [flow(dump, 2), died(3), flow(sequence(), 4), ack(sequence()), done(dump)])
      transport.deliver(each);
    await settled();
    expect(transport.unread).to.equal(0);
    expect(calls).to.have.length(1);
    expect(await nfct_catch(h)).to.equal(0);
    expect(await nfct_catch(h)).to.equal(0);
    expect(await nfct_catch(h)).to.equal(0);
    expect(calls.map(([type, mark]) => [type, mark])).to.deep.equal([
      [NFCT_T_UPDATE, 1],
      [NFCT_T_DESTROY, 3],
      [NFCT_T_UPDATE, 4],
    ]);
  });

  it('a query after a dump that was sent gets its own answer', async () => {
    const { h, transport, sequence } = await open();
    const calls = answering(h, NFCT_T_ALL, NFCT_CB_CONTINUE);
    await nfct_send(h, NFCT_Q_DUMP, AF_INET);
    transport.queue(flow(sequence(), 1));
    transport.queue(done(sequence()));
    const query = watch(nfct_query(h, NFCT_Q_DUMP, AF_INET));
    await settled();
    expect(transport.sent).to.have.length(2);
    expect(query.state).to.equal('pending');
    transport.deliver(flow(sequence(), 2));
    transport.deliver(done(sequence()));
    await settled();
    expect(query.state).to.equal('resolved');
    expect(calls.map(([, mark]) => mark)).to.deep.equal([1, 2]);
    expect(await nfct_catch(h)).to.equal(0);
  });

  it('a catch without groups keeps the process alive only while it waits', async () => {
    const { h, transport, sequence } = await open();
    await nfct_send(h, NFCT_Q_GET, FLOW);
    const caught = nfct_catch(h);
    expect(transport.referenced).to.equal(true);
    transport.deliver(flow(sequence(), 1), ack(sequence()));
    expect(await caught).to.equal(0);
    expect(transport.referenced).to.equal(false);
  });

  it('a send that fails rejects, and leaves nothing behind', async () => {
    const { h, transport } = await open(0, () => {
      throw new TransportError('sendmsg', 105, 'no buffer');
    });
    expect(await rejection(nfct_send(h, NFCT_Q_GET, FLOW))).to.be.instanceOf(TransportError);
    expect(await rejection(nfct_query(h, NFCT_Q_GET, FLOW))).to.be.instanceOf(TransportError);
    const caught = watch(nfct_catch(h));
    await settled();
    expect(caught.state).to.equal('pending');
    transport.fail(new Error('gone'));
    await settled();
    expect(caught.state).to.equal('rejected');
    expect(await rejection(nfct_catch(h))).to.be.instanceOf(ClosedError);
  });

  it('at the end of a replay a catch is rejected', async () => {
    const { h, transport } = await open(NFCT_ALL_CT_GROUPS);
    answering(h, NFCT_T_ALL, NFCT_CB_CONTINUE);
    transport.queue(born(1));
    transport.ended = true;
    for (let again = 0; again < 2; again++) {
      expect(await rejection(nfct_catch(h)))
        .to.be.instanceOf(ClosedError)
        .with.property('message')
        .match(/at its end/);
    }
  });
});
