/** Makes JavaScript of the sources as they are, a file each, and has the journeys made by a process of its own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { JourneyName, Step } from './trace.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Where the package koffi is found from. */
const CACHE = join(ROOT, 'node_modules/.cache');

/** What every journey enters above the transport, which differs from runtime to runtime. */
export async function traceJourneys(): Promise<Record<JourneyName, Step[]>> {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'journeys-'));
  try {
    const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const { outputFiles } = await build({
      entryPoints: [...sources.map((file) => `src/${file}`), 'test/journeys/trace.ts'],
      absWorkingDir: ROOT,
      outbase: '.',
      outdir: folder,
      format: 'esm',
      target: 'node20.19',
      logLevel: 'warning',
      write: false,
    });
    for (const { path, text } of outputFiles) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text.replace(/(\bfrom|\bimport\(?)( ?"\.[^"]*)\.ts"/g, '$1$2.js"'));
    }
    const program = join(folder, 'test/journeys/trace.js');
    const traced = JSON.parse(
      execFileSync(process.execPath, [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
    );
    for (const name in traced) traced[name] = traced[name].filter(([file]: Step) => !file.startsWith('transport/'));
    return traced;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
