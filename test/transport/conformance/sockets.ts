/** Sockets for the length of a case, and what the kernel reports about them. */
import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Conntrack } from '../../../src/index.ts';
import { type nlmsghdr, walkDatagram } from '../../../src/netlink/nlmsg.ts';
import { readErrno } from '../../../src/netlink/nlmsgerr.ts';
import { NetlinkSocket } from '../../../src/netlink/socket.ts';
import type { Transport } from '../../../src/netlink/transport.ts';
import { NETLINK_NETFILTER, NLMSG_ERROR } from '../../../src/uapi/netlink.ts';
import { until } from '../../support/kernel.ts';
import type { Context } from './case.ts';

const RING = 'anon_inode:[io_uring]';
/** As many as a case has sockets at once that need one, and a runtime has some of its own. */
const MOST_RINGS = 24;

export async function withConntrack(context: Context, body: (ct: Conntrack) => Promise<void>): Promise<void> {
  const ct = await Conntrack.open({ transport: context.open });
  try {
    await body(ct);
  } finally {
    await ct.close();
  }
}

export async function withSocket(context: Context, body: (socket: NetlinkSocket) => Promise<void>): Promise<void> {
  const socket = new NetlinkSocket(await context.open());
  try {
    await body(socket);
  } finally {
    socket.close();
  }
}

/** A transport that reports to nobody. */
export async function withTransport(
  context: Context,
  body: (transport: Transport) => Promise<void> | void,
): Promise<void> {
  const transport = await context.open();
  transport.start({ readable: () => {}, failed: () => {} });
  try {
    await body(transport);
  } finally {
    transport.close();
  }
}

/** Portids of the netfilter sockets of this namespace. */
export function portids(): number[] {
  const lines = readFileSync('/proc/net/netlink', 'utf8').trim().split('\n').slice(1);
  return lines
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([, protocol, portid]) =>
      Number(protocol) === NETLINK_NETFILTER && portid !== '0' ? [Number(portid)] : [],
    );
}

/**
 * What this process has open, by descriptor. Without the rings, which are kept for the next who needs one (see
 * io_uring/ring.ts), and without Unix sockets, which this package does not use: Deno makes itself a pair of them, with
 * a thread that waits for signals, at a time of its own.
 */
function descriptors(): Map<string, string> {
  const open = new Map<string, string>();
  const ofRuntime = unixSockets();
  let rings = 0;
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      if (target === RING) rings++;
      else if (!ofRuntime.has(target)) open.set(fd, target);
    } catch {
      // That of the folder itself.
    }
  }
  assert.ok(rings <= MOST_RINGS, `${rings} rings`);
  return open;
}

function unixSockets(): Set<string> {
  const lines = readFileSync('/proc/net/unix', 'utf8').trim().split('\n').slice(1);
  return new Set(lines.map((line) => `socket:[${line.trim().split(/\s+/)[6]}]`));
}

/** What is open now, to be compared with what is open when `body` is done. */
export async function nothingLeftOpen(body: () => Promise<void>): Promise<void> {
  const sockets = portids().length;
  const files = descriptors();
  await body();
  await until(() => portids().length <= sockets, { what: 'the sockets are gone' });
  await until(() => descriptors().size <= files.size, { what: 'the file descriptors are gone' }).catch((error) => {
    const more = [...descriptors()].filter(([fd, target]) => files.get(fd) !== target);
    throw new Error(`${error.message}: ${more.map((each) => each.join(' ')).join(', ')}`);
  });
}

/**
 * A transport without anything above it: headers and errnos of what came, and whether it kept to the rules of the
 * listener.
 */
export class Bare {
  readonly transport: Transport;
  readonly headers: nlmsghdr[] = [];
  readonly errnos = new Map<number, number>();
  /** Calls of ours that the transport is in. */
  #inside = 0;
  #reentered = 0;

  constructor(transport: Transport) {
    this.transport = transport;
    transport.start({
      readable: () => {
        if (this.#inside > 0) this.#reentered++;
        else this.read();
      },
      failed: (error) => {
        throw error;
      },
    });
  }

  send(bytes: Uint8Array, takesLong = false): void {
    this.#inside++;
    this.transport.send(bytes, takesLong);
    this.#inside--;
  }

  read(): void {
    for (;;) {
      this.#inside++;
      const datagram = this.transport.receive();
      this.#inside--;
      if (datagram === undefined) return;
      assert.equal(datagram.sender, 0);
      assert.equal(datagram.truncated, false);
      walkDatagram(datagram.view, (header, view, offset, end) => {
        this.headers.push({ ...header });
        if (header.nlmsg_type === NLMSG_ERROR) this.errnos.set(header.nlmsg_seq, readErrno(view, offset, end, false));
      });
    }
  }

  /** The errno with which the request ended; 0 for an ACK. */
  async errno(sequence: number): Promise<number> {
    await until(
      () => {
        this.read();
        return this.errnos.has(sequence);
      },
      { what: `the answer to request ${sequence}` },
    );
    assert.equal(this.#reentered, 0, 'readable was called from inside of send or receive');
    return this.errnos.get(sequence)!;
  }
}

export async function withBare(context: Context, body: (bare: Bare) => Promise<void>, events = false): Promise<void> {
  const bare = new Bare(await context.open({ events }));
  try {
    await body(bare);
  } finally {
    bare.transport.close();
  }
}
