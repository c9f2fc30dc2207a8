/** Packets with any addresses, sent into the tests' own namespace: what counts on flows that a request created. */
import { isIPv6 } from 'node:net';
import koffi from 'koffi';
import type { TupleInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { sh, sysctl, untilReset } from './kernel.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_RAW = 3;
const IPPROTO_RAW = 255;
const SOL_SOCKET = 1;
const SO_MARK = 36;

/** Where a flow has its zone. */
export type Side = 'both' | 'original' | 'reply';
const SIDES: readonly Side[] = ['both', 'original', 'reply'];

/** The mark of the packets that belong to this zone. */
function markOf(zone: number, side: Side): number {
  return zone === 0 ? 0 : ((SIDES.indexOf(side) + 1) << 16) | zone;
}

/** Routes every address over loopback, where nobody answers, and puts packets into their zone by their mark. */
export function prepareForPackets(zones: readonly number[]): void {
  const rules = zones.flatMap((zone) =>
    SIDES.map((side) => `meta mark ${markOf(zone, side)} ct ${side === 'both' ? '' : side} zone set ${zone}`),
  );
  sh(
    'nft',
    `table inet packets {
      chain zones { type filter hook output priority raw; ${rules.join('; ')}; }
      chain track { type filter hook output priority filter; ct state new accept; }
    }`,
  );
  for (const family of ['-4', '-6']) {
    sh('ip', family, 'route', 'replace', 'default', 'dev', 'lo');
    untilReset(() => sh('ip', family, 'route', 'flush', 'default'));
  }
  sysctl('nf_conntrack_tcp_be_liberal', 1);
}

const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, gre: 47, icmpv6: 58, sctp: 132 };

function bytesOf(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  const [head, tail] = address.split('::').map((part) => part.split(':').filter((word) => word !== ''));
  const words = [...head, ...Array<string>(8 - head.length - (tail ?? []).length).fill('0'), ...(tail ?? [])];
  return Buffer.from(words.map((word) => word.padStart(4, '0')).join(''), 'hex');
}

/** What follows the IP header: as much of it as conntrack reads. */
function payload(
  { proto, sport = 0, dport = 0, icmpType = 0, icmpCode = 0, icmpId = 0 }: TupleInit,
  tcpFlags: number | undefined,
): Buffer {
  const bytes = Buffer.alloc(40);
  if (proto === 'icmp' || proto === 'icmpv6') {
    bytes.writeUInt8(icmpType, 0);
    bytes.writeUInt8(icmpCode, 1);
    bytes.writeUInt16BE(icmpId, 4);
    return bytes;
  }
  bytes.writeUInt16BE(sport, 0);
  bytes.writeUInt16BE(dport, 2);
  if (proto === 'udp') bytes.writeUInt16BE(bytes.length, 4);
  // Data offset and flags.
  if (proto === 'tcp') bytes.writeUInt16BE(0x5000 | (tcpFlags ?? 0x10), 12);
  // A window of 0 would shorten the timeout.
  if (proto === 'tcp' && tcpFlags !== undefined) bytes.writeUInt16BE(1000, 14);
  return tcpFlags === undefined ? bytes : bytes.subarray(0, 20);
}

/** Sends packets; `close` it. */
export class Packets {
  readonly #libc = koffi.load('libc.so.6');
  readonly #socket = this.#libc.func('int socket(int, int, int)');
  readonly #setsockopt = this.#libc.func('int setsockopt(int, int, int, void *, uint32_t)');
  readonly #sendto = this.#libc.func('int64_t sendto(int, void *, size_t, int, void *, uint32_t)');
  readonly #close = this.#libc.func('int close(int)');
  /** By family and mark. */
  readonly #sockets = new Map<string, number>();

  /**
   * One packet of the flow with this original tuple.
   * @param tcpFlags of a TCP packet without data; default: ACK, with data
   */
  send(tuple: TupleInit, zone: number, side: Side, tcpFlags?: number): void {
    const { src, dst, proto } = tuple;
    const six = isIPv6(src!);
    const [from, to] = [bytesOf(src!), bytesOf(dst!)];
    const data = payload(tuple, tcpFlags);
    const protocol = typeof proto === 'number' ? proto : PROTOCOLS[proto!];
    const header = Buffer.alloc(six ? 40 : 20);
    const address = Buffer.alloc(six ? 28 : 16);
    address.writeUInt16LE(six ? AF_INET6 : AF_INET, 0);
    to.copy(address, six ? 8 : 4);
    if (six) {
      header.writeUInt8(0x60, 0);
      header.writeUInt16BE(data.length, 4);
      header.writeUInt8(protocol, 6);
      header.writeUInt8(64, 7);
      from.copy(header, 8);
      to.copy(header, 24);
    } else {
      header.writeUInt8(0x45, 0);
      header.writeUInt16BE(header.length + data.length, 2);
      header.writeUInt8(64, 8);
      header.writeUInt8(protocol, 9);
      from.copy(header, 12);
      to.copy(header, 16);
    }
    const packet = Buffer.concat([header, data]);
    const sent = this.#sendto(
      this.#open(six ? AF_INET6 : AF_INET, markOf(zone, side)),
      packet,
      packet.length,
      0,
      address,
      address.length,
    );
    if (Number(sent) < 0) throw new Error(`sendto ${src} -> ${dst}: errno ${koffi.errno()}`);
  }

  close(): void {
    for (const fd of this.#sockets.values()) this.#close(fd);
    this.#sockets.clear();
  }

  #open(family: number, mark: number): number {
    const key = `${family} ${mark}`;
    let fd = this.#sockets.get(key);
    if (fd === undefined) {
      fd = this.#socket(family, SOCK_RAW, IPPROTO_RAW) as number;
      const value = Buffer.alloc(4);
      value.writeUInt32LE(mark, 0);
      if (fd < 0 || this.#setsockopt(fd, SOL_SOCKET, SO_MARK, value, 4) !== 0)
        throw new Error(`a raw socket: errno ${koffi.errno()}`);
      this.#sockets.set(key, fd);
    }
    return fd;
  }
}
