/** `ctnetlink cut HOST...`: deletes the flows of hosts in one walk over the table, and prints what became of them. */
import { readFileSync } from 'node:fs';
import { Conntrack } from '../../conntrack/conntrack.ts';
import { type DeleteWhereResult, WhereError } from '../../conntrack/where.ts';
import { describeTuple } from '../../ctnetlink/describe-tuple.ts';
import { CompiledFilter, type Filter } from '../../ctnetlink/filter/filter.ts';
import type { Flow } from '../../ctnetlink/flow.ts';
import { ORIG } from '../../ctnetlink/slots.ts';
import { readFilter, refuseWidening } from '../options/filter-text.ts';
import { UsageError } from '../options/settings.ts';
import { netnsOf } from '../options/values.ts';
import { complain, Output } from '../output.ts';
import { Interruption } from '../signals.ts';
import { STANDARD } from './same-file.ts';

/** Milliseconds of a unit. */
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const MOST_VERIFY = 3_600_000;
/** Flows that a line of text names. */
const NAMED = 3;

type Values = ReadonlyMap<string, string>;

/** @returns the exit status @throws UsageError */
export async function cut(operands: readonly string[], values: Values): Promise<number> {
  const hosts = [...operands.map((text): Host => ({ text, place: '' })), ...hostsIn(values.get('from'))];
  const where = filterOf(hosts, values);
  const options = {
    dryRun: values.has('dry-run'),
    exact: values.has('exact'),
    limit: values.has('limit') ? wholeNumber('limit', values.get('limit')!) : undefined,
    verify: values.has('verify') ? milliseconds(values.get('verify')!) : undefined,
  };
  const output = values.get('output');
  if (output !== undefined && output !== 'json') throw new UsageError(`\`${output}' is no format: there is json`);
  const netns = values.get('netns');
  const ct = await Conntrack.open(netns === undefined ? {} : { netns: netnsOf(netns) });
  // What was done until then is reported.
  const interruption = new Interruption();
  let result: DeleteWhereResult;
  let ended: WhereError | undefined;
  try {
    result = await ct.deleteWhere(where, { ...options, signal: interruption.signal });
  } catch (error) {
    if (!(error instanceof WhereError)) throw error;
    ended = error;
    result = error.result as DeleteWhereResult;
  } finally {
    interruption.end();
    await ct.close();
  }
  const { status } = interruption;
  const summary = textOf(result, hosts.length, options.dryRun);
  const text = output === 'json' ? JSON.stringify(toJSON(result)) : summary;
  const lines = new Output();
  lines.changed = () => summary;
  // Nothing was cut, and a line that says so would hide the reason.
  if (output === 'json' || ended?.code !== 'ERR_LIMIT') lines.add(`${text}\n`);
  await lines.flush();
  for (const { flow, error } of result.failures) complain(`${nameOf(flow)}: ${error.message}`);
  if (ended !== undefined) complain(status > 0 ? 'interrupted: the other flows are still there' : ended.message);
  const missing = values.has('require') && result.matched === 0;
  if (status > 0) return status;
  return ended !== undefined || result.failed > 0 || missing ? 1 : 0;
}

interface Host {
  readonly text: string;
  /** In front of a message about it. */
  readonly place: string;
}

/** One in a line; what is behind a # is for people. @throws UsageError */
function hostsIn(file: string | undefined): Host[] {
  if (file === undefined) return [];
  const text = readFileSync(file === STANDARD ? 0 : file, 'utf8');
  const hosts = text
    .split('\n')
    .map((line, index) => ({ text: line.replace(/#.*/, '').trim(), place: `${file}, line ${index + 1}: ` }))
    .filter(({ text }) => text !== '');
  // Whoever made an empty list does not mean other flows.
  if (hosts.length === 0) throw new UsageError(`there is no host in ${file === STANDARD ? 'standard input' : file}`);
  return hosts;
}

/** @throws UsageError */
function filterOf(hosts: readonly Host[], values: Values): CompiledFilter {
  const text = values.get('filter');
  if (hosts.length === 0 && text === undefined) throw new UsageError('cut takes hosts, --from or --filter');
  const filter: Filter = {};
  const protocol = values.get('proto');
  const ports = values.get('port');
  if (hosts.length > 0) filter.host = hosts.map(({ text }) => text);
  for (const { text, place } of hosts)
    if (/^(?!0\.0\.0\.0|::\/).*\/0+$/.test(text))
      throw new UsageError(`${place}${text} is every address of its family; write 0.0.0.0/0 or ::/0 if that is meant`);
  if (protocol !== undefined) filter.orig = { proto: /^\d+$/.test(protocol) ? Number(protocol) : (protocol as 'tcp') };
  if (ports !== undefined) filter.port = portsOf(ports);
  let compiled: CompiledFilter;
  try {
    compiled = new CompiledFilter(filter);
    if (text !== undefined) compiled = readFilter(text, filter);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    const place =
      hosts[Number(/^filter\.host\[(\d+)\]/.exec(error.message)?.[1] ?? (hosts.length === 1 ? 0 : -1))]?.place;
    const message = error.message.replace(/^filter\.host(\[\d+\])?/, 'a host').replace(/^filter\.(orig\.)?/, '--');
    throw new UsageError(`${place ?? ''}${message}`);
  }
  refuseWidening(compiled);
  if (compiled.empty) throw new UsageError('this is every flow; -F empties the table');
  return compiled;
}

/** @throws UsageError */
function portsOf(text: string): { from: number; to: number } {
  const [, from, to = from] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (from === undefined || Number(to) > 0xffff || Number(from) > Number(to))
    throw new UsageError(`--port takes a port from 0 to 65535, or two with a colon between, not \`${text}'`);
  return { from: Number(from), to: Number(to) };
}

/** @throws UsageError */
function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${option} takes a whole number, not \`${text}'`);
  return Number(text);
}

/** @throws UsageError */
function milliseconds(text: string): number {
  const [, number, unit = ''] = /^(\d{1,7})(ms|s|m)$/.exec(text) ?? [];
  const time = Number(number) * UNITS[unit];
  if (!(time <= MOST_VERIFY))
    throw new UsageError(`--verify takes a time in ms, s or m up to an hour, such as 500ms, 2s or 60m, not \`${text}'`);
  return time;
}

function textOf(result: DeleteWhereResult, hosts: number, dryRun: boolean): string {
  const { matched, deleted, alreadyGone, failed, unknown, reappeared, wrongGeneration = 0, eventsLost } = result;
  const of = hosts === 0 ? '' : ` of ${counted(hosts, 'host')}`;
  if (dryRun) return `would cut ${counted(matched, 'flow')}${of}`;
  const parts = [`cut ${counted(deleted, 'flow')}${of}`];
  if (alreadyGone > 0) parts.push(`${alreadyGone} had gone`);
  if (failed > 0) parts.push(`${failed} could not be cut`);
  if (unknown > 0) parts.push(`${unknown} perhaps`);
  if (wrongGeneration > 0) parts.push(`${wrongGeneration} had taken the place of another`);
  if (reappeared !== undefined) {
    const named = (result.reappearedSample ?? []).slice(0, NAMED).map(nameOf);
    if (reappeared > NAMED) named.push('...');
    parts.push(`${reappeared} came back${named.length > 0 ? `: ${named.join(', ')}` : ''}`);
  }
  if (reappeared !== undefined && eventsLost !== 0) {
    // The kernel does not always say how many.
    const lost = eventsLost === undefined ? 'events' : counted(eventsLost, 'event');
    parts.push(`${lost} lost, so more may have come back`);
  }
  return parts.join('; ');
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function nameOf({ slots }: Flow): string {
  return describeTuple(slots, ORIG);
}

/** Errors have no JSON of their own. */
function toJSON(result: DeleteWhereResult): object {
  const failures = result.failures.map(({ flow, error }) => ({ flow, error: error.message }));
  return { ...result, failures };
}
