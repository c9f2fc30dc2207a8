/**
 * What `npm start` runs: flows of a capture of a real kernel, through everything that is between a socket and the text,
 * then some of the live kernel's where this process may ask it. `--live` is the live kernel alone, and fails where that
 * is impossible.
 */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Conntrack } from '../conntrack/conntrack.ts';
import type { GlobalStats } from '../ctnetlink/stats.ts';
import { NetlinkError } from '../netlink/errors.ts';
import { replay } from '../replay/replay.ts';
import { report } from './errors/report.ts';
import { withoutFfiWarning } from './errors/warnings.ts';
import { overview } from './overview.ts';

const CAPTURE = fileURLToPath(new URL('../../fixtures/mixed/capture.pcap', import.meta.url));

const HINT = `The live kernel's flows take root or CAP_NET_ADMIN:  sudo env "PATH=$PATH" npm start -- --live
without any privilege, those of an empty network:    unshare -rn npm start -- --live
all flows, as conntrack -L prints them:              node dist/cli/main.js -L
all that the command can do:                         node dist/cli/main.js --help`;

const NONE = `No flow at the moment. The kernel tracks packets once something asks it to, such as a firewall rule
with \`ct state\` or NAT; on a machine without such rules the table stays empty.`;

withoutFfiWarning();

async function captured(): Promise<void> {
  await using ct = await Conntrack.open({ transport: replay(CAPTURE) });
  const text = await overview(ct.dump().batches());
  console.log(`Flows of a real kernel, from the capture ${relative(process.cwd(), CAPTURE)}:\n\n${text}\n${HINT}`);
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

async function live({ ct, stats: { entries, maxEntries } }: Awaited<ReturnType<typeof open>>): Promise<void> {
  await using _closed = ct;
  const most = maxEntries === undefined ? '' : ` of at most ${maxEntries}`;
  console.log(`The live kernel tracks ${entries} ${entries === 1 ? 'flow' : 'flows'}${most}.\n`);
  console.log(entries === 0 ? NONE : (await overview(ct.dump().batches())).trimEnd());
}

try {
  if (process.argv.includes('--live')) {
    await live(await open());
  } else {
    await captured();
    const opened = await open().catch((error: unknown) => {
      // No privilege, no Linux: that is what the capture is for.
      if (!(error instanceof NetlinkError)) throw error;
      return undefined;
    });
    if (opened !== undefined) {
      console.log();
      await live(opened);
    }
  }
} catch (error) {
  process.exitCode = report(error);
}
