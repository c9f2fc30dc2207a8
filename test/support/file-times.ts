/**
 * The reporter of scripts/test.ts. It prints what `spec` prints, and writes to $CTNETLINK_TIMES how long each file
 * took. The time of a file is that of its suites with their hooks: some of these build C programs.
 */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import Mocha from 'mocha';

/** Tests replace it. */
const now = performance.now.bind(performance);

export default class FileTimes extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    /** Milliseconds of each file. */
    const times = new Map<string, number>();
    let start = 0;
    runner.on('suite', (suite) => {
      if (suite.parent?.root) start = now();
    });
    runner.on('suite end', (suite) => {
      if (!suite.parent?.root) return;
      const file = relative('', suite.file ?? '');
      times.set(file, (times.get(file) ?? 0) + now() - start);
    });
    runner.once('end', () => {
      if (process.env.CTNETLINK_TIMES) writeFileSync(process.env.CTNETLINK_TIMES, JSON.stringify([...times]));
    });
  }
}
