// Counterpart of conntrack_dump in libnetfilter_conntrack's own names: a callback gets each flow.
import * as nfct from 'ctnetlink/nfct';
import { AF_INET } from 'ctnetlink/uapi';

const h = await nfct.nfct_open(nfct.CONNTRACK, 0);
nfct.nfct_callback_register(h, nfct.NFCT_T_ALL, (_type, ct) => {
  console.log(nfct.nfct_snprintf(ct, nfct.NFCT_T_UNKNOWN, nfct.NFCT_O_DEFAULT, nfct.NFCT_OF_SHOW_LAYER3));
  return nfct.NFCT_CB_CONTINUE;
});
await nfct.nfct_query(h, nfct.NFCT_Q_DUMP, AF_INET);
nfct.nfct_close(h);
