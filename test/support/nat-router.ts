/**
 * A router that translates both ends of a TCP connection and of a UDP stream, drops what connection tracking calls
 * INVALID, and whose hosts can be held: what they send then waits in a queue of theirs.
 */
import { readFileSync } from 'node:fs';
import { addHosts, HOSTS, Host, removeHosts } from './hosts.ts';
import { sh, sysctl, until } from './kernel.ts';

/** The client connects to the router, which sends it on to the server, from an address and ports of its own. */
const RULES = `table inet router {
  counter seen { }
  counter invalid { }
  counter fresh { }
  chain raw { type filter hook prerouting priority raw; iifname "to-*" counter name "seen"; }
  chain input {
    type filter hook input priority filter;
    ct state invalid counter name "invalid" drop
  }
  chain forward {
    type filter hook forward priority filter;
    ct state invalid counter name "invalid" drop
    ct state new counter name "fresh"
  }
}
table ip nat {
  chain pre {
    type nat hook prerouting priority dstnat;
    ip daddr 10.9.1.1 meta l4proto { tcp, udp } th dport 80 dnat to 10.9.2.2:5000;
    ip daddr 10.9.1.1 tcp dport 81 dnat to 10.9.2.2:5001;
  }
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "to-server" meta l4proto { tcp, udp } snat to 10.9.2.1:7000-7999;
  }
}`;

/** Echoes both protocols, and says the SHA-256 of what came over TCP. */
const SERVER = `
const hash = require('node:crypto').createHash('sha256');
const server = require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('data', (data) => { hash.update(data); if (!socket.write(data)) { socket.pause(); socket.once('drain', () => socket.resume()); } });
  socket.on('end', () => { socket.end(); console.log(hash.digest('hex')); });
});
const udp = require('node:dgram').createSocket('udp4');
udp.on('message', (data, peer) => udp.send(data, peer.port, peer.address));
udp.bind(5000, () => server.listen(5000, () => console.log('ready')));`;

/**
 * Sends over both protocols as fast as they are echoed, until a line comes. Then says the SHA-256 of what it sent and
 * of what came back over TCP, and how many datagrams were sent and echoed as they were.
 */
const CLIENT = `
const { createHash } = require('node:crypto');
const sent = createHash('sha256'), back = createHash('sha256');
let going = true, seed = 1, datagrams = 0, echoed = 0, closed = false;
const block = () => { const data = Buffer.alloc(65536); for (let at = 0; at < data.length; at += 4) data.writeInt32LE(seed = Math.imul(seed, 1103515245) + 12345 | 0, at); return data; };
const udp = require('node:dgram').createSocket('udp4');
const payload = (n) => 'datagram ' + n + ' ' + 'x'.repeat(n % 700);
const waiting = new Set();
const send = () => { const text = payload(datagrams++); waiting.add(text); udp.send(text, 80, '10.9.1.1'); };
const end = () => { if (!going && closed && echoed === datagrams) { console.log(JSON.stringify({ sent: sent.digest('hex'), back: back.digest('hex'), datagrams, echoed })); udp.close(); } };
udp.on('message', (data) => { if (waiting.delete(String(data))) echoed++; if (going) send(); else end(); });
const socket = require('node:net').connect(80, '10.9.1.1', () => {
  const pump = () => { while (going) { const data = block(); sent.update(data); if (!socket.write(data)) return void socket.once('drain', pump); } socket.end(); };
  for (let n = 0; n < 8; n++) send();
  pump();
  console.log('ready');
});
socket.on('data', (data) => back.update(data));
socket.on('end', () => { closed = true; end(); });
process.stdin.once('data', () => { going = false; if (socket.writableNeedDrain === false) socket.end(); });
process.stdin.resume();`;

const GREETER = `
require('node:net').createServer((socket) => socket.end('hello')).listen(5001, () => console.log('ready'));
process.stdin.on('end', () => process.exit()).resume();`;

/** Says how many connections brought a greeting. */
const GREETED = `
let greeted = 0, left = Number(process.argv[1]);
for (let n = left; n > 0; n--) require('node:net').connect(81, '10.9.1.1')
  .on('data', (data) => { if (String(data) === 'hello') greeted++; })
  .on('error', () => {})
  .on('close', () => { if (--left === 0) console.log(greeted); });`;

/** Lets a host send one packet and no more, or all: a token bucket where a packet costs sixteen hours, or nothing. */
function queue(host: string, verb: 'add' | 'change', rate: '8bit' | '100gbit'): void {
  const bucket = ['rate', rate, 'burst', '2000', 'overhead', '60000', 'limit', '100000000'];
  sh('tc', '-n', host, 'qdisc', verb, 'dev', 'eth0', 'root', 'tbf', ...bucket);
}

/** What the client has to say at its end. */
export interface Report {
  /** SHA-256 of what was sent over TCP, of what the server got, and of what came back. */
  sent: string;
  received: string;
  back: string;
  /** Datagrams that were sent, and that came back as they were. Two processors may change their order. */
  datagrams: number;
  echoed: number;
}

export class NatRouter {
  readonly #programs: Host[] = [];
  #client: Host | undefined;
  #server: Host | undefined;

  constructor() {
    addHosts();
    sysctl('nf_conntrack_acct', 1);
    for (const host of HOSTS) {
      // A packet of the wire is one of the queue.
      sh('ip', '-n', host, 'link', 'set', 'eth0', 'gso_max_segs', '1');
      queue(host, 'add', '100gbit');
    }
    sh('nft', RULES);
  }

  async #run(host: (typeof HOSTS)[number], script: string): Promise<Host> {
    const program = new Host(host, script);
    this.#programs.push(program);
    await program.line();
    return program;
  }

  /** Begins the transfers, and resolves when they are under way. */
  async transfer(): Promise<void> {
    this.#server = await this.#run('server', SERVER);
    this.#client = await this.#run('client', CLIENT);
    await this.moved(2000);
  }

  /** Begins so many connections, which all wait for their first answer when this resolves. */
  async handshakes(count: number): Promise<{ greeted(): Promise<number> }> {
    await this.#run('server', GREETER);
    block('server');
    const client = new Host('client', GREETED, `${count}`);
    this.#programs.push(client);
    await until(() => backlog('server') > count, { what: `${count} answers in the queue` });
    await this.hold();
    return { greeted: async () => Number(await client.line()) };
  }

  #counter(name: string): number {
    return Number(/packets (\d+)/.exec(sh('nft', 'list', 'counter', 'inet', 'router', name))![1]);
  }

  /** Packets that the router dropped; answers among them are for itself, because nothing translates them. */
  get invalid(): number {
    return this.#counter('invalid');
  }

  /** Packets whose flow has seen no answer yet. */
  get fresh(): number {
    return this.#counter('fresh');
  }

  /** Packets that came to the router. */
  get seen(): number {
    return this.#counter('seen');
  }

  /** Waits until so many more packets have come. */
  async moved(packets: number): Promise<void> {
    const goal = this.seen + packets;
    await until(() => this.seen >= goal, { what: `${packets} packets` });
  }

  /** Lets nothing more out of the hosts, and waits until the router is done with what they sent. */
  async hold(): Promise<void> {
    for (const host of HOSTS) block(host);
    await until(() => HOSTS.every((host) => backlog(host) > 0), { what: 'packets in both queues' });
    let before = -1;
    await until(
      () => {
        const now = this.seen + HOSTS.reduce((sum, host) => sum + received(host), 0);
        const quiet = now === before;
        before = now;
        return quiet;
      },
      { what: 'a router with nothing to do' },
    );
  }

  release(): void {
    for (const host of HOSTS) {
      queue(host, 'change', '100gbit');
      // The queue looks again when a packet is put into it.
      sendOne(host);
    }
  }

  /** Ends both transfers. */
  async end(): Promise<Report> {
    this.#client!.write('end\n');
    const report = JSON.parse(await this.#client!.line());
    return { ...report, received: await this.#server!.line() };
  }

  /** Ends what is left of it. */
  close(): void {
    for (const program of this.#programs) program.kill();
    removeHosts();
  }
}

function block(host: string): void {
  queue(host, 'change', '8bit');
  // The first may still leave.
  sendOne(host);
  sendOne(host);
}

/** A packet to an address that the router has no route to. */
function sendOne(host: string): void {
  sh('ip', 'netns', 'exec', host, 'bash', '-c', 'echo > /dev/udp/10.9.255.255/9');
}

/** Packets in the queue of a host. */
function backlog(host: string): number {
  return Number(/backlog \S+ (\d+)p/.exec(sh('tc', '-n', host, '-s', 'qdisc', 'show', 'dev', 'eth0'))![1]);
}

/** Packets that arrived on the link to a host. */
function received(host: string): number {
  return Number(readFileSync(`/proc/net/dev`, 'utf8').match(new RegExp(`to-${host}: *\\d+ +(\\d+)`))![1]);
}
