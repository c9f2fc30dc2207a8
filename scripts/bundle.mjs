/**
 * Bundles the command. Most of the time of a short command is its start: compiling what is loaded, and about a
 * millisecond for each file. So the code that every command needs is in two files, and the rest in one
 * (src/cli/extras.ts), but for that of watch. The adapters get no files of their own. Tests bundle into a folder of
 * their own: node scripts/bundle.mjs FOLDER.
 */
import { readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { build } from 'esbuild';

/** The adapters' dynamic imports, as static ones. */
const withAdapters = {
  name: 'with-adapters',
  setup({ onLoad }) {
    onLoad({ filter: /\/transport\/open\.ts$/ }, ({ path }) => {
      const imports = [];
      const body = readFileSync(path, 'utf8').replace(/await import\(('[^']+')\)/g, (_all, file) => {
        const name = `adapter${imports.length}`;
        imports.push(`import * as ${name} from ${file};`);
        return name;
      });
      if (imports.length === 0) throw new Error(`${path} imports no adapter`);
      return { contents: `${imports.join('\n')}\n${body}`, loader: 'ts' };
    });
  },
};

const MAIN = resolve('src/cli/main.ts');

/**
 * What main.ts loads later knows all that it loads at once. Otherwise esbuild would make a file for each set of those
 * that share something.
 */
const withMain = {
  name: 'with-main',
  setup({ onLoad }) {
    onLoad({ filter: /\/cli\/(extras|watch\/watch)\.ts$/ }, ({ path }) => {
      const imports = [...readFileSync(MAIN, 'utf8').matchAll(/^import \{.*\} from '(.*)';$/gm)];
      const known = imports.map(
        ([, file], index) => `export * as main${index} from '${resolve(dirname(MAIN), file)}';`,
      );
      return { contents: `${readFileSync(path, 'utf8')}\n${known.join('\n')}\n`, loader: 'ts' };
    });
  },
};

const [folder = 'dist/cli'] = process.argv.slice(2);

const common = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  minify: true,
  lineLimit: 160,
  sourcemap: true,
  sourcesContent: false,
  outdir: folder,
  logLevel: 'warning',
};

await build({
  ...common,
  entryPoints: ['src/cli/main.ts'],
  splitting: true,
  chunkNames: '[name]',
  plugins: [withAdapters, withMain],
});
await build({ ...common, entryPoints: ['src/cli/start.ts'] });
await chmod(`${folder}/main.js`, 0o755);
