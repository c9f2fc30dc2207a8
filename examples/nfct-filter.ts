// Counterpart of conntrack_filter in libnetfilter_conntrack's own names: events of TCP connections that are
// established, and are not those of 192.0.2.9; ten or as many as the argument says.
import * as nfct from 'ctnetlink/nfct';
import { IPPROTO_TCP, TCP_CONNTRACK_ESTABLISHED } from 'ctnetlink/uapi';

const filter = nfct.nfct_filter_create();
nfct.nfct_filter_add_attr_u32(filter, nfct.NFCT_FILTER_L4PROTO, IPPROTO_TCP);
const established = { proto: IPPROTO_TCP, state: TCP_CONNTRACK_ESTABLISHED };
nfct.nfct_filter_add_attr(filter, nfct.NFCT_FILTER_L4PROTO_STATE, established);
const host = { addr: nfct.ntohl(nfct.inet_addr('192.0.2.9')), mask: 0xffffffff };
nfct.nfct_filter_set_logic(filter, nfct.NFCT_FILTER_SRC_IPV4, nfct.NFCT_FILTER_LOGIC_NEGATIVE);
nfct.nfct_filter_add_attr(filter, nfct.NFCT_FILTER_SRC_IPV4, host);

const h = await nfct.nfct_open(nfct.CONNTRACK, nfct.NFCT_ALL_CT_GROUPS);
nfct.nfct_filter_attach(h, filter);
let left = Number(process.argv[2] ?? 10);
nfct.nfct_callback_register(h, nfct.NFCT_T_ALL, (type, ct) => {
  console.log(nfct.nfct_snprintf(ct, type, nfct.NFCT_O_DEFAULT, 0));
  return --left === 0 ? nfct.NFCT_CB_STOP : nfct.NFCT_CB_CONTINUE;
});
console.log(`events to wait for: ${left}`);
await nfct.nfct_catch(h);
nfct.nfct_close(h);
