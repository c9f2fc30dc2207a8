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

Every row is a process of its own, in one network namespace; the start of a runtime is not timed. The programs take turns within each round. Times
are medians over the rounds, ratios are medians of the ratios within a round, and memory and lateness are the worst of all rounds. The goal is after ✓
or ✗. JavaScript starts cold unless the row says otherwise. "No io_uring" means that a seccomp filter refuses it, as
the default profiles of Docker (since 25) and containerd do. To write this page
again, run \`.ci/runtimes\`, and then as root \`npm run bench -- --write\`. Use a quiet machine with at least two processors and no flows in its other
namespaces, which share the kernel's one hash table. The programs are in bench/ of the repository.

${tables.map(toMarkdown).join('\n')}`,
  );
  return PATH;
}
