/**
 * No test depends on how fast the machine is: none compares a measured time, or an amount of memory, with a limit, and
 * none waits a fixed time. What is measured has its goal in bench/; a test waits for a condition (`until`), for the
 * event loop to turn (`turns`), or sets the clock itself (support/clock.ts).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** Reads a clock or an amount of memory, or waits for the time to pass. */
const MEASURES =
  /\bperformance\.now\b|\bDate\.now\b|new Date\(\)|\bhrtime\b|\b(memory|resource)Usage\b|\bVm(HWM|RSS)\b|setTimeout\(resolve\b/;

/** Files that may, and why. */
const ALLOWED: Readonly<Record<string, string>> = {
  'cli/load-lines.kernel.test.ts': 'a line of 200 MB is not gathered: less than its length is held',
  'kernel/conntrack.kernel.test.ts': 'the kernel stamps a flow with the time of day',
  'kernel/semantics-events.kernel.test.ts': 'the kernel stamps events with the time of day',
  'nfct/snprintf.test.ts': 'sets the clock',
  'sim/run.ts': 'prints times, and compares them with nothing',
  'support/clock.ts': 'sets the clock',
  'support/file-times.ts': 'writes times, and compares them with nothing',
  'support/kernel.ts': 'until() gives up what never happens',
  'support/namespace.ts': 'waits for a signal to end it',
  'table/soak/churn.ts': 'keeps a pace',
  'table/soak/main.ts': 'runs for a given time, and measures memory for a soak',
  'table/soak/turns.ts': 'measures memory for a soak',
  'table/torture/main.ts': 'is given its length; gives up what is never right',
  'table/torture/traffic.ts': 'keeps its parent stopped for a given time',
  'transport/conformance/crowded.ts': 'a program looks again whether descriptors are gone',
  'transport/conformance/dropped.ts': 'lets timers come between two collections',
  'transport/conformance/workers.ts': 'a load pauses between its bursts',
  'transport/record.test.ts': 'a capture has the time of day',
  'transport/runtime/main.ts': 'prints times, and compares them with nothing',
};

/** Files below test/, without what is built there. */
const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.m?ts$/.test(file) && !/(^|\/)(build|\.snippets-\d+|\.command-\d+)\//.test(file))
  .sort();

describe('tests', () => {
  it('measure nothing, and wait for nothing but conditions', () => {
    const measuring = files.filter((file) => MEASURES.test(readFileSync(join(FOLDER, file), 'utf8')));
    expect(measuring, 'see the head of this file').to.deep.equal(Object.keys(ALLOWED));
  });
});
