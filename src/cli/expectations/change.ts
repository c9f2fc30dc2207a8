/** -I and -D of expectations. */
import type { ExpectationInit } from '../../ctnetlink/expectation.ts';
import type { Flow } from '../../ctnetlink/flow.ts';
import type { Context } from '../commands/context.ts';
import type { Settings } from '../options/settings.ts';
import { complain } from '../output.ts';

type Tuple = NonNullable<ExpectationInit['tuple']>;

/** The kernel demands them in every tuple of ICMP and ICMPv6, and no option gives them. */
const ICMP_PARTS = { icmpType: 0, icmpCode: 0, icmpId: 0 } as const;

/** What -s and -d and the rest of the original direction say; of another flow, with its protocol. */
function tupleOf({ flow }: Settings, of: Flow = flow): Tuple {
  const { proto } = flow.orig;
  return { proto, ...(proto === 'icmp' || proto === 'icmpv6' ? ICMP_PARTS : {}), ...of.toJSON().orig };
}

/** The expectation that these options name for -G and -D: the flow that it would take. */
export function named(settings: Settings): ExpectationInit {
  return { tuple: tupleOf(settings) };
}

/**
 * What is expected has the protocol that -p says. conntrack(8) 1.4.7 makes one of a port's upper byte with -p tcp, sctp
 * and dccp, and 0 where there are no ports. The statuses of -u are those of flows: they are read and not sent.
 */
export async function createExpectation({ ct, settings }: Context): Promise<number> {
  const { flow, expected, mask } = settings;
  await ct.expectations.create({
    tuple: tupleOf(settings, expected),
    mask: tupleOf(settings, mask),
    master: tupleOf(settings),
    timeout: flow.timeout,
  });
  return 0;
}

/** What conntrack(8) prints about an expectation that it deleted, and its exit status then. */
export async function deleteExpectation({ ct, settings }: Context): Promise<number> {
  await ct.expectations.delete(named(settings));
  complain('0 expectations have been shown.');
  return 1;
}
