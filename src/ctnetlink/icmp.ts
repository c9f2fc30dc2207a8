/**
 * ICMP and ICMPv6 types that come in pairs: request -> answer, both ways. They are what connection tracking tracks
 * (invmap in nf_conntrack_proto_icmp.c and nf_conntrack_proto_icmpv6.c); a tuple of another type is EINVAL, also in a
 * filter.
 */
export const ICMP_ANSWERS: Readonly<Record<number, number>> = {
  0: 8,
  8: 0,
  13: 14,
  14: 13,
  15: 16,
  16: 15,
  17: 18,
  18: 17,
};
export const ICMPV6_ANSWERS: Readonly<Record<number, number>> = { 128: 129, 129: 128, 139: 140, 140: 139 };
