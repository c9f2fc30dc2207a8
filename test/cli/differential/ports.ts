import { MIXED } from './state.ts';
import type { Topic } from './topic.ts';

const TCP = '-s 10.0.0.1 -d 10.0.1.1 -p tcp';
const NEW = '-s 1.1.1.1 -d 2.2.2.2 -p udp -t 500';

const SEVERAL: readonly string[] = [
  '-p udp --dport 53:54,80',
  '-p udp --dport 52:53',
  '-p udp --dport 54,53',
  '-p tcp --dport 22,443,80',
  '-p tcp --dport 1:65535',
  '-p tcp --sport 1000:1002',
  '-p tcp --orig-port-src 1000,1003 --orig-port-dst 22:80',
  '-p tcp --reply-port-src 81,8080',
  '-p tcp --reply-port-dst 2000:2222',
  '-p udp --orig-port-src 1001,2000 -s 10.0.0.0/8',
  '-p udp --dport 53:54 -m 0',
  '-f ipv6 -p tcp --sport 1000:1001',
  '-f ipv6 -p udp --dport 50:60',
  '-p sctp --sport 4:5',
  '-p udplite --dport 1,6',
];

const BAD: readonly string[] = ['53:', '53,', '53-54', '54:53', '53:54:55', '53;54', '53:65536', '53,x', '53,,54'];

/** conntrack(8) reads the first port of each, and creates or selects by that. */
export const SEVERAL_PORTS: readonly string[] = [
  ...SEVERAL.map((selection) => `-L ${selection}`),
  ...SEVERAL.map((selection) => `-D ${selection}`),
  ...SEVERAL.map((selection) => `-U -f ipv4 ${selection.replace('-f ipv6 ', '').replace('-m 0', '')} -m 0x77`),
  ...BAD.map((bad) => `-L -p udp --dport ${bad}`),
  ...BAD.map((bad) => `-D -p udp --dport ${bad}`),
  `-G ${TCP} --sport 1000 --dport 80:81`,
  `-G ${TCP} --sport 1000,1001 --dport 80`,
  ...['-I', '-A'].flatMap((command) => [
    `${command} ${NEW} --sport 1 --dport 53:54`,
    `${command} ${NEW} --sport 1,2 --dport 53`,
    `${command} ${NEW} --sport 1:1 --dport 53`,
    `${command} ${NEW} --sport 1 --dport 53 -r 2.2.2.2 -q 1.1.1.1 --reply-port-src 53,54 --reply-port-dst 1`,
  ]),
];

export const PORTS: Topic[] = [
  {
    title: 'several ports',
    changes: true,
    // conntrack(8) does not find a flow of another zone when it changes it.
    state: MIXED.filter((line) => !/ -w |zone/.test(line) || / --orig-zone 4/.test(line)),
    lines: SEVERAL_PORTS,
  },
];
