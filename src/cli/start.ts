/**
 * What `npm start` runs: the flows of a capture of a real kernel, through everything that is between a socket and the text, then some
 * of the live kernel's where this process may ask it. `--live` is the live kernel alone, and fails where that is impossible.
 */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Conntrack } from '../conntrack/conntrack.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import type { GlobalStats } from '../ctnetlink/stats.ts';
import { NetlinkError } from '../netlink/errors.ts';
import { replay } from '../transport/replay.ts';
import { report } from './errors.ts';
import { printPlain } from './list.ts';
import { Output } from './output.ts';
import { withoutFfiWarning } from './warnings.ts';

const CAPTURE = fileURLToPath(new URL('../../fixtures/mixed/capture.pcap', import.meta.url));

/** Of a live table nobody asked for, a few lines are enough. */
const FEW = 10;

const HINT = `To list the live kernel's it takes root or CAP_NET_ADMIN:  sudo env "PATH=$PATH" npm start -- --live
or, without any privilege, an empty network of your own:    unshare -rn npm start -- --live
What the command can do besides:                            node dist/cli/main.js --help`;

withoutFfiWarning();
const output = new Output();

async function captured(): Promise<void> {
  await using ct = await Conntrack.open({ transport: replay(CAPTURE) });
  console.log(`Flows of a real kernel, from the capture ${relative(process.cwd(), CAPTURE)}:\n`);
  const shown = await printPlain(ct.dump().batches(), output, { layer3: true });
  console.log(`\n${shown} flows, by way of the same tracker, decoder and formatter as the live ones.\n\n${HINT}`);
}

/** The kernel, when it answers. */
async function open(): Promise<{ ct: Conntrack; stats: GlobalStats }> {
  const ct = await Conntrack.open();
  try {
    return { ct, stats: await ct.stats() };
  } catch (error) {
    await ct.close();
    throw error;
  }
}

async function live({ ct, stats: { entries, maxEntries } }: Awaited<ReturnType<typeof open>>, most: number) {
  await using _closed = ct;
  console.log(
    `The live kernel tracks ${entries} flows${maxEntries === undefined ? '' : ` of at most ${maxEntries}`}.\n`,
  );
  const shown = await printPlain(first(ct.dump().batches(), most), output, { layer3: true });
  if (shown < entries) console.log(`... and ${entries - shown} more`);
}

/** At most so many flows. */
async function* first(batches: AsyncIterable<readonly Flow[]>, most: number): AsyncGenerator<readonly Flow[]> {
  for await (const batch of batches) {
    yield batch.slice(0, most);
    most -= batch.length;
    if (most <= 0) return;
  }
}

try {
  if (process.argv.includes('--live')) {
    await live(await open(), Number.POSITIVE_INFINITY);
  } else {
    await captured();
    const opened = await open().catch((error: unknown) => {
      // No privilege, no Linux: that is what the capture is for.
      if (!(error instanceof NetlinkError)) throw error;
      return undefined;
    });
    if (opened !== undefined) {
      console.log();
      await live(opened, FEW);
    }
  }
} catch (error) {
  process.exitCode = report(error);
}
