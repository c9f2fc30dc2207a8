import { expect } from 'chai';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { ClosedError, DumpInterruptedError, KernelError, OverrunError } from '../../src/netlink/errors.ts';
import type { Request } from '../../src/netlink/request.ts';
import { type EventSink, type PendingRequest, type ReplySink, SequenceTracker } from '../../src/netlink/sequence.ts';
import { NLM_F_DUMP_INTR, NLM_F_MULTI, NLMSG_NOOP, NLMSG_OVERRUN } from '../../src/uapi/netlink.ts';
import { ack, concat, datagram, done, error, message, nlattr } from '../support/fake-transport.ts';
import { written } from '../support/requests.ts';

/** A pending request that notes what happens to it. */
class Noted implements PendingRequest {
  readonly request: Request;
  readonly payloads: number[] = [];
  /** One item for each call of settle. */
  readonly ends: (Error | undefined)[] = [];
  sink: ReplySink | undefined = {
    message: (_header, view, offset, end) => {
      this.payloads.push(end > offset + 16 ? view.getUint8(offset + 16) : -1);
    },
  };

  constructor(operation = 'get', dump = false) {
    this.request = written(() => {}, { operation, dump });
  }

  settle(error: Error | undefined): void {
    this.ends.push(error);
  }
}

class Events implements EventSink {
  readonly payloads: number[] = [];
  readonly overruns: OverrunError[] = [];
  readonly ends: (Error | undefined)[] = [];
  paused = false;
  fail: Error | undefined;

  message(_header: unknown, view: DataView, offset: number): void {
    if (this.fail !== undefined) throw this.fail;
    this.payloads.push(view.getUint8(offset + 16));
  }

  overrun(error: OverrunError): void {
    this.overruns.push(error);
  }

  end(error?: Error): void {
    this.ends.push(error);
  }
}

function dispatch(tracker: SequenceTracker, ...messages: Uint8Array[]): void {
  dispatchAs(tracker, datagram(...messages));
}

function dispatchAs(tracker: SequenceTracker, bytes: Uint8Array, special: object = {}): void {
  tracker.dispatch({ bytes, view: viewOf(bytes), sender: 0, truncated: false, ...special });
}

function begin(tracker: SequenceTracker, sequence: number, operation = 'get', dump = false): Noted {
  const request = new Noted(operation, dump);
  tracker.register(sequence, request);
  return request;
}

describe('sequence', () => {
  describe('numbers', () => {
    it('count up from 1 and never are 0', () => {
      const tracker = new SequenceTracker();
      expect([1, 2, 3].map(() => tracker.nextSequence())).to.deep.equal([1, 2, 3]);
    });

    it('begin again at 1 after 0xffffffff', () => {
      const tracker = new SequenceTracker(undefined, 0xfffffffd);
      expect([1, 2, 3, 4].map(() => tracker.nextSequence())).to.deep.equal([0xfffffffe, 0xffffffff, 1, 2]);
    });

    it('skip those of requests that still wait', () => {
      const tracker = new SequenceTracker(undefined, 0xfffffffd);
      for (const pending of [0xfffffffe, 1, 2, 4]) begin(tracker, pending);
      expect([1, 2, 3].map(() => tracker.nextSequence())).to.deep.equal([0xffffffff, 3, 5]);
    });

    it('skip those of requests that are settled but not yet answered', () => {
      const tracker = new SequenceTracker();
      begin(tracker, 1);
      tracker.abandon(1);
      expect(tracker.nextSequence()).to.equal(2);
    });

    it('tell requests apart over their whole range', () => {
      const tracker = new SequenceTracker();
      const high = begin(tracker, 0xffffffff);
      const low = begin(tracker, 0x7fffffff);
      dispatch(tracker, message(0xffffffff, [1]), message(0x7fffffff, [2]), ack(0xffffffff), ack(0x7fffffff));
      expect([high.payloads, low.payloads]).to.deep.equal([[1], [2]]);
    });
  });

  describe('replies', () => {
    it('go to their request, interleaved or not', () => {
      const tracker = new SequenceTracker();
      const one = begin(tracker, 1);
      const two = begin(tracker, 2);
      dispatch(tracker, message(2, [20]), message(1, [10]), message(2, [21]));
      dispatch(tracker, ack(2), message(1, [11]), ack(1));
      expect(one.payloads).to.deep.equal([10, 11]);
      expect(two.payloads).to.deep.equal([20, 21]);
      expect([one.ends, two.ends]).to.deep.equal([[undefined], [undefined]]);
      expect(tracker.pending).to.equal(0);
    });

    it('are dropped undecoded where there is no sink', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 1);
      request.sink = undefined;
      dispatch(tracker, message(1, [1]), ack(1));
      expect(request.ends).to.deep.equal([undefined]);
      expect(tracker.counts.strays).to.equal(0);
    });

    it('that nobody waits for are counted', () => {
      const tracker = new SequenceTracker();
      dispatch(tracker, message(9, [1]), ack(9), done(9), message(0, [1]), error(0, 2));
      expect(tracker.counts).to.deep.equal({ strays: 5, foreign: 0, truncated: 0 });
    });

    it('of an abandoned request are drained and not counted', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 1, 'dump', true);
      dispatch(tracker, message(1, [1]));
      tracker.abandon(1);
      expect(request.ends).to.deep.equal([undefined]);
      expect(tracker.dumping).to.equal(true);
      dispatch(tracker, message(1, [2]), done(1, 16));
      expect(request.payloads).to.deep.equal([1]);
      expect(request.ends).to.have.lengthOf(1);
      expect(tracker).to.include({ pending: 0, dumping: false });
      expect(tracker.counts.strays).to.equal(0);
    });

    it('that its sink refuses reject the request at once, and the rest is drained', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 1);
      const other = begin(tracker, 2);
      const refusal = new Error('no more');
      request.sink = {
        message() {
          throw refusal;
        },
      };
      dispatch(tracker, message(1, [1]), message(2, [2]), message(1, [3]), ack(1), ack(2));
      expect(request.ends).to.deep.equal([refusal]);
      expect(other.payloads).to.deep.equal([2]);
      expect(other.ends).to.deep.equal([undefined]);
      expect(tracker.counts.strays).to.equal(0);
      expect(tracker.pending).to.equal(0);
    });

    it('of types without a meaning say nothing', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 1);
      dispatch(
        tracker,
        message(1, [], { type: NLMSG_NOOP }),
        message(1, [], { type: 0xf }),
        message(1, [], { type: 0 }),
      );
      expect(request.payloads).to.deep.equal([]);
      expect(request.ends).to.deep.equal([]);
      expect(tracker.counts.strays).to.equal(0);
    });
  });

  describe('end of a request', () => {
    it('is an ACK, an error or a DONE; a reply with NLM_F_MULTI is not', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 1);
      dispatch(tracker, message(1, [1], { flags: NLM_F_MULTI }));
      expect(request.ends).to.deep.equal([]);
      dispatch(tracker, ack(1));
      expect(request.ends).to.deep.equal([undefined]);
    });

    it('is reported with the answer of the kernel', () => {
      const explained: unknown[] = [];
      const tracker = new SequenceTracker((...asked) => {
        explained.push(asked);
        return 'because';
      });
      const request = begin(tracker, 77, 'create');
      dispatch(tracker, error(77, 22, { extack: nlattr(1, Buffer.from('bad\0')) }));
      const [end] = request.ends as KernelError[];
      expect(end).to.be.instanceOf(KernelError);
      expect(end).to.include({ errno: 22, code: 'EINVAL', operation: 'create', sequence: 77, explanation: 'because' });
      expect(end.extack).to.deep.equal({ message: 'bad' });
      expect(explained).to.deep.equal([['create', 22, { message: 'bad' }]]);
    });

    it('of a dump is reported with the errno and the extended ACK of its DONE', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 5, 'dump', true);
      dispatch(tracker, message(5, [1]), done(5, 12, nlattr(1, Buffer.from('no memory\0'))));
      expect(request.payloads).to.deep.equal([1]);
      expect(request.ends[0]).to.be.instanceOf(KernelError).with.property('code', 'ENOMEM');
      expect(request.ends[0]?.message).to.equal('dump: ENOMEM (kernel: no memory)');
    });

    it('that cannot be read is a DecodeError of this request only', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 1);
      const other = begin(tracker, 2);
      dispatch(tracker, message(1, [1, 2], { type: 2 }), ack(2));
      expect(request.ends[0]).to.have.property('code', 'ERR_DECODE');
      expect(other.ends).to.deep.equal([undefined]);
      expect(tracker.pending).to.equal(0);
    });

    it('comes once: what follows is a stray', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 1);
      dispatch(tracker, ack(1), ack(1), message(1, [1]));
      expect(request.ends).to.have.lengthOf(1);
      expect(tracker.counts.strays).to.equal(2);
    });

    it('does not come when it was never sent', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 1, 'dump', true);
      tracker.unregister(1);
      expect(tracker).to.include({ pending: 0, dumping: false });
      dispatch(tracker, done(1));
      expect(request.ends).to.deep.equal([]);
    });
  });

  describe('interrupted dump', () => {
    it('is reported at its end, when all was delivered', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 1, 'dump', true);
      dispatch(tracker, message(1, [1]), message(1, [2], { flags: NLM_F_MULTI | NLM_F_DUMP_INTR }));
      dispatch(tracker, message(1, [3]));
      expect(request.ends).to.deep.equal([]);
      dispatch(tracker, done(1));
      expect(request.payloads).to.deep.equal([1, 2, 3]);
      expect(request.ends[0]).to.be.instanceOf(DumpInterruptedError);
    });

    it('may be marked on the DONE alone', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 1, 'dump', true);
      dispatch(tracker, message(1, [1]), done(1, 0, undefined, NLM_F_DUMP_INTR));
      expect(request.ends[0]).to.be.instanceOf(DumpInterruptedError);
    });

    it('reports the error of its DONE instead', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 1, 'dump', true);
      dispatch(tracker, message(1, [1], { flags: NLM_F_DUMP_INTR }), done(1, 12));
      expect(request.ends[0]).to.have.property('code', 'ENOMEM');
    });

    it('does not mark the dump after it', () => {
      const tracker = new SequenceTracker();
      begin(tracker, 1, 'dump', true);
      dispatch(tracker, done(1, 0, undefined, NLM_F_DUMP_INTR));
      const second = begin(tracker, 2, 'dump', true);
      dispatch(tracker, done(2));
      expect(second.ends).to.deep.equal([undefined]);
    });
  });

  describe('events', () => {
    it('are what has sequence 0', () => {
      const tracker = new SequenceTracker();
      const events = new Events();
      tracker.events = events;
      const request = begin(tracker, 1);
      dispatch(tracker, message(0, [1]), message(1, [2]), message(0, [3]), message(9, [4]), ack(1));
      expect(events.payloads).to.deep.equal([1, 3]);
      expect(request.payloads).to.deep.equal([2]);
      expect(tracker.counts.strays).to.equal(1);
    });

    it('end with the error of their sink, and nothing else does', () => {
      const tracker = new SequenceTracker();
      const events = new Events();
      tracker.events = events;
      const request = begin(tracker, 1);
      events.fail = new Error('bad event');
      dispatch(tracker, message(0, [1]), message(0, [2]), message(1, [3]), ack(1));
      expect(events.ends).to.deep.equal([events.fail]);
      expect(tracker.events).to.equal(undefined);
      expect(request.ends).to.deep.equal([undefined]);
      expect(tracker.counts.strays).to.equal(1);
    });
  });

  describe('loss', () => {
    it('rejects all that waits; of them only a dump is still waited for', () => {
      const tracker = new SequenceTracker();
      const events = new Events();
      tracker.events = events;
      const get = begin(tracker, 1);
      const dump = begin(tracker, 2, 'dump', true);
      const lost = new OverrunError('lost');
      tracker.overrun(lost);
      expect([get.ends, dump.ends]).to.deep.equal([[lost], [lost]]);
      expect(events.overruns).to.deep.equal([lost]);
      expect(events.ends).to.deep.equal([]);
      expect(tracker).to.include({ pending: 1, dumping: true });
      dispatch(tracker, message(0, [5]), message(2, [1]), done(2));
      expect(dump.payloads).to.deep.equal([]);
      expect(tracker).to.include({ pending: 0, dumping: false });
      expect(tracker.counts.strays).to.equal(0);
      expect(events.payloads).to.deep.equal([5]);
    });

    it('is also what NLMSG_OVERRUN says', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 1);
      dispatch(tracker, message(0, [], { type: NLMSG_OVERRUN }));
      expect(request.ends[0]).to.be.instanceOf(OverrunError);
    });

    it('is a datagram that was cut: counted, reported, its whole messages still delivered', () => {
      const tracker = new SequenceTracker();
      const events = new Events();
      tracker.events = events;
      const request = begin(tracker, 1);
      const whole = datagram(message(0, [1]), message(0, [2, 0, 0, 0]), message(0, [3]));
      dispatchAs(tracker, whole.subarray(0, 50), { truncated: true });
      expect(request.ends[0]).to.be.instanceOf(OverrunError);
      expect(events.overruns).to.deep.equal(request.ends);
      expect(events.payloads).to.deep.equal([1, 2]);
      expect(events.ends).to.deep.equal([]);
      expect(tracker.counts).to.deep.equal({ strays: 0, foreign: 0, truncated: 1 });
    });
  });

  describe('datagrams', () => {
    it('from another process are dropped whole and counted', () => {
      const tracker = new SequenceTracker();
      const events = new Events();
      tracker.events = events;
      const request = begin(tracker, 1);
      dispatchAs(tracker, datagram(message(0, [1]), error(1, 2)), { sender: 999 });
      dispatchAs(tracker, new Uint8Array(3), { sender: 1, truncated: true });
      expect(events.payloads).to.deep.equal([]);
      expect(request.ends).to.deep.equal([]);
      expect(tracker.counts).to.deep.equal({ strays: 0, foreign: 2, truncated: 0 });
    });

    it('that are broken reject everything and end the events: nobody knows whose they were', () => {
      const tracker = new SequenceTracker();
      const events = new Events();
      tracker.events = events;
      const one = begin(tracker, 1);
      const two = begin(tracker, 2, 'dump', true);
      dispatchAs(tracker, concat(message(1, [1, 0, 0, 0]), [1, 2, 3]));
      expect(one.payloads).to.deep.equal([1]);
      for (const { ends } of [one, two, events]) {
        expect(ends).to.have.lengthOf(1);
        expect(ends[0]).to.include({ code: 'ERR_DECODE', offset: 20 });
      }
    });
  });

  describe('close', () => {
    it('rejects everything and ends the events', () => {
      const tracker = new SequenceTracker();
      const events = new Events();
      tracker.events = events;
      const requests = [begin(tracker, 1), begin(tracker, 2, 'dump', true)];
      const closed = new ClosedError();
      tracker.close(closed, undefined);
      for (const { ends } of requests) expect(ends).to.deep.equal([closed]);
      expect(events.ends).to.deep.equal([undefined]);
      expect(tracker).to.include({ pending: 0, dumping: false });
    });

    it('inside of a sink stops the datagram there', () => {
      const tracker = new SequenceTracker();
      const request = begin(tracker, 1);
      const other = begin(tracker, 2);
      const closed = new ClosedError();
      request.sink = { message: () => tracker.close(closed, undefined) };
      dispatch(tracker, message(1, [1]), message(2, [2]), ack(1), ack(2));
      expect([request.ends, other.ends]).to.deep.equal([[closed], [closed]]);
      expect(other.payloads).to.deep.equal([]);
      expect(tracker.counts.strays).to.equal(0);
    });
  });

  describe('hunger', () => {
    it('is somebody who waits and is not paused', () => {
      const tracker = new SequenceTracker();
      expect(tracker.hungry).to.equal(false);
      const request = begin(tracker, 1);
      expect(tracker.hungry).to.equal(true);
      request.sink = { paused: true, message() {} };
      expect(tracker.hungry).to.equal(false);
      begin(tracker, 2).sink = undefined;
      expect(tracker.hungry).to.equal(true);
      dispatch(tracker, ack(2));
      expect(tracker.hungry).to.equal(false);
      tracker.abandon(1);
      expect(tracker.hungry, 'to drain it').to.equal(true);
    });

    it('is an event sink that is not paused', () => {
      const tracker = new SequenceTracker();
      const events = new Events();
      tracker.events = events;
      expect(tracker.hungry).to.equal(true);
      events.paused = true;
      expect(tracker.hungry).to.equal(false);
    });
  });
});

describe('sequence: numbers of batches', () => {
  it('are of 32 bits, follow each other, and are of nobody else', () => {
    for (let start = 0xffffffff - 12; start <= 0xffffffff; start++) {
      const tracker = new SequenceTracker(undefined, start);
      tracker.queues = true;
      // Long on their way: in front of the end, and behind the beginning.
      const taken = [0xffffffff - 4, 0xffffffff, 2, 7];
      for (const sequence of taken) {
        begin(tracker, sequence);
        // Nobody knows when it reaches the kernel, so that no other answer says that its own was lost.
        tracker.sentLater(sequence);
      }
      const numbers = new Set(taken);
      for (let n = 0; n < 6; n++) {
        const settledWith: (Error | undefined)[] = [];
        const first = tracker.registerBatch({
          operation: 'create',
          count: 5,
          charge: 1,
          failed: () => {},
          settle: (error) => settledWith.push(error),
        });
        for (let number = first; number < first + 5; number++) {
          expect(number, `batch ${n} from ${start}`).to.be.within(1, 0xffffffff);
          expect(numbers.has(number), `number ${number}`).to.equal(false);
          numbers.add(number);
        }
        const next = tracker.nextSequence();
        expect(numbers.has(next), `number ${next}`).to.equal(false);
        numbers.add(next);
        begin(tracker, next);
        tracker.sentLater(next);
        if (n % 2 === 1) continue;
        dispatch(tracker, ack(first + 4));
        expect(settledWith, 'the ACK of the last message').to.deep.equal([undefined]);
      }
    }
  });
});
