/** The connection tracking helpers of Linux: what each is for, and what it may expect. Measured on Linux 6.18. */
import { ORIG } from '../ctnetlink/slots.ts';
import { IPPROTO_TCP, IPPROTO_UDP } from '../uapi/in.ts';
import { AF_INET, AF_INET6 } from '../uapi/socket.ts';
import type { Entry } from './entry.ts';

/** struct nf_conntrack_expect_policy. */
export interface ExpectPolicy {
  /** Expectations that a flow has at most; the oldest goes when another comes. */
  readonly most: number;
  /** Seconds. */
  readonly timeout: number;
}

export interface Helper {
  readonly name: string;
  readonly protocols: readonly number[];
  readonly families: readonly number[];
  /** By class. */
  readonly policies: readonly ExpectPolicy[];
}

const BOTH = [AF_INET, AF_INET6];
const IPV4 = [AF_INET];
const TCP = [IPPROTO_TCP];
const UDP = [IPPROTO_UDP];

function helper(
  name: string,
  protocols: readonly number[],
  families: readonly number[],
  ...policies: readonly (readonly [most: number, timeout: number])[]
): Helper {
  return { name, protocols, families, policies: policies.map(([most, timeout]) => ({ most, timeout })) };
}

const HELPERS: readonly Helper[] = [
  helper('ftp', TCP, BOTH, [1, 300]),
  helper('tftp', UDP, BOTH, [1, 300]),
  helper('sip', [...TCP, ...UDP], BOTH, [1, 180], [4, 180], [4, 180], [2, 180]),
  helper('irc', TCP, IPV4, [8, 300]),
  helper('amanda', UDP, BOTH, [4, 180]),
  helper('RAS', UDP, BOTH, [32, 240]),
  helper('Q.931', TCP, BOTH, [20, 240]),
  helper('H.245', UDP, BOTH, [18, 240]),
  helper('pptp', TCP, IPV4, [2, 300]),
  helper('netbios-ns', UDP, IPV4, [1, 3]),
  helper('snmp', UDP, IPV4, [1, 30]),
  helper('snmp_trap', UDP, IPV4, [Number.POSITIVE_INFINITY, 180]),
  helper('sane', TCP, BOTH, [1, 300]),
];

/** CTA_EXPECT_FN: the functions that the kernel can call when an expected flow comes. */
export const EXPECT_FUNCTIONS: readonly string[] = ['nat-follow-master', 'Q.931', 'callforwarding', 'sip'];

/** __nf_conntrack_helper_find: the helper of this name for the protocol of a flow. */
export function helperOf(name: string, { family, slots }: Pick<Entry, 'family' | 'slots'>): Helper | undefined {
  const protocol = slots[ORIG.proto] as number;
  return HELPERS.find(
    (each) => each.name === name && each.families.includes(family) && each.protocols.includes(protocol),
  );
}
