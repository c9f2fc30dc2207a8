/**
 * `turns.ts FLOWS TURNS`: so many flows begin in a table and end, again and again, as events say it. Prints a line of
 * JSON: MiB of the process after each turn.
 */
import { CompiledFilter } from '../../../src/ctnetlink/filter/filter.ts';
import { Flow } from '../../../src/ctnetlink/flow.ts';
import { Contents } from '../../../src/table/contents.ts';
import { tupleOf } from './tuples.ts';

const [flows, turns] = process.argv.slice(2).map(Number);
const contents = new Contents({
  filter: new CompiledFilter({}),
  maxFlows: flows,
  wanted: () => false,
  changed: () => {},
  doubt: () => {},
  full: () => {},
});
const rss: number[] = [];
for (let turn = 0; turn < turns; turn++) {
  for (const type of ['new', 'destroy'] as const)
    for (let n = 0; n < flows; n++) {
      const { src, dst, sport, dport } = tupleOf(n) as Record<string, never>;
      const reply = { src: dst, dst: src, proto: 'udp', sport: dport, dport: sport } as const;
      contents.event(type, Flow.from({ orig: tupleOf(n), reply, timeout: 60, mark: turn }).clone());
    }
  globalThis.gc?.();
  rss.push(Math.round(process.memoryUsage.rss() / 2 ** 20));
}
process.stdout.write(`${JSON.stringify({ left: contents.store.size, rss })}\n`);
