/** What is said on standard error of events that were lost. */
import type { OverrunEvent } from '../../conntrack/events.ts';
import { complain } from '../output.ts';

const WARNING = 'WARNING: We have hit ENOBUFS! We are losing events.\n';
const ADVICE = `This message means that the current netlink socket buffer size is too small.
Please, check --buffer-size in ctnetlink --help.
`;

export class Overruns {
  #times = 0;
  #lost = 0;
  /** Some did not say how many. */
  #uncounted = false;

  /** conntrack(8)'s warning, the advice once, and how many were lost where that is known. */
  add({ lost }: OverrunEvent): void {
    process.stderr.write(this.#times === 0 ? WARNING + ADVICE : WARNING);
    this.#times++;
    if (lost === undefined) this.#uncounted = true;
    else this.#lost += lost;
    if (lost !== undefined) complain(`${lost} events have been lost.`);
  }

  /** Where there were any: how many times, and how many events in all. */
  summarize(): void {
    if (this.#times === 0) return;
    const lost = this.#uncounted ? (this.#lost > 0 ? `more than ${this.#lost}` : 'an unknown number') : this.#lost;
    complain(`${this.#times} overruns: ${lost} events in all have been lost.`);
  }
}
