/**
 * `npm run bench [-- --flows N --rounds N --only dump,create --write]`: this package beside the C programs, in one run,
 * in a network namespace of its own. Needs root, gcc and libnetfilter_conntrack's headers. --write also makes
 * docs/performance.md of it.
 */
import { parseArgs } from 'node:util';
import { whyNoRefusal } from '../test/support/refuse.ts';
import { buildAll } from './c/build.ts';
import { describeMachine, isCrowded } from './machine.ts';
import { measureCommands } from './measure/commands.ts';
import { measureCreate } from './measure/create.ts';
import { measureCut } from './measure/cut.ts';
import { measureDump } from './measure/dump.ts';
import { measureEvents } from './measure/events.ts';
import { measureEventsCli } from './measure/events-cli.ts';
import { measureFilters } from './measure/filters.ts';
import { measureLimits } from './measure/limits.ts';
import { measureMemory } from './measure/memory.ts';
import { measureScale } from './measure/scale.ts';
import { measureTable } from './measure/table.ts';
import { inside, runInside } from './namespace.ts';
import { leftOut } from './programs.ts';
import { writeReport } from './report.ts';
import { type Table, toText, verdict } from './table.ts';

const MEASURES = {
  dump: measureDump,
  create: measureCreate,
  memory: measureMemory,
  events: measureEvents,
  scale: measureScale,
  cut: measureCut,
  filters: measureFilters,
  table: measureTable,
  commands: measureCommands,
  'events-cli': measureEventsCli,
  limits: measureLimits,
} as const;

const { values } = parseArgs({
  options: {
    flows: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: Object.keys(MEASURES).join() },
    write: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
  },
});
const size = { flows: positive('flows'), rounds: positive('rounds') };
const wanted = values.only.split(',').map((name) => {
  if (Object.hasOwn(MEASURES, name)) return MEASURES[name as keyof typeof MEASURES];
  throw new Error(`--only takes ${Object.keys(MEASURES).join()}, not ${name}`);
});

if (inside) await measure();
else await runInside(size.flows);

async function measure(): Promise<void> {
  const impossible = buildAll() ?? whyNoRefusal();
  if (impossible !== undefined) throw new Error(`no C programs to compare with: ${impossible}`);
  const machine = describeMachine();
  print(machine.map(([name, value]) => `${name}: ${value}`).join('\n'));
  if (leftOut !== undefined) print(leftOut);
  if (isCrowded()) print('WARNING: other namespaces have many flows, which every dump walks over');
  const tables: Table[] = [];
  for (const each of wanted) {
    const table = await each(size);
    tables.push(table);
    print(toText(table));
  }
  print(verdict(tables));
  if (!values.write) return;
  if (leftOut !== undefined) machine.push(['not there', leftOut]);
  const args = process.argv.slice(2).filter((arg) => arg !== '--inside');
  print(`\nwritten: ${writeReport(machine, `npm run bench -- ${args.join(' ')}`, tables)}`);
}

function positive(name: 'flows' | 'rounds'): number {
  const number = Number(values[name]);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`--${name} takes a positive number, not ${values[name]}`);
  return number;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
