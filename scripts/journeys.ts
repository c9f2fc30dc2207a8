/** `npm run journeys` makes the journeys of docs/journeys.md again and writes their lists. It needs the kernel. */
import { readFileSync, writeFileSync } from 'node:fs';
import { traceJourneys } from '../test/journeys/build.ts';
import { PAGE, withJourneys } from '../test/journeys/page.ts';

writeFileSync(PAGE, withJourneys(readFileSync(PAGE, 'utf8'), await traceJourneys()));
