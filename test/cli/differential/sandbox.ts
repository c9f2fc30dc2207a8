/**
 * A network namespace with conntrack(8)'s labels and a ruleset that uses them, kept by a process that ends with this
 * one.
 */
import {
  type ChildProcess,
  type ChildProcessWithoutNullStreams,
  type SpawnOptionsWithoutStdio,
  spawn,
} from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names of labels; the kernel has 128. */
const LABELS = '0 zero\n1 one\n2 two\n40 forty\n127 last\n';

/** The kernel keeps labels only while a rule asks for them. */
const RULES = 'table inet t { chain c { ct label 1 counter; }; }';

const ENTER = `ip link set lo up && mkdir -p /etc/xtables && mount --bind "$0" /etc/xtables &&
nft '${RULES}' && echo 1 > /proc/sys/net/netfilter/nf_conntrack_acct && echo ready && exec cat`;

export interface Outcome {
  stdout: string;
  stderr: string;
  status: number | null;
}

export class Sandbox {
  readonly #keeper: ChildProcess;

  private constructor(keeper: ChildProcess) {
    this.#keeper = keeper;
  }

  /** @param folder for what the sandboxes share */
  static async open(folder: string): Promise<Sandbox> {
    const labels = join(folder, 'xtables');
    mkdirSync(labels, { recursive: true });
    writeFileSync(join(labels, 'connlabel.conf'), LABELS);
    const keeper = spawn('unshare', ['-nm', 'sh', '-c', ENTER, labels], { stdio: ['pipe', 'pipe', 'pipe'] });
    let complaint = '';
    keeper.stderr.on('data', (text) => {
      complaint += text;
    });
    const ended = once(keeper, 'close').then(() => {
      throw new Error(`no sandbox: ${complaint}`);
    });
    await Promise.race([once(keeper.stdout, 'data'), ended]);
    ended.catch(() => {});
    return new Sandbox(keeper);
  }

  /** Starts a command in it. */
  start(argv: readonly string[], options: SpawnOptionsWithoutStdio = {}): ChildProcessWithoutNullStreams {
    return spawn('nsenter', ['-t', `${this.#keeper.pid}`, '-n', '-m', '--', ...argv], options);
  }

  /** Runs a command in it to its end. */
  async run(argv: readonly string[], input = ''): Promise<Outcome> {
    const child = this.start(argv, { timeout: 100_000 });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    // A command that reads nothing closes it first.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [status] = await once(child, 'close');
    return { stdout, stderr, status };
  }

  async close(): Promise<void> {
    this.#keeper.stdin!.end();
    await once(this.#keeper, 'exit');
  }
}
