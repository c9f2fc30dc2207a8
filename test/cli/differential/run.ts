/** Runs each line of a topic with conntrack(8) and with ours, each in a namespace of its own. */
import { ROOT } from '../../support/command.ts';
import { differences, differingLines } from './same.ts';
import { Sandbox } from './sandbox.ts';
import { type Topic, words } from './topic.ts';

const THEIRS = ['conntrack'];
const OURS = [process.execPath, `${ROOT}dist/cli/main.js`];

/** Through a pipe: conntrack(8) opens /dev/stdin, which cannot be done with a socket. */
const EMPTY_AND_LOAD =
  'conntrack -F; conntrack -F expect; cat | conntrack -R - && for line; do conntrack $line || exit; done';
const AFTER = 'conntrack -L -o extended,labels; conntrack -C';

/** What conntrack(8) says when it takes the answer to one request for that to another. */
const MISTAKEN = /Protocol error|No such file or directory/;
/** The longer a slow machine takes over a line, the more often a second ends in its midst. */
const ATTEMPTS = 20;

/** Two namespaces in the same state. */
export class Pair {
  readonly #theirs: Sandbox;
  readonly #ours: Sandbox;

  private constructor(theirs: Sandbox, ours: Sandbox) {
    this.#theirs = theirs;
    this.#ours = ours;
  }

  static async open(folder: string): Promise<Pair> {
    return new Pair(...(await Promise.all([Sandbox.open(folder), Sandbox.open(folder)])));
  }

  async close(): Promise<void> {
    await Promise.all([this.#theirs.close(), this.#ours.close()]);
  }

  /** @throws when the state cannot be had */
  async prepare({ state = [] }: Topic): Promise<void> {
    // Two lines with labels in a file are a segmentation fault of conntrack(8).
    const labelled = state.filter((line) => line.includes('--label'));
    const input = state
      .filter((line) => !labelled.includes(line))
      .map((line) => `${line}\n`)
      .join('');
    for (const outcome of await this.#both(['sh', '-c', EMPTY_AND_LOAD, 'sh', ...labelled], input))
      if (outcome.status !== 0) throw new Error(`no state: ${outcome.stderr}`);
  }

  /** How the two differ in a line. */
  async compare(topic: Topic, line: Topic['lines'][number], attempts = ATTEMPTS): Promise<string[]> {
    if (topic.changes) await this.prepare(topic);
    const argv = words(line);
    const [theirs, ours] = await Promise.all([
      this.#run(this.#theirs, THEIRS, argv),
      this.#run(this.#ours, OURS, argv),
    ]);
    const found = differences(theirs, ours, topic.printsSome);
    if (topic.changes) {
      const [their, our] = await this.#both(['sh', '-c', AFTER]);
      found.push(...differingLines(their.stdout, our.stdout, 'the table afterwards'));
    }
    // Of conntrack -U, where a second ends between two of its requests: see test/support/change.ts.
    const again = found.length > 0 && attempts > 1 && MISTAKEN.test(theirs.stderr);
    return again ? await this.compare(topic, line, attempts - 1) : found;
  }

  async #run(sandbox: Sandbox, program: readonly string[], argv: readonly string[]) {
    let words = argv;
    if (argv.some((word) => word.includes('{ID}'))) {
      const { stdout } = await sandbox.run(['conntrack', '-L', '-o', 'id', '-s', '10.0.0.1']);
      const id = /sport=1000 .* id=(\d+)/.exec(stdout)![1];
      words = argv.map((word) => word.replace('{ID}', id));
    }
    return await sandbox.run([...program, ...words]);
  }

  #both(argv: readonly string[], input?: string) {
    return Promise.all([this.#theirs.run(argv, input), this.#ours.run(argv, input)]);
  }
}

/** All lines of a topic, some pairs at a time. The lines that differ, and how. */
export async function compareAll(pairs: readonly Pair[], topic: Topic): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const queue = topic.lines.values();
  await Promise.all(
    pairs.map(async (pair) => {
      if (!topic.changes) await pair.prepare(topic);
      for (const line of queue) {
        const differing = await pair.compare(topic, line);
        if (differing.length > 0) found.set(words(line).join(' '), differing.join('\n    '));
      }
    }),
  );
  return found;
}
