/** The flows of this namespace. */
import { Conntrack } from '../src/index.ts';
import { runC } from './programs.ts';

/** Empties the table and makes so many. */
export async function fill(flows: number, family: 4 | 6 = 4): Promise<void> {
  await empty();
  if (flows > 0) runC('fill', String(flows), String(family));
}

export async function empty(): Promise<void> {
  await using ct = await Conntrack.open();
  await ct.flushAll();
}
