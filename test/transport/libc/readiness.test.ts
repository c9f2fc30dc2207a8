import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import type { Libc, Poll } from '../../../src/transport/libc/libc.ts';
import { pollByTimer, Readiness } from '../../../src/transport/libc/readiness.ts';
import { until } from '../../support/kernel.ts';

/** A watch that fires when the test says so, as long as it is started. */
class Watch implements Poll {
  started = false;
  closed = false;
  referenced = true;
  #fired: () => void = () => {};

  readonly libc = {
    watch: (_fd: number, fired: () => void) => {
      this.#fired = fired;
      return this;
    },
  } as unknown as Libc;

  fire(): void {
    if (this.started) this.#fired();
  }

  start(): void {
    this.started = true;
  }

  stop(): void {
    this.started = false;
  }

  ref(): void {
    this.referenced = true;
  }

  unref(): void {
    this.referenced = false;
  }

  close(closed: () => void): void {
    this.closed = true;
    closed();
  }
}

describe('libc: readiness', () => {
  let watch: Watch;
  let readiness: Readiness;
  let told: number;
  beforeEach(() => {
    watch = new Watch();
    told = 0;
    readiness = new Readiness(watch.libc, 7, () => {
      told++;
    });
  });

  it('notifies once for each time that it is armed, and never from inside the callback', async () => {
    expect(watch.started).to.equal(true);
    watch.fire();
    watch.fire();
    expect(told).to.equal(0);
    await setImmediate();
    expect(told).to.equal(1);
    readiness.arm();
    watch.fire();
    await setImmediate();
    expect(told).to.equal(2);
  });

  it('stops to watch when nobody reads, and starts again when it is armed', async () => {
    watch.fire();
    await setImmediate();
    expect(watch.started).to.equal(true);
    watch.fire();
    expect(watch.started).to.equal(false);
    await setImmediate();
    expect(told).to.equal(1);
    readiness.arm();
    expect(watch.started).to.equal(true);
    watch.fire();
    await setImmediate();
    expect(told).to.equal(2);
  });

  it('notifies nobody after close, even of what was on its way', async () => {
    watch.fire();
    let mayClose = 0;
    readiness.close(() => mayClose++);
    watch.fire();
    await setImmediate();
    expect(told).to.equal(0);
    expect(watch.closed).to.equal(true);
    expect(mayClose).to.equal(1);
  });

  it('passes ref and unref on', () => {
    readiness.unref();
    expect(watch.referenced).to.equal(false);
    readiness.ref();
    expect(watch.referenced).to.equal(true);
  });
});

describe('libc: poll by the clock', () => {
  it('fires from start to stop, and again after another start', async () => {
    let fired = 0;
    const poll = pollByTimer(() => {
      fired++;
    });
    poll.unref();
    poll.ref();
    poll.start();
    await until(() => fired >= 2);
    poll.stop();
    const stopped = fired;
    // One that is started after the stop, with the same interval.
    let others = 0;
    const other = pollByTimer(() => {
      others++;
    });
    other.start();
    await until(() => others >= 3);
    other.close(() => {});
    expect(fired).to.equal(stopped);
    poll.start();
    await until(() => fired > stopped);
    let mayClose = 0;
    poll.close(() => mayClose++);
    expect(mayClose).to.equal(1);
  });
});
