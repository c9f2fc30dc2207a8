/**
 * Closes the descriptors of a table underneath, in the runtime that executes this file. In a network namespace of the
 * tests' own. Prints what the changes say, as JSON.
 */
import { closeSync } from 'node:fs';
import { Conntrack } from '../../../src/index.ts';
import { FlowTable } from '../../../src/table/index.ts';
import { descriptorsOf } from '../../support/descriptors.ts';

interface DenoGlobal {
  dlopen(path: string, symbols: object): { symbols: { close(fd: number): number } };
}

/** Deno's closeSync takes only descriptors that Deno has opened: the C library's takes any. */
function closer(): (fd: number) => void {
  const { Deno } = globalThis as { Deno?: DenoGlobal };
  if (Deno === undefined) return closeSync;
  const { symbols } = Deno.dlopen('libc.so.6', { close: { parameters: ['i32'], result: 'i32' } });
  return (fd) => {
    if (symbols.close(fd) !== 0) throw new Error(`close(${fd}) failed`);
  };
}

const close = closer();
const ct = await Conntrack.open();
const before = descriptorsOf('socket:');
const table = await FlowTable.open();
const said: string[] = [];
const changes = table.changes({ states: true });
for (const fd of descriptorsOf('socket:')) if (!before.includes(fd)) close(fd);
for await (const change of changes) {
  said.push(change.type === 'state' ? `${change.state} ${change.reason ?? ''}`.trim() : change.type);
  if (change.type === 'insert') break;
  if (change.type === 'state' && change.state === 'synced' && said.includes('gap'))
    await ct.create({ orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 53 }, timeout: 60 });
}
await table.close();
await ct.close();
process.stdout.write(`${JSON.stringify(said)}\n`);
