/** Command lines on which ours does otherwise than conntrack(8) 1.4.7 on purpose, and why. */

import { SEVERAL_PORTS } from './ports.ts';
import { NO_NUMBERS } from './values.ts';

/** Reason, then the lines. */
const BY_REASON: Readonly<Record<string, readonly string[]>> = {
  'It ignores a GRE key and takes all GRE flows.': [
    '-L -p gre --srckey 17',
    '-D -p gre --srckey 17',
    '-U -f ipv4 -p gre --srckey 17 -m 0x77',
  ],
  'Of two -u it asks the kernel for the bits of both under the mask of the last, which nothing matches.': [
    '-L -u ASSURED -u SEEN_REPLY',
  ],
  'It deletes the whole table for a status that is none; -L says what ours says.': [
    '-D -u UNSET',
    '-D -u SRC_NAT',
    '-D -u DST_NAT',
  ],
  'It ignores a timeout that stands alone and deletes the whole table; beside a protocol it compares it.': [
    '-D -t 100',
    '-D -t 1000',
  ],
  'It reads a number as far as it goes, takes 0 where there is none, and cuts what is out of range.': NO_NUMBERS,
  'It reads the ports 53:54,80 as 53: no range, no list, and no mistake.': SEVERAL_PORTS,
  'It ignores what is behind the letter of a command; 1.4.9 takes it for more letters.': [
    '-Lexpect',
    '-Lconntrack',
    '-Lx',
    '-LL',
    '-L=expect',
  ],
  'It takes a wrong number, and reports the next mistake.': ['-E -b x -z'],
  'It reads a prefix length as far as it goes; without a digit that selects everything.': [
    ...['1.1.1.1/', '1.1.1.1/+8', '1.1.1.1/ 8', '1.1.1.1/4294967304', 'fd00::1/'].map((network) => `-L -s ${network}`),
    ...['1.1.1.1/', '1.1.1.1/ 8'].map((network) => `-L -d ${network}`),
  ],
  'It takes a protocol behind a space or a sign.': ['-L -p  7', '-L -p +5'].flatMap((line) => [
    line,
    line.replace('-L', '-I -s 1.1.1.1 -d 2.2.2.2 -t 100'),
  ]),
  'It flushes both families whatever -f says.': ['-F --family ipv4', '-F -f ipv6', '-F conntrack -f ipv6'],
  'Its help is its own.': ['extra', '-- -L'],
  'It reads a verification tag of 0x10 as 0, and one that is too large as another.': [
    '-I -s 10.0.0.1 -d 10.0.1.1 -p sctp --sport 1000 --dport 80 -t 500 --orig-vtag 1 --reply-vtag 2 --orig-vtag 0x10 --reply-vtag 99999999999 --state CLOSED',
  ],
  'It crashes on a state that it does not know.': [
    '-I -s 10.0.0.1 -d 10.0.1.1 -p sctp --sport 1000 --dport 80 -t 500 --orig-vtag 1 --reply-vtag 2 --state FOO',
    '-I -s 10.0.0.1 -d 10.0.1.1 -p sctp --sport 1000 --dport 80 -t 500 --orig-vtag 1 --reply-vtag 2 --state HEARTBEAT_SENT',
  ],
  'The kernel takes ICMP of the other family, and ours asks it.': [
    '-I -s 10.0.0.1 -d 10.0.1.1 -p icmpv6 -t 500 --icmpv6-type 128 --icmpv6-code 0',
    '-I -s fd00::1 -d fd00::2 -p icmp -t 500 --icmp-type 8 --icmp-code 0',
  ],
  'It makes a flow of protocol 0 where the reply alone is given, and no port of it.': [
    '-I -r 10.0.1.1 -q 10.0.0.9 -p udp --sport 2 --dport 1 -t 100',
  ],
  'It fails on ICMP if only the reply is given.': [
    '-I -r 10.0.1.1 -q 10.0.0.9 -p icmp --icmp-type 8 --icmp-code 0 -t 100',
  ],
  'It fails on -G by, or with, a port of the reply.': [
    '-G -s 10.0.0.1 -d 10.0.1.1 -p tcp --sport 1000 --dport 80 --reply-port-src 80',
    '-G -s 10.0.0.1 -d 10.0.1.1 -p tcp --sport 1000 --dport 80 --reply-port-src 81',
    '-G -r 10.0.1.1 -q 10.0.0.1 -p tcp --reply-port-src 80 --reply-port-dst 1000',
    '-G -s 10.0.0.1 -d 10.0.1.1 -p tcp --reply-port-src 80 --reply-port-dst 1000',
    '-G -r 10.0.1.3 -q 192.0.2.1 -p tcp --reply-port-src 80 --reply-port-dst 2000',
  ],
  'Without an address or -f it asks for a change of no family, which the kernel refuses.': [
    '-U -m 1',
    '-U -p tcp -m 0xff',
  ],
  'If several changes are refused it ends with the error; ours reports each and counts none (1.4.9 counts none either).':
    [
      '-U -f ipv4 -p sctp --state ESTABLISHED -m 0x77',
      '-U -f ipv4 -p sctp --state CLOSED -m 0x77',
      '-U -f ipv4 -p udp -u EXPECTED',
    ],
  'It counts a change that the kernel refuses; 1.4.9 does not.': [
    '-U -s 10.0.0.16 -t 700',
    '-U -s 10.0.0.16 -m 3 -t 1000',
    '-U -f ipv4 -p sctp --state CLOSED',
  ],
  'It looks for an optional argument in the next word only, and takes all labels away.': [
    '-U -f ipv4 -p tcp --label-del=two',
  ],
  'It sends the NAT that it selects by, which the kernel refuses to change.': [
    '-U -n 192.0.2.1 -m 0x77',
    '-U -n 192.0.2.1:2000 -m 0x77',
    '-U -g 192.0.2.2 -m 0x77',
    '-U -g 192.0.2.2:8080 -m 0x77',
    '-U -n 192.0.2.1 -g 192.0.2.2 -m 0x77',
    '-U -g fd00:2::1 -m 0x77',
    '-U -g [fd00:2::1]:8080 -m 0x77',
    '-U -n fd00:2::1 -m 0x77',
  ],
};

export const DIFFERENCES: ReadonlyMap<string, string> = new Map(
  Object.entries(BY_REASON).flatMap(([reason, lines]) => lines.map((line) => [line, reason] as const)),
);
