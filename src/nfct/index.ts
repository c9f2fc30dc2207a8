/**
 * ctnetlink/nfct: libnetfilter_conntrack (1.1.0) for JavaScript, for programs that move from C and for who knows that
 * library. Names, numbers and meanings are C's; what waits for the kernel returns a promise, and what is -1 with an
 * errno in C rejects with it.
 */
export * from '../ctnetlink/attr.ts';
export type { Flow } from '../ctnetlink/flow.ts';
export type { nlmsghdr } from '../netlink/nlmsg.ts';
export * from './callback.ts';
export {
  type AttrValue,
  nfct_attr_is_set,
  nfct_attr_is_set_array,
  nfct_attr_unset,
  nfct_clone,
  nfct_destroy,
  nfct_get_attr,
  nfct_get_attr_u8,
  nfct_get_attr_u16,
  nfct_get_attr_u32,
  nfct_get_attr_u64,
  nfct_new,
  nfct_set_attr,
  nfct_set_attr_l,
  nfct_set_attr_u8,
  nfct_set_attr_u16,
  nfct_set_attr_u32,
  nfct_set_attr_u64,
} from './conntrack.ts';
export * from './constants.ts';
export {
  type nfct_filter_dump,
  nfct_filter_dump_create,
  nfct_filter_dump_destroy,
  type nfct_filter_dump_mark,
  nfct_filter_dump_set_attr,
  nfct_filter_dump_set_attr_u8,
  nfct_filter_dump_set_attr_u16,
} from './filter-dump.ts';
export type { ConntrackCallback, ConntrackCallback2, NfctHandle } from './handle.ts';
export * from './inet.ts';
export * from './objopt.ts';
export * from './query.ts';
export * from './snprintf.ts';
