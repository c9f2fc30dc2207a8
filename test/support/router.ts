/**
 * A router between two hosts: the namespace of the tests forwards a TCP connection and drops what its connection
 * tracking calls INVALID.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { sh, sysctl } from './kernel.ts';

const PORT = 5000;

const RULES = `table inet router {
  counter invalid { }
  chain before { type filter hook prerouting priority raw; }
  chain forward { type filter hook forward priority filter; ct state invalid counter name "invalid" drop; }
}`;

/** Answers when it has read as many bytes as each line in front of them says, and closes behind the other end. */
const SERVER = `
const server = require('node:net').createServer((socket) => {
  let head = '', left = 0;
  socket.on('data', (data) => {
    if (left === 0) {
      head += data.toString('latin1');
      const end = head.indexOf('\\n');
      if (end < 0) return;
      left = Number(head.slice(0, end)) - (head.length - end - 1);
      head = '';
    } else left -= data.length;
    if (left === 0) socket.write('.');
  });
  socket.on('end', () => { socket.end(); server.close(); });
});
server.listen(${PORT}, () => console.log('ready'));`;

/** Sends as many bytes as a line of standard input says, and says when they are answered; ends with it. */
const CLIENT = `
const socket = require('node:net').connect(${PORT}, process.argv[1], () => console.log('ready'));
require('node:readline').createInterface({ input: process.stdin })
  .on('line', (count) => { socket.write(count + '\\n'); socket.write(Buffer.alloc(Number(count))); })
  .on('close', () => socket.end());
socket.on('data', () => console.log('done'));`;

/** A program in one of the hosts. */
class Host {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;

  constructor(name: string, script: string, ...args: string[]) {
    const command = ['netns', 'exec', name, process.execPath, '-e', script, ...args];
    this.#child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#closed = once(this.#child, 'close');
  }

  /** @throws Error when it ends without a line */
  async line(): Promise<void> {
    if ((await this.#lines.next()).done === true) throw new Error('a host of the router has ended');
  }

  write(text: string): void {
    this.#child.stdin.write(text);
  }

  /** Waits for it to end by itself. */
  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#closed;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** One connection through the router. */
export class Router {
  readonly #server: Host;
  readonly #client: Host;

  private constructor(server: Host, client: Host) {
    this.#server = server;
    this.#client = client;
  }

  /** The client is 10.9.1.2, the server 10.9.2.2 port 5000. */
  static async open(): Promise<Router> {
    for (const [at, name] of ['client', 'server'].entries()) {
      const net = `10.9.${at + 1}`;
      sh('ip', 'netns', 'add', name);
      sh('ip', 'link', 'add', `to-${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      sh('ip', 'address', 'add', `${net}.1/24`, 'dev', `to-${name}`);
      sh('ip', 'link', 'set', `to-${name}`, 'up');
      sh('ip', '-n', name, 'address', 'add', `${net}.2/24`, 'dev', 'eth0');
      sh('ip', '-n', name, 'link', 'set', 'eth0', 'up');
      sh('ip', '-n', name, 'route', 'add', 'default', 'via', `${net}.1`);
    }
    sysctl('net.ipv4.ip_forward', 1);
    sh('nft', RULES);
    const server = new Host('server', SERVER);
    await server.line();
    const client = new Host('client', CLIENT, '10.9.2.2');
    await client.line();
    return new Router(server, client);
  }

  /** Sends so many bytes, and waits until the server has them and has answered. */
  async send(bytes: number): Promise<void> {
    this.#client.write(`${bytes}\n`);
    await this.#client.line();
  }

  /** Nothing passes while `body` runs: an ACK that came late would make the flow again. */
  async silently(body: () => Promise<void> | void): Promise<void> {
    sh('nft', 'add rule inet router before iifname "to-*" drop');
    await body();
    sh('nft', 'flush chain inet router before');
  }

  /** Packets that were dropped because they were INVALID. */
  get invalid(): number {
    return Number(/packets (\d+)/.exec(sh('nft', 'list counter inet router invalid'))![1]);
  }

  /** The state of the connection, as conntrack(8) says it. */
  get state(): string | undefined {
    return /^tcp +6 \d+ (\S+) src=10\.9\.1\.2 /m.exec(sh('conntrack', '-L', '-p', 'tcp'))?.[1];
  }

  /** Closes the connection, first the client, and waits until both have. */
  async end(): Promise<void> {
    await this.#client.end();
    await this.#server.end();
  }

  /** Ends what is left of it. */
  close(): void {
    this.#client.kill();
    this.#server.kill();
    for (const name of ['client', 'server']) {
      sh('ip', 'link', 'delete', `to-${name}`);
      sh('ip', 'netns', 'delete', name);
    }
  }
}
