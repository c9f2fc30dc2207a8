/** Flows of every kind that a request can make, for tests that take any. */

import { SCTP_STATES, TCP_STATES } from '../../src/ctnetlink/names.ts';
import { type FlowInit, STATUS_BITS } from '../../src/index.ts';
import type { Random } from './random.ts';

const TCP = Object.keys(TCP_STATES) as (keyof typeof TCP_STATES)[];
/** The kernel takes HEARTBEAT_ACKED no more. */
const SCTP = Object.keys(SCTP_STATES).filter((name) => name !== 'HEARTBEAT_ACKED') as (keyof typeof SCTP_STATES)[];
const KINDS = ['tcp', 'tcp', 'udp', 'udplite', 'sctp', 'dccp', 'gre', 'icmp', 'other'] as const;
/** Helpers that Linux has, by protocol. */
const HELPERS = { tcp: ['ftp', 'irc', 'pptp', 'sip', 'sane'], udp: ['tftp', 'sip', 'amanda', 'snmp'] } as const;

type Nat = 'none' | 'src' | 'src port' | 'dst' | 'dst port' | 'both' | 'same';

/** The nth flow of a test: its source is its own. */
export function randomFlow(random: Random, n: number): FlowInit {
  const six = random.oneIn(3);
  const kind = random.pick(KINDS);
  const address = (net: number, host: number): string =>
    six ? `fd00:${net}::${(host + 1).toString(16)}` : `10.${net}.${host >> 8}.${host & 255}`;
  const port = (): number => random.between(1, 65535);
  const orig: NonNullable<FlowInit['orig']> = { src: address(1, n), dst: address(2, 1 + random.below(20)) };
  const flow: FlowInit = { orig, timeout: random.between(50_000, 400_000) };
  switch (kind) {
    case 'icmp':
      Object.assign(orig, { proto: six ? 'icmpv6' : 'icmp', icmpType: six ? 128 : random.pick([8, 13]), icmpCode: 0 });
      orig.icmpId = port();
      break;
    case 'other':
      // IGMP, IP in IP, ESP, AH, OSPF, VRRP and what has no name.
      Object.assign(orig, { proto: random.pick([2, 4, 50, 51, 89, 112, 253]) });
      break;
    default:
      Object.assign(orig, { proto: kind, sport: port(), dport: port() });
  }
  if (kind === 'tcp') flow.tcp = randomTcp(random);
  if (kind === 'sctp') flow.sctp = { state: random.pick(SCTP), vtagOrig: random.uint32(), vtagReply: random.uint32() };
  const nat: Nat = random.pick(['none', 'none', 'src', 'src port', 'dst', 'dst port', 'both', 'same'] as const);
  const ports = kind !== 'icmp' && kind !== 'other' && kind !== 'gre';
  if (nat === 'src' || nat === 'src port' || nat === 'both') flow.snat = { minAddress: address(3, n) };
  if (nat === 'dst' || nat === 'dst port' || nat === 'both') flow.dnat = { minAddress: address(4, n) };
  if (nat === 'src port' && (ports || kind === 'icmp')) flow.snat!.minPort = port();
  if (nat === 'dst port' && ports) flow.dnat!.minPort = port();
  if (nat === 'both' && ports) flow.dnat!.minPort = port();
  // As NAT leaves a flow that no rule translates.
  if (nat === 'same') flow.snat = { minAddress: orig.src! };
  if (random.oneIn(3)) flow.mark = random.uint32();
  if (random.oneIn(3)) flow.labels = Array.from({ length: random.between(1, 5) }, () => random.below(128));
  const zone = random.between(1, 65535);
  const zoned = random.pick(['no', 'no', 'both', 'orig', 'reply'] as const);
  if (zoned === 'both') flow.zone = zone;
  if (zoned === 'orig') orig.zone = zone;
  if (zoned === 'reply') flow.reply = { zone };
  const status = [0, STATUS_BITS.SEEN_REPLY, STATUS_BITS.SEEN_REPLY | STATUS_BITS.ASSURED];
  flow.status = random.pick(status) | (random.oneIn(8) ? STATUS_BITS.FIXED_TIMEOUT : 0);
  if ((kind === 'tcp' || kind === 'udp') && random.oneIn(5)) flow.helper = { name: random.pick(HELPERS[kind]) };
  const any = (): number => random.uint32();
  if (kind === 'tcp' && random.oneIn(5)) {
    flow.seqadjOrig = { correctionPos: any(), offsetBefore: any(), offsetAfter: any() };
    flow.seqadjReply = { correctionPos: any(), offsetBefore: any(), offsetAfter: any() };
  }
  if (kind === 'tcp' && random.oneIn(5)) flow.synproxy = { isn: any(), its: any(), tsoff: any() };
  return flow;
}

/** With window scales in both directions, in one, or in none, as SYN and answer may have them. */
function randomTcp(random: Random): NonNullable<FlowInit['tcp']> {
  const tcp: NonNullable<FlowInit['tcp']> = { state: random.pick(TCP) };
  if (random.oneIn(3)) return tcp;
  const flags = (): number => random.below(16);
  Object.assign(tcp, { flagsOrig: flags(), maskOrig: 15, flagsReply: flags(), maskReply: 15 });
  if (random.oneIn(2)) Object.assign(tcp, { wscaleOrig: random.below(15), wscaleReply: random.below(15) });
  return tcp;
}
