/** Programs that run in a network namespace each, where everything is tracked. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** All flows have events and counters. Those of packets expire while one looks. */
const PREPARE = `
set -e
ip link set lo up
nft 'table inet tracked { chain out { type filter hook output priority 0; ct state invalid counter; }; }'
cd /proc/sys/net/netfilter
echo 1 > nf_conntrack_events
echo 1 > nf_conntrack_acct
for name in udp_timeout udp_timeout_stream tcp_timeout_time_wait tcp_timeout_close; do echo 2 > nf_conntrack_$name; done
cd - > /dev/null
exec "$@"`;

/** Runs it to its end. @returns what it printed, a line of JSON @throws Error with what it wrote to standard error */
export async function runTracked<T>(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<T> {
  const child = spawn('unshare', ['-n', 'sh', '-c', PREPARE, 'sh', ...command], {
    env: { ...process.env, DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`ended with ${signal ?? code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}
