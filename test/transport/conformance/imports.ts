/** What the programs of program.ts import. */
export { buildDump } from '../../../src/ctnetlink/request/flow.ts';
export { Conntrack, openTransport } from '../../../src/index.ts';
export { NetlinkSocket } from '../../../src/netlink/socket.ts';
export {
  NFCT_CB_STOP,
  NFCT_Q_DUMP,
  NFCT_T_ALL,
  nfct_callback_register,
  nfct_catch,
  nfct_open_nfnl,
  nfct_query,
  nfct_send,
} from '../../../src/nfct/index.ts';
export { flood, flow } from './flows.ts';
