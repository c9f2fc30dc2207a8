/** The slots of a flow that its texts show, beside those of its tuples. */
import { slotOfProperty } from '../ctnetlink/tuple.ts';

export const TIMEOUT = slotOfProperty('timeout');
export const TCP_STATE = slotOfProperty('tcp.state');
export const SCTP_STATE = slotOfProperty('sctp.state');
export const DCCP_STATE = slotOfProperty('dccp.state');
export const ORIG_PACKETS = slotOfProperty('countersOrig.packets');
export const ORIG_BYTES = slotOfProperty('countersOrig.bytes');
export const REPLY_PACKETS = slotOfProperty('countersReply.packets');
export const REPLY_BYTES = slotOfProperty('countersReply.bytes');
export const STATUS = slotOfProperty('status');
export const MARK = slotOfProperty('mark');
export const SECMARK = slotOfProperty('secmark');
export const SECCTX = slotOfProperty('secctx');
export const ZONE = slotOfProperty('zone');
export const START = slotOfProperty('timestamp.start');
export const STOP = slotOfProperty('timestamp.stop');
export const EVENT_TIME = slotOfProperty('timestamp.event');
export const HELPER = slotOfProperty('helper.name');
export const USE = slotOfProperty('use');
export const ID = slotOfProperty('id');
export const LABELS = slotOfProperty('labels');
