/**
 * A router between two hosts: the namespace of the tests forwards a TCP connection and drops what its connection
 * tracking calls INVALID.
 */
import { addHosts, Host, removeHosts } from './hosts.ts';
import { sh } from './kernel.ts';

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
    addHosts();
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
    removeHosts();
  }
}
