/**
 * Set-ups of the namespace, for kernel tests and for the recorder of fixtures. Everything here refuses to run outside
 * of the tests' own namespace (sh does), needs nft and conntrack on PATH, and can be called again: it first takes away
 * what the call before left.
 */
import { createSocket, type Socket as Datagram } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { sh, sysctl, until } from './kernel.ts';

const TABLE = 'ctnetlink_test';

/** Seconds. Long enough that nothing expires in a debugger, short enough to differ from the kernel's own defaults. */
const TIMEOUT = 86_400;

/**
 * Connection tracking on loopback, for both families. Only the ports named here are treated specially, all else is just
 * tracked:
 *
 * - TCP 21, UDP 69, UDP 5060: helpers ftp, tftp and sip
 * - UDP 9001, 9002: labels {1, 127} and {0, 31, 32, 64, 100}, with the marks 0x2a and 0xffffffff
 * - UDP 9011, 9012, 9013: zone 11 in both, only the original and only the reply direction
 * - UDP 9021 (to 9022), 9023 (from port 45999): DNAT and SNAT; TCP 2121 on 127.0.0.100 (to 127.0.0.1:21): DNAT + ftp
 *
 * Labels can be set on every flow created after this, also over netlink: the kernel gives entries room for labels as
 * soon as some rule mentions them (nf_connlabels_get), whether or not it ever matches.
 */
export function tracking(): void {
  // One transaction: add (so that the delete finds it), delete, add.
  sh(
    'nft',
    `table inet ${TABLE}
    delete table inet ${TABLE}
    table inet ${TABLE} {
      ct helper ftp { type "ftp" protocol tcp; }
      ct helper tftp { type "tftp" protocol udp; }
      ct helper sip { type "sip" protocol udp; }
      chain zones {
        type filter hook output priority raw;
        udp dport 9011 ct zone set 11
        udp sport 9011 ct zone set 11
        udp dport 9012 ct original zone set 12
        udp dport 9013 ct reply zone set 13
        udp sport 9013 ct reply zone set 13
      }
      chain track {
        type filter hook output priority filter;
        ct state invalid counter
        ct state new tcp dport 21 ct helper set "ftp"
        ct state new udp dport 69 ct helper set "tftp"
        ct state new udp dport 5060 ct helper set "sip"
        udp dport 9001 ct mark set 0x2a ct label set 1 ct label set 127
        udp dport 9002 ct mark set 0xffffffff ct label set 0 ct label set 31 ct label set 32 ct label set 64 ct label set 100
      }
      chain labelled {
        type filter hook input priority filter;
        udp dport 9001 ct label 127 counter
        udp dport 9002 ct label 100 counter
      }
      chain translate_destination {
        type nat hook output priority -100;
        udp dport 9021 redirect to :9022
        ip daddr 127.0.0.100 tcp dport 2121 dnat ip to 127.0.0.1:21
      }
      chain translate_source {
        type nat hook postrouting priority srcnat;
        ip daddr 127.0.0.1 udp dport 9023 snat ip to 127.0.0.3:45999
        ip6 daddr ::1 udp dport 9023 snat ip6 to [::1]:45999
      }
    }`,
  );
}

/** Ends what a set-up holds open. Sockets are reset, not closed, so that their ports are free at once. */
export type Dispose = () => Promise<void>;

let dispose: Dispose | undefined;

/**
 * More than 60 flows of every kind the kernel and conntrack(8) can be made to track here, both by request (conntrack
 * -I) and by real packets, with accounting and timestamps on. Addresses, ports, marks, zones, labels and states are
 * always the same; identifiers, timestamps, the order of a dump and the counters of the real TCP flows are the
 * kernel's. Clears the table first. The flows stay when the disposer has closed the sockets, but the FTP ones are then
 * in state CLOSE.
 *
 * - 10.0.0.x, 10.0.1.x, 10.0.2.x -> 10.1.0.1 and fd00::x -> fd00::ff: by request, nothing answers there
 * - 127.0.0.2 -> 127.0.0.1 and ::1 -> ::1: real packets
 *
 * Expectations left: ftp on IPv4, on IPv6 and behind DNAT, tftp, sip (permanent and inactive). Flows with a master: the
 * data connections 127.0.0.2:40200 -> 127.0.0.1:40101 and [::1]:40210 -> [::1]:40111.
 */
export async function mixedFlows(): Promise<Dispose> {
  await dispose?.();
  tracking();
  sh('conntrack', '-F', 'expect');
  sh('conntrack', '-F');
  sysctl('nf_conntrack_acct', 1);
  sysctl('nf_conntrack_timestamp', 1);
  // Real flows take these when the packet arrives; those made by request bring their own.
  sysctl('nf_conntrack_udp_timeout', TIMEOUT);
  sysctl('nf_conntrack_udp_timeout_stream', TIMEOUT);
  sysctl('nf_conntrack_tcp_timeout_established', TIMEOUT);
  // Else a flow whose last ACK is still delayed is given 300 s, so its timeout would depend on when it was looked at.
  sysctl('nf_conntrack_tcp_timeout_unacknowledged', TIMEOUT);

  requestedFlows();
  const held: Held = { sockets: new Set(), servers: [], datagrams: [] };
  const close: Dispose = async () => {
    for (const socket of held.sockets) socket.resetAndDestroy();
    await Promise.all([
      ...held.servers.map((server) => new Promise((resolve) => server.close(resolve))),
      ...held.datagrams.map((socket) => new Promise<void>((resolve) => socket.close(resolve))),
    ]);
    if (dispose === close) dispose = undefined;
    held.sockets.clear();
    held.servers = [];
    held.datagrams = [];
  };
  dispose = close;
  try {
    await datagramFlows(held);
    await ftpFlows(held);
  } catch (error) {
    await close();
    throw error;
  }
  return close;
}

interface Held {
  sockets: Set<Socket>;
  servers: Server[];
  datagrams: Datagram[];
}

/** Flows created over netlink by conntrack(8): all that the loopback interface or a socket of Node cannot produce. */
function requestedFlows(): void {
  const create = (protocol: string, src: string, dst: string, ...rest: (string | number)[]): void => {
    sh('conntrack', '-I', '-p', protocol, '-s', src, '-d', dst, '-t', String(TIMEOUT), ...rest.map(String));
  };
  const ports = (src: number, dst: number): (string | number)[] => ['--sport', src, '--dport', dst];
  const seen = ['-u', 'SEEN_REPLY'];
  const assured = ['-u', 'SEEN_REPLY,ASSURED'];
  const to = '10.1.0.1';
  const to6 = 'fd00::ff';

  // conntrack(8) has both names for state 9 (TCP_CONNTRACK_LISTEN is an alias of SYN_SENT2) and prints SYN_SENT2.
  const tcp: [string, string[]][] = [
    ['NONE', []],
    ['SYN_SENT', []],
    ['SYN_RECV', seen],
    ['ESTABLISHED', assured],
    ['FIN_WAIT', assured],
    ['CLOSE_WAIT', assured],
    ['LAST_ACK', assured],
    ['TIME_WAIT', assured],
    ['CLOSE', assured],
    ['SYN_SENT2', []],
  ];
  tcp.forEach(([state, status], at) => {
    create('tcp', `10.0.0.${at + 1}`, to, ...ports(1000 + at, 80), '--state', state, ...status);
  });
  create('tcp', 'fd00::1', to6, ...ports(1000, 80), '--state', 'ESTABLISHED', ...assured, '-m', 7);
  create('tcp', 'fd00::2', to6, ...ports(1001, 80), '--state', 'SYN_SENT');
  create('tcp', 'fd00::3', to6, ...ports(1002, 80), '--state', 'TIME_WAIT', ...assured);

  // conntrack 1.4.7 dies of SIGSEGV when asked for HEARTBEAT_SENT, so state 8 is missing.
  const sctp = [
    'NONE',
    'CLOSED',
    'COOKIE_WAIT',
    'COOKIE_ECHOED',
    'ESTABLISHED',
    'SHUTDOWN_SENT',
    'SHUTDOWN_RECD',
    'SHUTDOWN_ACK_SENT',
  ];
  sctp.forEach((state, at) => {
    const vtags = ['--orig-vtag', 0x11111111 + at, '--reply-vtag', 0xfffffff0 + at];
    create('sctp', `10.0.1.${at + 1}`, to, ...ports(2000 + at, 3868), '--state', state, ...vtags, ...seen);
  });
  const vtags = ['--orig-vtag', 1, '--reply-vtag', 2];
  create('sctp', 'fd00::4', to6, ...ports(2000, 3868), '--state', 'ESTABLISHED', ...vtags, ...assured);

  create('udp', '10.0.2.1', to, ...ports(3000, 53));
  create('udp', '10.0.2.1', to, ...ports(3001, 53), ...seen);
  create('udp', '10.0.2.1', to, ...ports(3002, 53), ...assured, '-m', 0xffffffff);
  create('udp', '10.0.2.1', to, ...ports(3003, 53), '-u', 'FIXED_TIMEOUT', '-m', 0x80000000);
  create('udp', 'fd00::5', to6, ...ports(3000, 53));
  create('udp', 'fd00::5', to6, ...ports(3001, 53), ...assured, '-m', 1);
  create('udplite', '10.0.2.2', to, ...ports(3100, 5004), ...assured, '-m', 5);
  create('udplite', 'fd00::5', to6, ...ports(3100, 5004));

  create('icmp', '10.0.2.3', to, '--icmp-type', 8, '--icmp-code', 0, '--icmp-id', 77);
  create('icmp', '10.0.2.3', to, '--icmp-type', 8, '--icmp-code', 0, '--icmp-id', 65535, ...seen);
  create('icmp', '10.0.2.3', to, '--icmp-type', 13, '--icmp-code', 0, '--icmp-id', 79);
  create('icmpv6', 'fd00::6', to6, '--icmpv6-type', 128, '--icmpv6-code', 0, '--icmpv6-id', 78);
  create('icmpv6', 'fd00::6', to6, '--icmpv6-type', 128, '--icmpv6-code', 0, '--icmpv6-id', 80, ...seen);

  create('gre', '10.0.2.4', to, '--srckey', '0x10', '--dstkey', '0x20', ...assured);
  create('gre', '10.0.2.4', to, '--srckey', '0x0', '--dstkey', '0xffff');
  create('gre', 'fd00::7', to6, '--srckey', '0x1', '--dstkey', '0x2');
  // The generic tracker: no ports in the tuple. 89 is OSPF, 50 is ESP.
  create('89', '10.0.2.5', to);
  create('50', '10.0.2.5', to, ...seen);
  create('89', 'fd00::8', to6);

  create('tcp', '10.0.2.6', to, ...ports(4000, 80), '--state', 'ESTABLISHED', ...assured, '-n', '203.0.113.1');
  create('tcp', '10.0.2.6', to, ...ports(4001, 80), '--state', 'ESTABLISHED', '-n', '203.0.113.1:4999');
  create('tcp', '10.0.2.6', to, ...ports(4002, 80), '--state', 'ESTABLISHED', '-g', '203.0.113.2:8080');
  create('udp', '10.0.2.6', to, ...ports(4003, 80), '-n', '203.0.113.1', '-g', '203.0.113.2');
  create('tcp', 'fd00::9', to6, ...ports(4000, 80), '--state', 'ESTABLISHED', '-n', '2001:db8::1');
  create('tcp', 'fd00::9', to6, ...ports(4001, 80), '--state', 'ESTABLISHED', '-g', '[2001:db8::2]:8080');

  // The same tuple twice: only the zone tells them apart. Not so with a zone for one direction: the tuple of the other
  // is in zone 0, where it must be free (EEXIST).
  create('udp', '10.0.2.7', to, ...ports(5000, 53));
  create('udp', '10.0.2.7', to, ...ports(5000, 53), '-w', 7);
  create('udp', '10.0.2.7', to, ...ports(5001, 53), '--orig-zone', 8, '-m', 3);
  create('udp', '10.0.2.7', to, ...ports(5002, 53), '--reply-zone', 65535);
  create('tcp', 'fd00::a', to6, ...ports(5000, 80), '--state', 'ESTABLISHED', '-w', 7);
}

async function datagramFlows(held: Held): Promise<void> {
  const REGISTER =
    'REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:45060;branch=z9hG4bK1\r\n' +
    'From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n' +
    'Contact: <sip:a@127.0.0.2:45066>\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n';
  // [port, payload, answered, the port it is answered on when DNAT moved it]
  const flows: [number, string, boolean, number?][] = [
    [9000, 'plain', false],
    [9001, 'labels', true],
    [9002, 'labels', false],
    [9011, 'zone', true],
    [9012, 'original zone', true],
    [9013, 'reply zone', true],
    [9021, 'dnat', true, 9022],
    [9023, 'snat', true],
    // An RRQ: the helper expects the server's answer from another port.
    [69, '\0\x01file\0octet\0', false],
    [5060, REGISTER, false],
  ];
  for (const [from, to, family] of [
    ['127.0.0.2', '127.0.0.1', 'udp4'],
    ['::1', '::1', 'udp6'],
  ] as const) {
    for (const [port, payload, answered, server = port] of flows) {
      // The contact in the registration is an IPv4 address.
      if (family === 'udp6' && port === 5060) continue;
      const listener = await datagram(held, family, server, to);
      const sender = await datagram(held, family, (port < 9000 ? 40_000 : 36_000) + port, from);
      const arrives = once(listener, 'message');
      sender.send(payload, port, to);
      const [, peer] = await arrives;
      if (answered) {
        const answer = once(sender, 'message');
        listener.send('answer', peer.port, peer.address);
        await answer;
      }
    }
  }
}

async function datagram(held: Held, family: 'udp4' | 'udp6', port: number, address: string): Promise<Datagram> {
  const socket = createSocket(family);
  held.datagrams.push(socket);
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket;
}

/** Real FTP control connections, whose helper reads the server's answers and expects the data connections. */
async function ftpFlows(held: Held): Promise<void> {
  const keep = (socket: Socket): Socket => {
    held.sockets.add(socket);
    socket.setNoDelay(true);
    // The disposer resets one end, the other sees ECONNRESET.
    socket.on('error', () => {});
    return socket;
  };
  const listen = async (port: number, host: string, accept: (socket: Socket) => void): Promise<void> => {
    const server = createServer((socket) => accept(keep(socket)));
    held.servers.push(server);
    server.listen(port, host);
    await once(server, 'listening');
  };
  const open = async (localAddress: string, localPort: number, host: string, port: number): Promise<Socket> => {
    const socket = keep(connect({ host, port, localAddress, localPort }));
    await once(socket, 'connect');
    return socket;
  };
  const line = async (socket: Socket): Promise<string> => String((await once(socket, 'data'))[0]).trim();
  const ask = async (socket: Socket, command: string): Promise<string> => {
    const answer = line(socket);
    socket.write(`${command}\r\n`);
    return await answer;
  };

  for (const host of ['127.0.0.1', '::1']) {
    await listen(21, host, (socket) => {
      socket.write('220 ready\r\n');
      // Fixed ports, so that the expectations are the same each time: 1, 2, ... above the client's.
      let passive = socket.remotePort!;
      socket.on('data', (data) => {
        const command = String(data).trim();
        passive += command === 'PASV' || command === 'EPSV' ? 1 : 0;
        if (command === 'PASV') {
          socket.write(`227 Entering Passive Mode (127,0,0,1,${passive >> 8},${passive & 255})\r\n`);
        } else if (command === 'EPSV') {
          socket.write(`229 Entering Extended Passive Mode (|||${passive}|)\r\n`);
        } else {
          socket.write('230 ok\r\n');
        }
      });
    });
  }

  const control = async (from: string, fromPort: number, host: string, port: number): Promise<Socket> => {
    const socket = keep(connect({ host, port, localAddress: from, localPort: fromPort }));
    // Listening before the connection is there: the greeting comes with it.
    await line(socket);
    await ask(socket, 'USER a');
    return socket;
  };

  // The first expectation of each is used up by a data connection, which so gets a master; the second stays.
  const v4 = await control('127.0.0.2', 40_100, '127.0.0.1', 21);
  await ask(v4, 'PASV');
  await listen(40_101, '127.0.0.1', () => {});
  await open('127.0.0.2', 40_200, '127.0.0.1', 40_101);
  await ask(v4, 'PASV');

  const v6 = await control('::1', 40_110, '::1', 21);
  await ask(v6, 'EPSV');
  await listen(40_111, '::1', () => {});
  await open('::1', 40_210, '::1', 40_111);
  await ask(v6, 'EPSV');

  // Behind DNAT the helper writes 127,0,0,100 into the answer, two bytes more: the flow gets a sequence adjustment.
  const nat = await control('127.0.0.2', 40_120, '127.0.0.100', 2121);
  await ask(nat, 'PASV');

  await until(() => sh('conntrack', '-L', 'expect').split('\n').length > 4, { what: 'the expectations' });
}

/**
 * One real TCP connection from `localAddress` to 127.0.0.1:`port`: opened, one line each way, closed by the client,
 * then by the server. Resolves when both ends are closed; its flow is then on the way to TIME_WAIT (120 s), so for a
 * DESTROY delete it, or wait with a shorter nf_conntrack_tcp_timeout_time_wait. `localPort` is the kernel's choice
 * unless given; a given one is not free again for a minute.
 */
export async function tcpConnection(
  port: number,
  { localAddress = '127.0.0.2', localPort }: { localAddress?: string; localPort?: number } = {},
): Promise<{ localAddress: string; localPort: number }> {
  const server = createServer((socket) => {
    socket.on('data', () => socket.write('pong\n'));
    socket.on('end', () => socket.end());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const closed = once(server, 'close');
  try {
    const client = connect({ host: '127.0.0.1', port, localAddress, localPort });
    const ended = once(client, 'close');
    await once(client, 'connect');
    const from = { localAddress: client.localAddress!, localPort: client.localPort! };
    const answer = once(client, 'data');
    client.write('ping\n');
    await answer;
    client.end();
    await ended;
    return from;
  } finally {
    server.close();
    await closed;
  }
}

/**
 * `count` new UDP flows (at most 65,536) as fast as one socket sends: 127.0.0.2:45000 -> 127.7.x.y:9, each of one
 * datagram that nobody answers. For tables of some size and for overruns.
 */
export async function storm(count: number): Promise<void> {
  const held: Held = { sockets: new Set(), servers: [], datagrams: [] };
  const socket = await datagram(held, 'udp4', 45_000, '127.0.0.2');
  for (let start = 0; start < count; start += 256) {
    const batch = Array.from({ length: Math.min(256, count - start) }, (_, at) => start + at);
    await Promise.all(
      batch.map(
        (n) =>
          new Promise<void>((resolve, reject) => {
            // ECONNREFUSED and the like are for a connected socket; an error here is one of the send itself.
            socket.send('', 9, `127.7.${n >> 8}.${n & 255}`, (error) => (error ? reject(error) : resolve()));
          }),
      ),
    );
  }
  await new Promise<void>((resolve) => socket.close(resolve));
}
