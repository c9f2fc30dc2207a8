/** Two hosts in network namespaces of their own, with the namespace of the tests between them. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { sh, sysctl } from './kernel.ts';

export const HOSTS = ['client', 'server'] as const;

/** The client is 10.9.1.2, the server 10.9.2.2. The router has .1 in both, on the links to-client and to-server. */
export function addHosts(): void {
  for (const [at, name] of HOSTS.entries()) {
    const net = `10.9.${at + 1}`;
    sh('ip', 'netns', 'add', name);
    const [router, host] = [1, 2].map((end) => `02:00:00:00:0${at + 1}:0${end}`);
    const peer = ['peer', 'name', 'eth0', 'address', host, 'netns', name];
    sh('ip', 'link', 'add', `to-${name}`, 'address', router, 'type', 'veth', ...peer);
    sh('ip', 'address', 'add', `${net}.1/24`, 'dev', `to-${name}`);
    sh('ip', 'link', 'set', `to-${name}`, 'up');
    sh('ip', '-n', name, 'address', 'add', `${net}.2/24`, 'dev', 'eth0');
    sh('ip', '-n', name, 'link', 'set', 'eth0', 'up');
    sh('ip', '-n', name, 'route', 'add', 'default', 'via', `${net}.1`);
    // A question for the address of the other end would wait in the queue of a host that is held.
    const permanent = ['nud', 'permanent'];
    sh('ip', 'neigh', 'add', `${net}.2`, 'lladdr', host, 'dev', `to-${name}`, ...permanent);
    sh('ip', '-n', name, 'neigh', 'add', `${net}.1`, 'lladdr', router, 'dev', 'eth0', ...permanent);
  }
  sysctl('net.ipv4.ip_forward', 1);
}

export function removeHosts(): void {
  for (const name of HOSTS) {
    sh('ip', 'link', 'delete', `to-${name}`);
    sh('ip', 'netns', 'delete', name);
  }
}

/** A program of the client: sends a datagram to port 5000 of an address for each line, and prints the answer. */
export const ASKING_CLIENT = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (data) => console.log(String(data)));
socket.bind(6000, () => console.log('ready'));
require('node:readline').createInterface({ input: process.stdin })
  .on('line', () => socket.send('who', 5000, process.argv[1])).on('close', () => socket.close());`;

/** A program in one of the hosts. */
export class Host {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;

  constructor(name: string, script: string, ...args: string[]) {
    const command = ['netns', 'exec', name, process.execPath, '-e', script, ...args];
    this.#child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#closed = once(this.#child, 'close');
  }

  /** What it says next. @throws Error when it ends without a line */
  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('a host of the router has ended');
    return value;
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
