/**
 * `ending.js`: the milliseconds that a program with events open takes to end, in one line of JSON.
 * `ending.js close|exit|SIGINT` is that program. It prints the time at which it is to end, by the clock that it shares
 * with the process that waits for it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Conntrack } from '../../src/index.ts';

const WAYS = ['close', 'exit', 'SIGINT'] as const;
type Way = (typeof WAYS)[number];

async function end(way: Way): Promise<void> {
  const ct = await Conntrack.open();
  const events = await ct.events();
  await ct.events({ types: ['destroy'] });
  const first = events.next();
  const orig = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 2 } as const;
  await ct.createOrUpdate({ orig, timeout: 600 });
  await first;
  const reading = events.next();
  process.stdout.write(`${Date.now()}\n`);
  if (way === 'close') await ct.close();
  if (way === 'exit') process.exit();
  await reading;
}

async function timeToEnd(way: Way): Promise<number> {
  const flags = 'Deno' in globalThis ? ['run', '--allow-all', '--quiet'] : [];
  const child = spawn(process.execPath, [...flags, process.argv[1], way], { stdio: ['ignore', 'pipe', 'inherit'] });
  let from = 0;
  let to = 0;
  child.once('exit', () => {
    to = Date.now();
  });
  child.stdout.once('data', (data) => {
    from = Number(data);
    if (way !== 'SIGINT') return;
    from = Date.now();
    child.kill('SIGINT');
  });
  const [code, signal] = await once(child, 'close');
  if (from === 0 || (way === 'SIGINT' ? signal !== 'SIGINT' : code !== 0))
    throw new Error(`${way}: ended with ${signal ?? code}`);
  return to - from;
}

const [, , way] = process.argv;
if (way !== undefined) {
  await end(way as Way);
} else {
  const milliseconds: Record<string, number> = {};
  for (const each of WAYS) milliseconds[each] = await timeToEnd(each);
  console.log(JSON.stringify({ count: WAYS.length, ...milliseconds }));
}
