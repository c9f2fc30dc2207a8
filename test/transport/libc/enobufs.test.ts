import { expect } from 'chai';
import { LostEvents } from '../../../src/transport/libc/enobufs.ts';
import type { SocketOptions } from '../../../src/transport/libc/options.ts';
import { SK_MEMINFO_DROPS, SK_MEMINFO_RMEM_ALLOC } from '../../../src/uapi/socket.ts';

/** A socket whose drop counter the test sets. */
class Kernel {
  waiting = 0;
  drops = 0;
  charge = 1280;
  readonly lostEvents: LostEvents;

  constructor() {
    const options = {
      readMemoryInfo: () => {},
      memoryInfo: (word: number) => {
        if (word === SK_MEMINFO_DROPS) return this.drops;
        expect(word).to.equal(SK_MEMINFO_RMEM_ALLOC);
        return this.waiting * this.charge;
      },
    };
    this.lostEvents = new LostEvents(options as unknown as SocketOptions);
  }

  /**
   * One receive of at most `count` datagrams, handed on one after the other: 'e' for each, and the lost number at the
   * place of its report.
   */
  receive(count: number): (string | number)[] {
    const { lostEvents } = this;
    const told: (string | number)[] = [];
    const take = (drained: boolean): void => {
      const lost = lostEvents.take(drained);
      if (lost > 0) told.push(lost);
    };
    take(false);
    lostEvents.beforeReceive();
    const received = Math.min(count, this.waiting);
    this.waiting -= received;
    if (received === 0) {
      take(true);
      return told;
    }
    lostEvents.received(received);
    for (let n = 0; n < received; n++) {
      if (n > 0) take(false);
      lostEvents.delivered();
      told.push('e');
    }
    return told;
  }
}

const events = (count: number): string[] => new Array(count).fill('e');

describe('libc: lost events', () => {
  let kernel: Kernel;
  beforeEach(() => {
    kernel = new Kernel();
  });

  it('reports nothing when nothing was lost', () => {
    kernel.waiting = 5;
    expect(kernel.receive(3)).to.deep.equal(events(3));
    expect(kernel.receive(3)).to.deep.equal(events(2));
    expect(kernel.receive(3)).to.deep.equal([]);
  });

  it('reports a loss behind what waited when it was noticed', () => {
    kernel.waiting = 5;
    kernel.drops = 70;
    expect(kernel.receive(3)).to.deep.equal(events(3));
    // Came since.
    kernel.waiting += 2;
    expect(kernel.receive(10)).to.deep.equal([...events(2), 70, ...events(2)]);
    expect(kernel.receive(10)).to.deep.equal([]);
  });

  it('reports a loss behind what was received and not handed on', () => {
    kernel.waiting = 2;
    kernel.drops = 70;
    kernel.lostEvents.beforeReceive(1);
    kernel.lostEvents.delivered();
    expect(kernel.receive(10)).to.deep.equal([...events(2)]);
    expect(kernel.receive(10)).to.deep.equal([70]);
  });

  it('reports two losses in their places', () => {
    kernel.waiting = 3;
    kernel.drops = 7;
    expect(kernel.receive(2)).to.deep.equal(events(2));
    kernel.waiting += 2;
    kernel.drops += 5;
    expect(kernel.receive(10)).to.deep.equal(['e', 7, 'e', 'e']);
    expect(kernel.receive(10)).to.deep.equal([5]);
  });

  it('adds up what was lost in one place', () => {
    kernel.waiting = 3;
    kernel.drops = 7;
    expect(kernel.receive(2)).to.deep.equal(events(2));
    kernel.drops += 5;
    expect(kernel.receive(10)).to.deep.equal(['e']);
    expect(kernel.receive(10)).to.deep.equal([12]);
  });

  it('learns what an event is charged', () => {
    kernel.charge = 2304;
    kernel.waiting = 1;
    expect(kernel.receive(8)).to.deep.equal(['e']);
    kernel.waiting = 3;
    kernel.drops = 9;
    kernel.receive(1);
    kernel.waiting += 4;
    expect(kernel.receive(8)).to.deep.equal(['e', 'e', 9, ...events(4)]);
  });

  it('reports a loss that it placed too far behind as soon as nothing waits any more', () => {
    kernel.charge = 2304;
    kernel.waiting = 4;
    kernel.drops = 9;
    expect(kernel.receive(8)).to.deep.equal(events(4));
    expect(kernel.receive(8)).to.deep.equal([9]);
  });

  it('counts on when the counter of the kernel starts again at 0', () => {
    kernel.drops = 0xfffffff0;
    expect(kernel.receive(1)).to.deep.equal([0xfffffff0]);
    kernel.drops = 0x10;
    expect(kernel.receive(1)).to.deep.equal([0x20]);
  });
});
