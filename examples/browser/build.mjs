/**
 * Writes bundle.js: the page's modules and what they use of ctnetlink, in one script that a page from file:// may load
 * too.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

await build({
  entryPoints: [here('page.js')],
  outfile: process.argv[2] ?? here('bundle.js'),
  bundle: true,
  format: 'iife',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  legalComments: 'none',
});
