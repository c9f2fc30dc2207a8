import type { Flow } from '../../src/index.ts';

/** Counts flows and reads three attributes of each, as the C programs do. */
export class Reader {
  count = 0;
  checksum = 0;

  take(flow: Flow): void {
    const { orig } = flow;
    this.checksum += (orig.src?.length ?? 0) + (orig.dport ?? 0) + (flow.mark ?? 0);
    this.count++;
  }
}
