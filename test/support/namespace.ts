/**
 * Imported before the specs (.mocharc.json), and before anything else by scripts that arrange traffic. Puts the whole
 * run into a network namespace of its own: the process starts its own command line again inside a new namespace and
 * only waits for it. So no test can reach the machine's connection tracking table or ruleset, root or not, and nothing
 * has to be cleaned up: the namespace goes with its last process.
 *
 * mocha's --import is a Node flag, so bin/mocha.js starts `node --import ... lib/cli/cli.js`, and only that child loads
 * this file. The chain is bin/mocha.js -> this process, waiting -> the same command line inside, which runs the tests.
 *
 * CTNETLINK_NETNS   the inode of the namespace made here; set inside
 * CTNETLINK_OUTER_NETNS   the inode of the namespace it was made from; set inside
 * CTNETLINK_NO_KERNEL   why there is no namespace; set by the user ("not today") to run without one
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { close as closeInspector, url as inspectorUrl } from 'node:inspector';
import { constants } from 'node:os';
import { inNamespace, namespaceInode } from './kernel.ts';

/** Runs inside the new namespace, then becomes the command. Exit 125 is a set-up that failed. */
const ENTER = 'ip link set lo up || exit 125; CTNETLINK_NETNS=$(stat -L -c %i /proc/self/ns/net) exec "$@"';
// `ip netns add` leaves a file in /run/netns. With a mount namespace too it is left in one that goes with the run; only
// the folder stays, as ip(8) itself would make it.
const PRIVATE_RUN = '{ mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns; } 2>/dev/null;';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

if (!inNamespace() && !process.env.CTNETLINK_NO_KERNEL) {
  const reason = await enter();
  process.env.CTNETLINK_NO_KERNEL = reason;
}

/** Never returns when there is a namespace to run in; else why there is none. */
async function enter(): Promise<string> {
  if (process.platform !== 'linux') return `needs Linux, this is ${process.platform}`;
  // ip, nft and conntrack are in sbin, which an ordinary user's PATH often lacks.
  const env = {
    ...process.env,
    PATH: `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`,
    CTNETLINK_OUTER_NETNS: namespaceInode(),
  };
  const attempts = [
    ...(process.getuid?.() === 0
      ? [
          ['unshare', '-nm', 'sh', '-c', PRIVATE_RUN + ENTER, 'sh'],
          ['unshare', '-n', 'sh', '-c', ENTER, 'sh'],
        ]
      : []),
    // Also for root: in a container it may lack CAP_SYS_ADMIN and still be allowed a user namespace.
    ['unshare', '-rnm', 'sh', '-c', PRIVATE_RUN + ENTER, 'sh'],
    ['unshare', '-rn', 'sh', '-c', ENTER, 'sh'],
  ];
  // What went wrong -> the flags of unshare it went wrong with; mostly the same for all.
  const failures = new Map<string, string[]>();
  for (const attempt of attempts) {
    // Dies with this process, even when that is killed with SIGKILL; not every setpriv can do that.
    for (const tail of [['setpriv', '--pdeathsig', 'KILL', '--'], []]) {
      const [command, ...args] = [...attempt, ...tail];
      const trial = spawnSync(command, [...args, 'true'], { env, encoding: 'utf8' });
      if (trial.status === 0) return run(command, args, env);
      const text = trial.error?.message ?? (lastLine(trial.stderr) || `exit status ${trial.status}`);
      failures.set(text, [...(failures.get(text) ?? []), attempt[1]]);
    }
  }
  const reasons = [...failures].map(([text, flags]) => `${[...new Set(flags)].join(', ')}: ${text}`);
  return `no network namespace by unshare ${reasons.join('; ')}`;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)!;
}

async function run(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<never> {
  // The debugger's port belongs to the process with the tests in it.
  if (inspectorUrl() !== undefined) closeInspector();
  const child = spawn(command, [...args, process.execPath, ...process.execArgv, ...process.argv.slice(1)], {
    env,
    stdio: 'inherit',
  });

  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, forward);

  // bin/mocha.js passes on SIGINT only; after a SIGTERM or SIGKILL of it nobody would wait for this run any more. Not
  // for other parents: a shell may start a run in the background and leave.
  const parent = process.ppid;
  const watch = isMocha(parent)
    ? setInterval(() => {
        if (process.ppid !== parent) child.kill('SIGKILL');
      }, 200)
    : undefined;

  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (...status) => resolve(status));
  });
  clearInterval(watch);
  if (signal === null) process.exit(code ?? 1);

  // Ended by a signal: end the same way, so that a shell or make sees an interrupt as one.
  for (const each of SIGNALS) process.off(each, forward);
  process.kill(process.pid, signal);
  // The signal comes at once, unless its default is to be ignored.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  process.exit(128 + constants.signals[signal]);
}

function isMocha(pid: number): boolean {
  try {
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return argv.some((arg) => /(^|\/)(\.bin\/mocha|bin\/_?mocha(\.[cm]?js)?)$/.test(arg));
  } catch {
    return false;
  }
}
