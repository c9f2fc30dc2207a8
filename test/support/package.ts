/** The package as npm would publish it, installed into an empty project. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What npm would install with it, and the types that a program in TypeScript needs. */
const BESIDE = ['koffi', '@koromix', 'netlink', 'node-gyp-build', '@types', 'undici-types'];

/**
 * Packs what `npm test` has built, and makes the project `app` that has it installed. Returns the files that are
 * packed.
 */
export function installPackage(app: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
  try {
    // Scripts are off: `npm test` has built.
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
    const output = execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    // npm 12 gives an object by name, npm 10 and 11 an array.
    const [packed] = Object.values(
      JSON.parse(output) as Record<string, { filename: string; files: { path: string }[] }>,
    );
    const modules = join(app, 'node_modules');
    const target = join(modules, 'ctnetlink');
    mkdirSync(target, { recursive: true });
    writeFileSync(join(app, 'package.json'), '{"type":"module"}');
    execFileSync('tar', ['xzf', join(folder, packed.filename), '-C', target, '--strip-components=1']);
    // From what is here: tests ask no registry.
    for (const name of BESIDE)
      if (existsSync(join(ROOT, 'node_modules', name)))
        symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
    return packed.files.map(({ path }) => path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
