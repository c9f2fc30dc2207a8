/** Writes man/ctnetlink.8, the manual page: `npm run man`. */
import { writeFileSync } from 'node:fs';
import { manualPage } from '../src/cli/help/manual.ts';

writeFileSync(new URL('../man/ctnetlink.8', import.meta.url), manualPage());
