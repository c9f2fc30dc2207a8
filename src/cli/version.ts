import { readFileSync } from 'node:fs';

/** The same distance from src/cli and from dist/cli. */
const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
};

/** What stands before every message, such as 'ctnetlink v0.1.0'. */
export const NAME = `${manifest.name} v${manifest.version}`;
