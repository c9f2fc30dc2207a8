/** Where the runtimes are that .ci/runtimes installs. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = resolve(process.env.CTNETLINK_RUNTIMES ?? fileURLToPath(new URL('../../.runtimes', import.meta.url)));

const EXECUTABLES = {
  node20: 'node20/bin/node',
  node22: 'node22/bin/node',
  node24: 'node24/bin/node',
  node26: 'node26/bin/node',
  deno: 'deno/deno',
  bun: 'bun/bin/bun',
} as const;

export type RuntimeName = keyof typeof EXECUTABLES;

export const RUNTIMES = Object.keys(EXECUTABLES) as RuntimeName[];

/** The path of its executable; this very Node where it is of that version; undefined when there is none. */
export function runtime(name: RuntimeName): string | undefined {
  const path = join(FOLDER, 'node_modules', EXECUTABLES[name]);
  if (existsSync(path)) return path;
  return name === `node${process.versions.node.split('.')[0]}` ? process.execPath : undefined;
}

/** Why it cannot run; undefined when it can. */
export function whyNoRuntime(name: RuntimeName): string | undefined {
  return runtime(name) === undefined ? `${name} is not installed: bash .ci/runtimes` : undefined;
}
