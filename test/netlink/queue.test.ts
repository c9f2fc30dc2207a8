import { expect } from 'chai';
import { Queue } from '../../src/netlink/queue.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import * as nfct from '../../src/nfct/index.ts';
import { ack, FakeTransport, message } from '../support/fake-transport.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { asked } from '../support/requests.ts';
import { sized } from '../support/tier.ts';

/** Array.prototype.shift would take minutes for so many, far beyond the limit of a test. */
const MANY = 200_000;

describe('netlink/queue', () => {
  it('gives items in the order in which they came, without those that were deleted', () => {
    const seed = seedFromEnvironment();
    const random = new Random(seed);
    const queue = new Queue<{ n: number }>();
    let model: { n: number }[] = [];
    for (let n = 0; n < 20_000; n++) {
      const what = `step ${n}, CTNETLINK_SEED=${seed}`;
      const choice = random.below(100);
      if (choice < 52) {
        queue.push({ n });
        model = [...model, { n }];
      } else if (choice < 90) {
        expect(queue.shift(), what).to.deep.equal(model[0]);
        model = model.slice(1);
      } else if (choice < 99 && model.length > 0) {
        // The items of the queue are other objects than those of the model.
        const items = queue.clear();
        for (const item of items) queue.push(item);
        const at = random.below(model.length);
        queue.delete(items[at]);
        queue.delete({ n: -1 });
        model = model.filter((_, index) => index !== at);
      }
      expect([queue.length, queue.first], what).to.deep.equal([model.length, model[0]]);
    }
    expect(queue.clear()).to.deep.equal(model);
    expect([queue.length, queue.first, queue.shift()]).to.deep.equal([0, undefined, undefined]);
  });

  it('takes time in proportion to the items, also of those that are deleted in their order', () => {
    const queue = new Queue<object>();
    const items = Array.from({ length: MANY }, () => ({}));
    for (const item of items) queue.push(item);
    expect(items.every((item) => queue.shift() === item)).to.equal(true);
    for (const item of items) queue.push(item);
    for (const item of items) queue.delete(item);
    expect(queue.length).to.equal(0);
  });

  it('holds the requests beyond the window of a transport, however many', async () => {
    const transport = Object.assign(new FakeTransport((_request, { nlmsg_seq }, fake) => fake.queue(ack(nlmsg_seq))), {
      window: 1,
    });
    const count = sized({ quick: 40_000, landing: 150_000, soak: 150_000 });
    let answering = false;
    const receive = transport.receive.bind(transport);
    transport.receive = () => (answering ? receive() : undefined);
    const socket = new NetlinkSocket(transport);
    const request = (): Promise<void> =>
      socket.request(
        ...asked(
          (writer, sequence) => {
            const bytes = message(sequence);
            writer.bytes.set(bytes, writer.reserve(bytes.length));
          },
          { operation: 'get' },
        ),
      );
    const requests = Array.from({ length: count }, request);
    expect(socket.pending).to.equal(count);
    answering = true;
    transport.readable();
    await Promise.all(requests);
    expect(transport.sent).to.have.length(count);
    socket.close();
  });

  it('holds the catches of a handle, however many', async () => {
    const transport = new FakeTransport();
    const h = await nfct.nfct_open(nfct.CONNTRACK, 0, { transport: async () => transport });
    const catches = Array.from({ length: MANY }, () => nfct.nfct_catch(h));
    await nfct.nfct_send(h, nfct.NFCT_Q_FLUSH, 0);
    transport.deliver(ack(new DataView(transport.sent[0].buffer).getUint32(8, true)));
    expect(await catches[0]).to.equal(0);
    nfct.nfct_close(h);
    const ends = await Promise.allSettled(catches.slice(1));
    expect(ends.every(({ status }) => status === 'rejected')).to.equal(true);
  });
});
