/** What the kernel's errno means for each operation, and what to do: the sentence in a KernelError. */
import { errnoName } from '../netlink/errors.ts';

type Sentences = Readonly<Record<string, string>>;

const ANY: Sentences = {
  EPERM:
    'connection tracking needs CAP_NET_ADMIN in the user namespace that owns the network namespace: run as root, give the program the capability, or try it under `unshare -rn`',
  EINVAL:
    'the kernel refused the request; an attribute is missing or out of its range, or its connection tracking module is still being loaded',
  ENOBUFS: 'the receive buffer overran and replies were lost',
  ENOMEM: 'the kernel is out of memory, or the table is full (net.netfilter.nf_conntrack_max)',
  EOPNOTSUPP: 'this kernel does not support the request',
  ENOENT: 'no such flow',
};

const UPDATE: Sentences = {
  EOPNOTSUPP: 'NAT, master and helper can be given only when a flow is created',
  EBUSY: 'status bits can only be set, never cleared, and another helper cannot take the place of the one attached',
  EPERM: `${ANY.EPERM}; or the flow has IPS_FIXED_TIMEOUT, whose timeout cannot be changed`,
  ENOSPC:
    'this flow has no room for labels: no rule of this network namespace uses them (load a ruleset that does first), or the flow is older than the first rule that does (only flows that begin later have room)',
  ERANGE:
    'a TCP state or window scale is out of its range (window scales go up to 14), or labels have more than 128 bits (16 bytes)',
};

/** Of expectations, where they differ from flows. */
const EXPECTATIONS: Sentences = {
  ENOENT: 'no such expectation; the zone is that of its master',
};

const CREATE_EXPECTATION: Sentences = {
  EEXIST: 'an expectation of this tuple exists already; createOrUpdate gives it a new timeout',
  ENOENT: 'the master flow does not exist; its tuple and its zone must match exactly',
  EOPNOTSUPP: 'the master flow has no helper',
  EINVAL:
    'the expected tuple, its mask, the master and a timeout are needed, of TCP and UDP with both ports and none with a zone of its own; the class must be one of the helper, and the function one that the kernel has',
  EBUSY: 'the expectation clashes with another one that overlaps it',
};

const CREATE: Sentences = {
  EEXIST: 'a flow with one of these tuples exists already; createOrUpdate changes it',
  EINVAL:
    'both tuples, their protocol and a timeout are needed, the protocols must be equal, zones must not contradict each other, and an ICMP type must be one that starts a flow',
  EOPNOTSUPP: 'no helper of that name is in this kernel, or the master flow has no helper',
  EBUSY: 'status bits that only the kernel sets cannot be given',
  ENOENT: 'the master flow does not exist',
  ENOSPC: UPDATE.ENOSPC,
  ERANGE: UPDATE.ERANGE,
};

const OPERATIONS: Readonly<Record<string, Sentences>> = {
  create: CREATE,
  restore: {
    ...CREATE,
    EEXIST:
      'a flow with one of these tuples exists already, which packets may have created meanwhile; delete it, and restore this one again',
    EOPNOTSUPP: 'this kernel cannot translate addresses',
  },
  update: UPDATE,
  createOrUpdate: UPDATE,
  delete: {
    EBUSY: 'the flow is dying',
  },
  flush: { EOPNOTSUPP: 'this kernel cannot flush by that filter' },
  'expectations.create': CREATE_EXPECTATION,
  'expectations.createOrUpdate': {
    ...CREATE_EXPECTATION,
    EEXIST: 'another expectation takes this tuple: one of another master, helper, class or mask',
  },
  'expectations.restore': {
    ...CREATE_EXPECTATION,
    EEXIST: 'an expectation of this tuple exists already',
    ENOENT: 'the master flow does not exist; restore it first, or give its zone, which the kernel does not report',
  },
  'expectations.get': EXPECTATIONS,
  'expectations.delete': EXPECTATIONS,
  dump: { EOPNOTSUPP: 'this kernel cannot filter by that', EBUSY: 'another dump runs on this socket' },
};

/** The sentence, or undefined if the name says it all. `operation` is a QueryName, an ExpectationQuery or 'join'. */
export function explainKernelError(operation: string, errno: number): string | undefined {
  const code = errnoName(errno);
  return OPERATIONS[operation]?.[code] ?? ANY[code];
}
