/**
 * The reporter of .ci/run: `mocha --reporter test/support/slowest.ts`. It prints what `spec` prints, then the files
 * that took longest. The time of a file is that of its suites with their hooks: some of these build C programs.
 */
import { relative } from 'node:path';
import Mocha from 'mocha';

const COUNT = 20;
/** Tests replace it. */
const now = performance.now.bind(performance);

export default class Slowest extends Mocha.reporters.Spec {
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
    // Registered after those of `spec`, so this comes after its summary.
    runner.once('end', () => process.stdout.write(summary(times)));
  }
}

function summary(times: ReadonlyMap<string, number>): string {
  const slowest = [...times].sort(([, a], [, b]) => b - a).slice(0, COUNT);
  const lines = slowest.map(([file, time]) => `  ${(time / 1000).toFixed(1).padStart(6)} s  ${file}\n`);
  return `Slowest files:\n${lines.join('')}\n`;
}
