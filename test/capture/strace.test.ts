import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { readCapture } from '../../src/capture/capture.ts';
import { messages } from '../../src/capture/messages.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { type FormatFlowOptions, formatFlow } from '../../src/format/plain.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { CAPTURES, captureBytes } from '../support/captures.ts';
import { message } from '../support/fake-transport.ts';

const read = (log: string): ReturnType<typeof readCapture> => readCapture(new TextEncoder().encode(log));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const REQUEST = message(7, [0, 0, 0, 0], { type: 0x101, flags: 0x301 });
const DONE = message(7, [0, 0, 0, 0], { type: 3, flags: 2 });

/** The bytes as strace dumps them. */
function dump(bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = Array.from(bytes.subarray(at, at + 16));
    const digits = row.map((byte, index) => `${byte.toString(16).padStart(2, '0')} ${index === 7 ? ' ' : ''}`).join('');
    const text = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    rows.push(` | ${at.toString(16).padStart(5, '0')}  ${digits.padEnd(50)}${text.padEnd(16)} |\n`);
  }
  return rows.join('');
}

const octal = (bytes: Uint8Array): string => Array.from(bytes, (byte) => `\\${byte.toString(8)}`).join('');
const escaped = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');

const SOCKET = 'socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER) = 3\n';
const ROUTE = 'socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 4\n';
const iov = (text: string, length: number): string => `{iov_base=${text}, iov_len=${length}}`;
const msghdr = (...parts: string[]): string =>
  `{msg_name={sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, msg_namelen=12, msg_iov=[${parts.join(', ')}], msg_iovlen=${parts.length}, msg_controllen=0, msg_flags=0}`;

describe('logs of strace', () => {
  const LOGS: [name: string, options: FormatFlowOptions, socket: number | undefined, sent: number, timed: boolean][] = [
    ['strace-L', {}, 17696, 20, false],
    ['strace-f', {}, 21519, 20, true],
    ['strace-tt', { id: true }, 21524, 20, false],
    ['strace-r', {}, undefined, 96, false],
  ];
  for (const [name, options, socket, sent, timed] of LOGS) {
    it(`${name}.log has the flows that conntrack printed`, () => {
      const { datagrams, format, skipped } = readCapture(captureBytes(`${name}.log`));
      expect(format).to.equal('strace');
      expect(skipped).to.deep.equal({ truncated: 0, broken: 0, otherFamilies: 0, otherLinkTypes: 0, cut: undefined });
      expect(datagrams.map(({ fromKernel }) => fromKernel).slice(0, 2)).to.deep.equal([false, true]);
      expect(datagrams[0].bytes).to.have.length(sent);
      for (const each of datagrams) {
        expect(each.socket).to.equal(socket);
        expect(each.time !== undefined).to.equal(timed);
      }
      const lines = datagrams
        .filter(({ fromKernel }) => fromKernel)
        .flatMap(({ bytes }) => messages(bytes))
        .filter((bytes) => bytes[5] === 1)
        .map((bytes) => `${formatFlow(decodeFlow(viewOf(bytes), 0, bytes.length), options)}\n`);
      // The kernel does not send how often a flow is used: conntrack's own use= stays out of it.
      const strip = (text: string): string => text.replace(/ use=\d+/g, '');
      expect(strip(lines.join(''))).to.equal(strip(readFileSync(`${CAPTURES}${name}.txt`, 'utf8')));
    });
  }

  it('count what strace has decoded without its bytes', () => {
    const { datagrams, skipped } = readCapture(captureBytes('strace-decoded.log'));
    expect(skipped.truncated).to.equal(3);
    expect(datagrams, 'losses').to.have.length(2);
  });

  it('are read with every prefix, by process, and as they go on', () => {
    for (const prefix of [
      '',
      '[pid  123] ',
      '123 ',
      '123<conntrack> ',
      '12:34:56 ',
      '12:34:56.123456 ',
      '     0.000123 ',
    ]) {
      const log = `${SOCKET}${prefix}sendto(3, [{nlmsg_len=20}], 20, 0, {sa_family=AF_NETLINK}, 12) = 20\n${dump(REQUEST)}`;
      const { datagrams } = read(log);
      expect(datagrams, prefix).to.deep.equal([{ fromKernel: false, time: undefined, bytes: REQUEST }]);
    }
    const threads = `${SOCKET}${ROUTE}[pid 1] 1700000000.500000 sendto(3, [{nlmsg_len=20}], 20, 0, NULL, 0 <unfinished ...>
[pid 2] 1700000000.600000 sendto(4, [{nlmsg_len=20}], 20, 0, NULL, 0 <unfinished ...>
[pid 2] 1700000000.700000 <... sendto resumed>) = 20
${dump(REQUEST)}[pid 1] 1700000000.800000 <... sendto resumed>) = 20
${dump(REQUEST)}`;
    const { datagrams, skipped } = read(threads);
    expect(datagrams).to.deep.equal([{ fromKernel: false, time: 1_700_000_000_500_000_000n, bytes: REQUEST }]);
    expect(skipped.otherFamilies).to.equal(1);
  });

  it('have several buffers in a datagram, and several datagrams in a call', () => {
    const buffers = ` * 16 bytes in buffer 0\n${dump(REQUEST.subarray(0, 16))} * 4 bytes in buffer 1\n${dump(REQUEST.subarray(16))}`;
    const log = `${SOCKET}sendmsg(3, ${msghdr(iov('"..."', 16), iov('"..."', 4))}, 0) = 20\n${buffers}`;
    expect(read(log).datagrams.map(({ bytes }) => hex(bytes))).to.deep.equal([hex(REQUEST)]);
    const many = `${SOCKET}recvmmsg(3, [{}], 2, MSG_DONTWAIT, NULL) = 2 (left NULL)
 = 1 buffers in vector 0\n * 20 bytes in buffer 0\n${dump(DONE)} = 1 buffers in vector 1\n * 20 bytes in buffer 0\n${dump(REQUEST)}`;
    expect(read(many).datagrams).to.deep.equal([
      { fromKernel: true, time: undefined, bytes: DONE },
      { fromKernel: true, time: undefined, bytes: REQUEST },
    ]);
  });

  it('have the bytes in their strings where those are whole', () => {
    for (const write of [octal, escaped]) {
      const log = `${SOCKET}sendto(3, "${write(REQUEST)}", 20, 0, NULL, 0) = 20
sendmsg(3, ${msghdr(iov(`"${write(REQUEST.subarray(0, 16))}"`, 16), iov(`"${write(REQUEST.subarray(16))}"`, 4))}, 0) = 20
recvmsg(3, ${msghdr(iov(`"${write(DONE)}"`, 8192))}, 0) = 20
recvfrom(3, "${write(DONE.subarray(0, 10))}"..., 8192, 0, NULL, NULL) = 20\n`;
      const { datagrams, skipped } = read(log);
      expect(datagrams.slice(0, 3).map(({ bytes }) => hex(bytes))).to.deep.equal([
        hex(REQUEST),
        hex(REQUEST),
        hex(DONE),
      ]);
      expect(skipped.truncated).to.equal(1);
    }
  });

  it('leave out what is not from or to the kernel, not of netfilter, or only looked at', () => {
    const log = `${SOCKET}${ROUTE}sendto(4, [], 20, 0, NULL, 0) = 20\n${dump(message(1, [0, 0, 0, 0], { type: 18, flags: 0x301 }))}
write(1, "udp 17", 20) = 20\n${dump(REQUEST.map((byte) => byte ^ 0x55))}
recvfrom(3, [], 8192, MSG_PEEK|MSG_TRUNC, NULL, NULL) = 20\n${dump(DONE)}
recvmsg(3, {msg_name={sa_family=AF_NETLINK, nl_pid=99, nl_groups=00000000}, msg_iov=[]}, 0) = 20\n${dump(DONE)}
recvmsg(3, 0x7ffd, 0) = -1 EAGAIN (Resource temporarily unavailable)
close(3) = 0
socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3
sendto(3, "GET / HTTP/1.1", 20, 0, NULL, 0) = 20\n${dump(REQUEST)}
sendto(5, [], 20, 0, NULL, 0) = 20\n${dump(REQUEST)}
sendto(6<NETLINK:[ROUTE:5]>, [], 20, 0, NULL, 0) = 20\n${dump(REQUEST)}
sendto(7<NETLINK:[NETFILTER:4000000000]>, [], 20, 0, NULL, 0) = 20\n${dump(REQUEST)}`;
    const { datagrams, skipped } = read(log);
    expect(datagrams).to.deep.equal([
      { fromKernel: false, time: undefined, bytes: REQUEST },
      { fromKernel: false, time: undefined, bytes: REQUEST, socket: 4_000_000_000 },
    ]);
    expect(skipped).to.include({ otherFamilies: 2, broken: 0, truncated: 0 });
  });
});
