/** The rows of CTA_PROTOINFO: the state of TCP (CTA_PROTOINFO_TCP), SCTP and DCCP. */
import * as attr from '../../uapi/libnetfilter_conntrack.ts';
import type { FlowRow } from './row.ts';
import type { WirePath } from './wire-path.ts';

const TCP = ['CTA_PROTOINFO', 'CTA_PROTOINFO_TCP'] as const;
const SCTP = ['CTA_PROTOINFO', 'CTA_PROTOINFO_SCTP'] as const;
const DCCP = ['CTA_PROTOINFO', 'CTA_PROTOINFO_DCCP'] as const;

/** In the order in which they are written. */
export const PROTOINFO_ROWS: readonly FlowRow[] = [
  { id: attr.ATTR_TCP_STATE, property: 'tcp.state', kind: 'tcpState', path: [...TCP, 'CTA_PROTOINFO_TCP_STATE'] },
  {
    id: attr.ATTR_TCP_FLAGS_ORIG,
    property: 'tcp.flagsOrig',
    kind: 'pair',
    path: [...TCP, 'CTA_PROTOINFO_TCP_FLAGS_ORIGINAL'],
    byte: 0,
    kept: 'dumps',
  },
  {
    id: attr.ATTR_TCP_MASK_ORIG,
    property: 'tcp.maskOrig',
    kind: 'pair',
    path: [...TCP, 'CTA_PROTOINFO_TCP_FLAGS_ORIGINAL'],
    byte: 1,
    kept: 'dumps',
  },
  {
    id: attr.ATTR_TCP_FLAGS_REPL,
    property: 'tcp.flagsReply',
    kind: 'pair',
    path: [...TCP, 'CTA_PROTOINFO_TCP_FLAGS_REPLY'],
    byte: 0,
    kept: 'dumps',
  },
  {
    id: attr.ATTR_TCP_MASK_REPL,
    property: 'tcp.maskReply',
    kind: 'pair',
    path: [...TCP, 'CTA_PROTOINFO_TCP_FLAGS_REPLY'],
    byte: 1,
    kept: 'dumps',
  },
  {
    id: attr.ATTR_TCP_WSCALE_ORIG,
    property: 'tcp.wscaleOrig',
    kind: 'u8',
    path: [...TCP, 'CTA_PROTOINFO_TCP_WSCALE_ORIGINAL'],
    kept: 'dumps',
  },
  {
    id: attr.ATTR_TCP_WSCALE_REPL,
    property: 'tcp.wscaleReply',
    kind: 'u8',
    path: [...TCP, 'CTA_PROTOINFO_TCP_WSCALE_REPLY'],
    kept: 'dumps',
  },
  { id: attr.ATTR_SCTP_STATE, property: 'sctp.state', kind: 'sctpState', path: [...SCTP, 'CTA_PROTOINFO_SCTP_STATE'] },
  {
    id: attr.ATTR_SCTP_VTAG_ORIG,
    property: 'sctp.vtagOrig',
    kind: 'be32',
    path: [...SCTP, 'CTA_PROTOINFO_SCTP_VTAG_ORIGINAL'],
    kept: 'dumps',
  },
  {
    id: attr.ATTR_SCTP_VTAG_REPL,
    property: 'sctp.vtagReply',
    kind: 'be32',
    path: [...SCTP, 'CTA_PROTOINFO_SCTP_VTAG_REPLY'],
    kept: 'dumps',
  },
  { id: attr.ATTR_DCCP_STATE, property: 'dccp.state', kind: 'dccpState', path: [...DCCP, 'CTA_PROTOINFO_DCCP_STATE'] },
  { id: attr.ATTR_DCCP_ROLE, property: 'dccp.role', kind: 'dccpRole', path: [...DCCP, 'CTA_PROTOINFO_DCCP_ROLE'] },
  {
    id: attr.ATTR_DCCP_HANDSHAKE_SEQ,
    property: 'dccp.handshakeSeq',
    kind: 'be64',
    path: [...DCCP, 'CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ'],
    kept: 'dumps',
  },
];

export const PROTOINFO_PADDING: readonly WirePath[] = [[...DCCP, 'CTA_PROTOINFO_DCCP_PAD']];
