/** Events of flows. */
import type { Flow } from '../ctnetlink/flow.ts';
import { decodeFlow, type EventType, eventTypeOf } from '../ctnetlink/message.ts';
import { NFNLGRP_CONNTRACK_DESTROY, NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE } from '../uapi/nfnetlink.ts';
import type { EventSocketOptions } from './event-sockets.ts';
import { checkTypes, type EventSource, type OverrunEvent } from './events.ts';

const GROUPS: Readonly<Record<EventType, number>> = {
  new: NFNLGRP_CONNTRACK_NEW,
  update: NFNLGRP_CONNTRACK_UPDATE,
  destroy: NFNLGRP_CONNTRACK_DESTROY,
};

export interface EventOptions extends EventSocketOptions {
  /** Default: all three. */
  types?: readonly EventType[];
}

/**
 * Something happened to a flow. 'update' carries what changed beside the tuples, status and timeout; 'destroy' has counters and
 * timestamps where they are kept, but no labels, helper or master.
 */
export interface FlowEvent {
  type: EventType;
  flow: Flow;
  /** nlmsg_pid: the socket whose request caused it, 0 for the kernel itself. */
  portid: number;
}

export type ConntrackEvent = FlowEvent | OverrunEvent;

/** @throws RangeError for an unknown type, or none */
export function flowEvents({ types = ['new', 'update', 'destroy'] }: EventOptions): EventSource<FlowEvent> {
  return {
    groups: checkTypes(types, GROUPS),
    take(header, view, offset, end) {
      const type = eventTypeOf(header);
      return type === undefined ? undefined : { type, flow: decodeFlow(view, offset, end), portid: header.nlmsg_pid };
    },
  };
}
