/**
 * Runs command lines with conntrack(8) and with ours in the namespace that it is in, and answers what each sent: a case
 * a line on standard input, an answer a line on standard output. Ours runs inside of this process, so that a case costs
 * milliseconds.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { report } from '../../../src/cli/errors/report.ts';
import { parse } from '../../../src/cli/options/parse.ts';
import type { Settings } from '../../../src/cli/options/settings.ts';
import { Output } from '../../../src/cli/output.ts';
import { run } from '../../../src/cli/run.ts';
import { HOST_LITTLE_ENDIAN } from '../../../src/netlink/byteorder.ts';
import { newNlmsghdr, type nlmsghdr, readNlmsghdr } from '../../../src/netlink/nlmsg.ts';
import type { Transport, TransportOptions } from '../../../src/netlink/transport.ts';
import { openTransport } from '../../../src/transport/open.ts';
import { NLMSG_ERROR, NLMSG_HDRLEN } from '../../../src/uapi/netlink.ts';
import { until } from '../../support/kernel.ts';
import type { Answer, Case, Sent } from './case.ts';

const LIBRARY = process.argv[2];
const FOLDER = mkdtempSync(join(tmpdir(), 'ctnetlink-sent-'));
const SENT = join(FOLDER, 'sent');
const LINES = join(FOLDER, 'lines');
const DATAGRAM = 1;
const SOCKET = await openTransport();
SOCKET.start({ readable: () => {}, failed: () => {} });

/** What conntrack(8) sends to empty both tables, and to make each state: sent again, it costs no process. */
const RECORDED = new Map<string, readonly Uint8Array[]>();

/** @param commands with the lines that -R is to read, where it is one of those */
async function recorded(key: string, commands: () => readonly (readonly string[])[]): Promise<readonly Uint8Array[]> {
  let datagrams = RECORDED.get(key);
  if (datagrams === undefined) {
    const sent: string[] = [];
    for (const argv of commands()) {
      const { datagrams, status, stderr } = await theirs(argv);
      if (status !== 0) throw new Error(`no state: ${stderr}`);
      sent.push(...datagrams);
    }
    datagrams = sent.map((text) => new Uint8Array(Buffer.from(text, 'hex')));
    RECORDED.set(key, datagrams);
  }
  return datagrams;
}

/** Makes the table these flows. */
async function prepare(state: readonly string[]): Promise<void> {
  const empty = await recorded('', () => [['-F'], ['-F', 'expect']]);
  const full = await recorded(JSON.stringify(state), () => {
    for (const bytes of empty) sendRaw(bytes);
    // Two lines with labels in a file are a segmentation fault of conntrack(8).
    const labelled = state.filter((line) => line.includes('--label'));
    const others = state.filter((line) => !labelled.includes(line));
    writeFileSync(LINES, others.map((line) => `${line}\n`).join(''));
    return [['-R', LINES], ...labelled.map((line) => line.split(' '))];
  });
  // A flush walks the table of the whole machine, which takes longer than all else.
  for (const bytes of empty) sendRaw(bytes);
  for (const bytes of full) sendRaw(bytes);
}

/** @throws Error when the kernel refuses it */
function sendRaw(bytes: Uint8Array): void {
  SOCKET.send(bytes);
  const { view } = SOCKET.receive()!;
  const { nlmsg_type: type } = headerOf(view);
  const error = view.getInt32(NLMSG_HDRLEN, HOST_LITTLE_ENDIAN);
  if (type !== NLMSG_ERROR || error !== 0) throw new Error(`no state: ${error}`);
}

function headerOf(view: DataView): nlmsghdr {
  const header = newNlmsghdr();
  readNlmsghdr(view, 0, view.byteLength, header);
  return header;
}

/** The words, with the path of the file, and the id of the first flow. */
function filledIn(words: readonly string[]): string[] {
  const argv = words.map((word) => (word === '{FILE}' ? LINES : word));
  if (!argv.includes('{ID}')) return argv;
  const { stdout } = spawnSync('conntrack', ['-L', '-o', 'id', '-s', '10.0.0.1'], { encoding: 'utf8' });
  const id = /sport=1000 .* id=(\d+)/.exec(stdout)![1];
  return argv.map((word) => (word === '{ID}' ? id : word));
}

/** What the library has written: the datagrams, and the groups where there are any. */
function readSent(): { datagrams: string[]; groups: number } {
  let bytes: Buffer;
  try {
    bytes = readFileSync(SENT);
  } catch {
    return { datagrams: [], groups: 0 };
  }
  const datagrams: string[] = [];
  let groups = 0;
  for (let at = 0; at < bytes.length; ) {
    const [kind, length] = new Uint32Array(bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + 8));
    const value = bytes.subarray(at + 8, at + 8 + length);
    if (kind === DATAGRAM) datagrams.push(value.toString('hex'));
    else groups = new Uint32Array(value.buffer.slice(value.byteOffset, value.byteOffset + 4))[0];
    at += 8 + length;
  }
  return { datagrams, groups };
}

async function theirs(argv: readonly string[]): Promise<Sent> {
  rmSync(SENT, { force: true });
  const child = spawn('conntrack', argv, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LD_PRELOAD: LIBRARY, SENT_FILE: SENT },
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const closed = once(child, 'close');
  if (argv[0] === '-E') {
    // When it has joined its groups and receives, or has refused to.
    await until(() => child.exitCode !== null || readSent().groups !== 0, { what: 'conntrack(8) listens' });
    child.kill('SIGINT');
  }
  const [status] = await closed;
  return { ...readSent(), status, stderr };
}

async function ours(argv: readonly string[]): Promise<Sent> {
  const datagrams: string[] = [];
  let groups = 0;
  let begun: () => void;
  const listening = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const transport = async (options?: TransportOptions): Promise<Transport> => {
    const socket = await openTransport({ ...options, transport: undefined });
    const { send, joinGroup } = socket;
    socket.send = (bytes) => {
      datagrams.push(Buffer.from(bytes).toString('hex'));
      return send.call(socket, bytes);
    };
    socket.joinGroup = (group) => {
      groups |= 1 << (group - 1);
      joinGroup.call(socket, group);
      begun();
    };
    return socket;
  };
  const sink = { on: () => {}, once: () => {}, write: () => true };
  let stderr = '';
  const { write } = process.stderr;
  process.stderr.write = (text: string | Uint8Array): boolean => {
    stderr += text;
    return true;
  };
  let status: number;
  let settings: Settings | undefined;
  try {
    settings = parse(argv);
    const running = run(settings, { transport, output: new Output(sink) });
    if (settings.command === 'event') {
      await Promise.race([listening, running.catch(() => {})]);
      // It joins one group after the other, and listens to the signal when it has joined them.
      await until(() => process.listenerCount('SIGINT') > 0, { what: 'ours listens' });
      process.emit('SIGINT');
    }
    status = await running;
  } catch (error) {
    status = report(error, settings);
  } finally {
    process.stderr.write = write;
  }
  return { datagrams, groups, status, stderr };
}

/** The state that the table is in. */
let there = '';

async function answer({ state, changes, file = [], argv }: Case): Promise<Answer> {
  if (changes || JSON.stringify(state) !== there) await prepare(state);
  writeFileSync(LINES, file.map((line) => `${line}\n`).join(''));
  const first = await theirs(filledIn(argv));
  if (changes) await prepare(state);
  there = changes ? '' : JSON.stringify(state);
  return { theirs: first, ours: await ours(filledIn(argv)) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const text = await answer(JSON.parse(line) as Case).then(JSON.stringify, (error: Error) =>
    JSON.stringify({ error: error.stack }),
  );
  process.stdout.write(`${text}\n`);
}
rmSync(FOLDER, { recursive: true });
