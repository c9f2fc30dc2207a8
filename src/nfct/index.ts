/**
 * libnetfilter_conntrack (1.1.1) for JavaScript, for programs that are ported from C and for users of that library.
 * Names, numbers and meanings are those of C. A function that waits for the kernel returns a promise. Where C returns
 * -1 and sets errno, it rejects with an error that has the errno.
 * @module ctnetlink/nfct
 * @packageDocumentation
 */
export type { Expectation } from '../ctnetlink/expectation.ts';
export type { Flow } from '../ctnetlink/flow.ts';
export type { nlmsghdr } from '../netlink/nlmsg.ts';
export * from '../uapi/libnetfilter_conntrack.ts';
export * from '../uapi/libnetfilter_conntrack_dccp.ts';
/** libnetfilter_conntrack_tcp.h has four of the kernel's flags, all of which are in ctnetlink/uapi. */
export {
  IP_CT_TCP_FLAG_BE_LIBERAL,
  IP_CT_TCP_FLAG_CLOSE_INIT,
  IP_CT_TCP_FLAG_SACK_PERM,
  IP_CT_TCP_FLAG_WINDOW_SCALE,
} from '../uapi/nf_conntrack_tcp.ts';
export {
  type nfct_bitmask,
  nfct_bitmask_clear,
  nfct_bitmask_clone,
  nfct_bitmask_destroy,
  nfct_bitmask_equal,
  nfct_bitmask_maxbit,
  nfct_bitmask_new,
  nfct_bitmask_set_bit,
  nfct_bitmask_test_bit,
  nfct_bitmask_unset_bit,
} from './bitmask.ts';
export * from './callback.ts';
export { nfct_cmp, nfct_compare } from './compare.ts';
export {
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
export * from './copy.ts';
export * from './deprecated.ts';
export {
  type ExpectAttrValue,
  nfexp_attr_is_set,
  nfexp_attr_unset,
  nfexp_clone,
  nfexp_destroy,
  nfexp_get_attr,
  nfexp_get_attr_u8,
  nfexp_get_attr_u16,
  nfexp_get_attr_u32,
  nfexp_new,
  nfexp_set_attr,
  nfexp_set_attr_u8,
  nfexp_set_attr_u16,
  nfexp_set_attr_u32,
} from './expect.ts';
export * from './expect-compare.ts';
export { nfexp_nlmsg_build, nfexp_nlmsg_parse } from './expect-nlmsg.ts';
export { nfexp_catch, nfexp_query, nfexp_send } from './expect-query.ts';
export {
  type nfct_filter,
  nfct_filter_add_attr,
  nfct_filter_add_attr_u32,
  nfct_filter_attach,
  nfct_filter_create,
  nfct_filter_destroy,
  nfct_filter_detach,
  type nfct_filter_ipv4,
  type nfct_filter_ipv6,
  type nfct_filter_proto,
  nfct_filter_set_logic,
  type nfct_filter_value,
} from './filter.ts';
export {
  type nfct_filter_dump,
  nfct_filter_dump_create,
  nfct_filter_dump_destroy,
  type nfct_filter_dump_mark,
  nfct_filter_dump_set_attr,
  nfct_filter_dump_set_attr_u8,
  nfct_filter_dump_set_attr_u16,
} from './filter-dump.ts';
export * from './group.ts';
export * from './inet.ts';
export * from './labelmap.ts';
export type { NfctHandle } from './nfct-handle.ts';
export { nfct_nlmsg_build, nfct_nlmsg_build_filter, nfct_nlmsg_parse, nfct_payload_parse } from './nlmsg.ts';
export * from './objopt.ts';
export * from './query.ts';
export * from './snprintf.ts';
export type { AttrValue } from './value.ts';
