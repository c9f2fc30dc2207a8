/** docs/performance.md. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Table, toMarkdown, verdict } from './table.ts';

const PATH = fileURLToPath(new URL('../docs/performance.md', import.meta.url));

/** @param machine names and what they are */
export function writeReport(machine: readonly [string, string][], command: string, tables: readonly Table[]): string {
  const lines = [...machine, ['made by', `\`${command}\``]].map(([name, value]) => `| ${name} | ${value} |`);
  writeFileSync(
    PATH,
    `# Performance

Written by a script, never by hand. ${verdict(tables)}

| | |
|---|---|
${lines.join('\n')}

Every row is a process of its own, in one network namespace; the start of a runtime is not timed. The programs take turns, a round after the
other. Times are the median over the rounds, ratios the median of the ratios within a round, memory and lateness the worst of all rounds. What
is behind ✓ or ✗ is the goal. JavaScript begins cold where nothing else is said. "No io_uring" means that a seccomp filter refuses it, as
the default profiles of Docker (since 25) and containerd do. To make it anew, on a quiet machine with two processors at
least and no flows in its other namespaces, which share the kernel's one hash table: \`.ci/runtimes\`, then as root
\`npm run bench -- --write\`. The programs are in bench/ of the repository.

${tables.map(toMarkdown).join('\n')}`,
  );
  return PATH;
}
