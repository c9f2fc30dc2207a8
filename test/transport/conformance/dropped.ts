/**
 * What becomes of objects that a program drops instead of closing them: the kernel writes into no memory but its own,
 * and what they had is given back. CTNETLINK_DROPPED_ROUNDS makes it longer; CTNETLINK_GC=garbage collects by making
 * garbage instead of by asking.
 */
import { strict as assert } from 'node:assert';
import type { Case, Context } from './case.ts';
import { fill } from './flows.ts';
import { program } from './program.ts';

const ROUNDS = Number(process.env.CTNETLINK_DROPPED_ROUNDS ?? 4);
const ASKS = process.env.CTNETLINK_GC !== 'garbage';
/** More than what is received ahead of a paused dump: a megabyte. */
const FLOWS = 40_000;
/** What each transport is examined by; the others say little more where one has passed them. */
const EVERYWHERE = /^(a dump between two reads|an event stream that nobody)/;

/**
 * What every one of these programs has: a collection, buffers of its own that nobody else may write to, and a count of
 * descriptors.
 */
const COMMON = `
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
async function asked() {
  if (globalThis.gc !== undefined) return globalThis.gc;
  if (globalThis.Bun !== undefined) return () => globalThis.Bun.gc(true);
  try {
    (await import('node:v8')).setFlagsFromString('--expose-gc');
    return (await import('node:vm')).runInNewContext('gc');
  } catch {
    return undefined;
  }
}
const gc = ${ASKS} ? await asked() : undefined;
// Some of it grows old, so that the old are collected too.
const old = [];
async function collect() {
  if (gc !== undefined) gc();
  else for (let n = 0; n < 64; n++) {
    old.push(Array.from({ length: 20_000 }, (_, each) => ({ each })));
    if (old.length > 100) old.splice(0, 50);
  }
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
}
const mine = [];
function takeMemory() {
  for (const size of [120, 4096, 12288, 16384, 40960, 65536, 1 << 20]) mine.push(new Uint8Array(size).fill(0xa5));
}
function check() {
  const wrong = mine.filter((each) => each.some((byte) => byte !== 0xa5)).length;
  if (wrong > 0) throw new Error(wrong + ' buffers of the program were written to');
  if (mine.length > 400) mine.splice(0, 300);
}
/** Of our sockets: a runtime opens others whenever it likes. */
function descriptors() {
  const inodes = new Set(readFileSync('/proc/net/netlink', 'utf8').split('\\n').map((line) => line.trim().split(/ +/).at(-1)));
  return readdirSync('/proc/self/fd').filter((fd) => {
    try { return inodes.has(/^socket:\\[(.*)\\]$/.exec(readlinkSync('/proc/self/fd/' + fd))?.[1]); } catch { return false; }
  }).length;
}
async function returned(before) {
  for (let tries = 0; descriptors() > before; tries++) {
    if (tries > 500) throw new Error((descriptors() - before) + ' descriptors are still open');
    await collect();
    // Where a collector looks at the whole stack, an old value goes only when another one is written there.
    const other = await Conntrack.open(options);
    await other.dump({ mark: 1 }).toArray();
    await other.close();
  }
}
async function turns(ct, count) {
  for (let n = 0; n < count; n++) await ct.stats();
}
`;

/** @param drops takes something, in a function of its own, so that nothing of it stays on the stack */
function dropping(name: string, needs: Case['needs'], drops: string, warns: RegExp | undefined): Case {
  return {
    name: `dropped: ${name}`,
    needs: ['processes', ...(needs ?? [])],
    extent: EVERYWHERE.test(name) ? 'whole' : 'long',
    run: async (context: Context) => {
      await fill(context, FLOWS);
      const { code, signal, stdout, stderr } = await program(
        context,
        `${COMMON}
        const ct = await Conntrack.open(options);
        // What a runtime opens once is not counted.
        const first = await ct.events();
        // Of flows that are older than all listeners there are no events.
        let last = FLOWS;
        const born = () => ct.create(flow(++last));
        await born();
        await first.next();
        first.close();
        for await (const batch of ct.dump().batches()) batch.length;
        const before = descriptors();
        ${drops}
        for (let round = 0; round < ${ROUNDS}; round++) {
          for (let n = 0; n < 3; n++) await drop();
          await collect();
          takeMemory();
          // The kernel has time, and events to report.
          for (let n = 0; n < 300; n++) await born();
          check();
        }
        await returned(before);
        await turns(ct, 100);
        check();
        await ct.close();
        console.log('good');`.replaceAll('FLOWS', String(FLOWS)),
        { limit: 60_000 + 10_000 * ROUNDS },
      );
      assert.deepEqual([stdout, code, signal], ['good\n', 0, null], stderr);
      const warnings = stderr.split('\n').filter((line) => line.includes('was dropped with work under way'));
      assert.equal(warnings.length, warns === undefined ? 0 : 1, stderr);
      if (warns !== undefined) assert.match(warnings[0], warns);
    },
  };
}

export const DROPPED: readonly Case[] = [
  dropping(
    'a dump between two reads, and its Conntrack',
    [],
    `async function drop() {
      const dropped = await Conntrack.open(options);
      const batches = dropped.dump().batches();
      for (let n = 0; n < 4; n++) await batches.next();
    }`,
    /A dump was dropped/,
  ),
  dropping(
    'a for await whose body never goes on',
    [],
    `async function drop() {
      const dropped = await Conntrack.open(options);
      let count = 0;
      let begun;
      const reading = new Promise((resolve) => { begun = resolve; });
      void (async () => {
        for await (const flow of dropped.dump()) if (++count > 1000) {
          begun();
          await new Promise(() => {});
        }
      })();
      await reading;
    }`,
    /A dump was dropped/,
  ),
  dropping(
    'a dump of a Conntrack that is kept, which answers on',
    [],
    // One dump at a time runs on a socket: the next begins when the one before was collected.
    `async function drop() {
      const batches = ct.dump().batches();
      let begun = false;
      const first = batches.next().then(() => { begun = true; });
      while (!begun) await collect();
      await first;
      for (let n = 1; n < 4; n++) await batches.next();
    }`,
    /A dump was dropped/,
  ),
  dropping(
    'an event stream that nobody reads',
    ['events', 'losses'],
    `async function drop() {
      await ct.events();
      await born();
    }`,
    /An event stream was dropped/,
  ),
  dropping(
    'an event stream that receives ahead',
    ['events', 'losses'],
    `async function drop() {
      const events = await ct.events({ receiveAhead: true });
      await born();
      await events.next();
    }`,
    /An event stream was dropped/,
  ),
  dropping(
    'a handle of nfct_open with a dump that nobody catches',
    [],
    `async function drop() {
      const handle = nfct_open_nfnl(await openTransport(options), 1, 0);
      nfct_callback_register(handle, NFCT_T_ALL, () => NFCT_CB_STOP, handle);
      await nfct_send(handle, NFCT_Q_DUMP, 0);
      await nfct_catch(handle);
    }`,
    /A handle of nfct_open\(\) was dropped/,
  ),
  dropping(
    'a subscribed handle of nfct_open',
    ['events', 'losses'],
    `async function drop() {
      const handle = nfct_open_nfnl(await openTransport({ ...options, events: true }), 1, 1);
      nfct_callback_register(handle, NFCT_T_ALL, () => NFCT_CB_STOP, handle);
      await born();
    }`,
    /A handle of nfct_open\(\) was dropped/,
  ),
  dropping(
    'what has nothing under way: without a warning',
    [],
    `async function drop() {
      const idle = await Conntrack.open(options);
      await idle.stats();
      idle.dump();
      for await (const flow of idle.dump({ mark: 7 })) flow.mark;
      const handle = nfct_open_nfnl(await openTransport(options), 1, 0);
      await nfct_query(handle, NFCT_Q_DUMP, 0);
      await Conntrack.open(options);
    }`,
    undefined,
  ),
];
