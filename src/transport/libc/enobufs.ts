/**
 * ENOBUFS: how many events were lost, and where. With NETLINK_NO_ENOBUFS the kernel reports no error, and only counts
 * the events that did not fit the receive buffer (the drops of SO_MEMINFO). Whatever waits when the counter has changed
 * came before the lost events. So these are reported after as many datagrams as wait then; their number follows from
 * the charge of each.
 */
import { SK_MEMINFO_DROPS, SK_MEMINFO_RMEM_ALLOC } from '../../uapi/socket.ts';
import type { SocketOptions } from './options.ts';

/** What the kernel charges an event of conntrack: a kilobyte for the data, a struct sk_buff. Measured while it runs. */
const USUAL_CHARGE = 1280;

interface Report {
  /** Datagrams that are delivered before it. */
  after: number;
  lost: number;
}

export class LostEvents {
  readonly #options: SocketOptions;
  #drops = 0;
  #delivered = 0;
  #waiting = 0;
  #charge = USUAL_CHARGE;
  readonly #reports: Report[] = [];

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  /** To be called right before the next receive. @param held datagrams that were received and not handed on */
  beforeReceive(held = 0): void {
    const options = this.#options;
    options.readMemoryInfo();
    this.#waiting = options.memoryInfo(SK_MEMINFO_RMEM_ALLOC);
    const drops = options.memoryInfo(SK_MEMINFO_DROPS);
    if (drops === this.#drops) return;
    const lost = (drops - this.#drops) >>> 0;
    this.#drops = drops;
    const after = this.#delivered + held + Math.round(this.#waiting / this.#charge);
    const last = this.#reports.at(-1);
    if (last !== undefined && last.after >= after) last.lost += lost;
    else this.#reports.push({ after, lost });
  }

  /** How many datagrams that receive gave. A datagram that was alone shows what each is charged. */
  received(count: number): void {
    if (count === 1 && this.#waiting > 0) this.#charge = this.#waiting;
  }

  /** One more datagram is handed on. */
  delivered(): void {
    this.#delivered++;
  }

  /**
   * How many events were lost right here; 0 if none were. `drained`: nothing waits any more, so no lost event can be
   * further behind.
   */
  take(drained: boolean): number {
    const first = this.#reports[0];
    if (first === undefined || (!drained && first.after > this.#delivered)) return 0;
    this.#reports.shift();
    return first.lost;
  }
}
