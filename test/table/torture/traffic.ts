/**
 * Real traffic at full rate, on the loopback of a network namespace of the tests' own: datagrams between a few thousand
 * pairs, some of them answered, and TCP connections that open, talk and end. Its standard input says what it does:
 * 'go', 'rest' (it prints 'resting' when no packet is left), and 'stop N': it stops its parent, goes on until events of
 * the parent were lost and for N milliseconds at least, and prints 'resumed'.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket as Stream } from 'node:net';
import { createInterface } from 'node:readline';

const PORT = 7_000;
/** Datagrams that are on their way at once, and connections. */
const DATAGRAMS = 64;
const CONNECTIONS = 8;

let going = false;
let busy = 0;
let rested: () => void = () => {};

function over(): void {
  busy--;
  if (busy === 0) rested();
}

const below = (count: number): number => Math.floor(Math.random() * count);

async function bound(port: number, address?: string): Promise<Socket> {
  const socket = createSocket('udp4').bind(port, address);
  // Whoever is not there answers with an ICMP error.
  socket.on('error', () => {});
  await once(socket, 'listening');
  return socket;
}

/** Of each connection both ends are torn down, or it ends as is usual: in TIME_WAIT. */
function listen(): Promise<unknown> {
  const server = createServer((stream: Stream) => {
    stream.on('error', () => {}).on('data', () => stream.end('pong'));
  });
  server.listen(PORT);
  return once(server, 'listening');
}

function open(): void {
  if (!going) return;
  busy++;
  const stream = connect({ port: PORT, host: '127.0.0.1', localAddress: `127.9.${below(4)}.${1 + below(250)}` });
  stream.on('error', () => {}).on('connect', () => stream.write('ping'));
  stream.on('data', () => {
    if (below(4) > 0) stream.resetAndDestroy();
    else stream.end();
  });
  stream.on('close', () => {
    over();
    setImmediate(open);
  });
}

const answering = await bound(PORT);
answering.on('message', (_data, { port, address }) => answering.send('', port, address));
const senders = await Promise.all([1, 2, 3, 4].map((n) => bound(0, `127.0.1.${n}`)));
await listen();

function send(): void {
  if (!going) return;
  busy++;
  const answered = below(4) === 0;
  const to = `127.8.${below(4)}.${below(250)}`;
  senders[below(senders.length)].send('', answered ? PORT : 9, to, () => {
    over();
    setImmediate(send);
  });
}

function go(): void {
  going = true;
  for (let i = 0; i < DATAGRAMS; i++) send();
  for (let i = 0; i < CONNECTIONS; i++) open();
}

async function rest(): Promise<void> {
  going = false;
  if (busy > 0)
    await new Promise<void>((resolve) => {
      rested = resolve;
    });
  // What was sent on the loopback has arrived, and what was answered is in the queue of a sender.
  await new Promise((resolve) => setTimeout(resolve, 10));
}

/** How many events the sockets of this namespace have lost. */
function drops(): number {
  let sum = 0;
  for (const row of readFileSync('/proc/self/net/netlink', 'utf8').trim().split('\n').slice(1))
    sum += Number(row.trim().split(/\s+/)[8]);
  return sum;
}

async function stop(milliseconds: number): Promise<void> {
  process.kill(process.ppid, 'SIGSTOP');
  const before = drops();
  const end = performance.now() + milliseconds;
  while (drops() === before || performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
  process.kill(process.ppid, 'SIGCONT');
}

process.stdout.write('ready\n');
for await (const line of createInterface(process.stdin)) {
  const [word, number] = line.split(' ');
  if (word === 'go') go();
  if (word === 'rest') await rest();
  if (word === 'stop') await stop(Number(number));
  process.stdout.write(`${word}\n`);
}
process.exit();
