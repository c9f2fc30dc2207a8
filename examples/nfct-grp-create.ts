// Counterpart of conntrack_grp_create in libnetfilter_conntrack's own names: attributes that belong together are set in
// one call.
import * as nfct from 'ctnetlink/nfct';
import { AF_INET, IPPROTO_TCP, TCP_CONNTRACK_SYN_SENT } from 'ctnetlink/uapi';

const ct = nfct.nfct_new();
const addresses = { src: nfct.inet_addr('192.0.2.1'), dst: nfct.inet_addr('198.51.100.2') };
nfct.nfct_set_attr_u8(ct, nfct.ATTR_L3PROTO, AF_INET);
nfct.nfct_set_attr_grp(ct, nfct.ATTR_GRP_ORIG_IPV4, addresses);
nfct.nfct_set_attr_u8(ct, nfct.ATTR_L4PROTO, IPPROTO_TCP);
nfct.nfct_set_attr_grp(ct, nfct.ATTR_GRP_ORIG_PORT, { sport: nfct.htons(40004), dport: nfct.htons(443) });
nfct.nfct_setobjopt(ct, nfct.NFCT_SOPT_SETUP_REPLY);
nfct.nfct_set_attr_u8(ct, nfct.ATTR_TCP_STATE, TCP_CONNTRACK_SYN_SENT);
nfct.nfct_set_attr_u32(ct, nfct.ATTR_TIMEOUT, 100);

const h = await nfct.nfct_open(nfct.CONNTRACK, 0);
await nfct.nfct_query(h, nfct.NFCT_Q_CREATE, ct);
console.log(nfct.nfct_snprintf(ct, nfct.NFCT_T_NEW, nfct.NFCT_O_DEFAULT, 0));
nfct.nfct_close(h);
