/** Events of flows. */
import { CompiledFilter, type Filter } from '../ctnetlink/filter/filter.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { decodeFlow, type EventType, eventTypeOf } from '../ctnetlink/message.ts';
import { slotOfProperty } from '../ctnetlink/tuple.ts';
import { millisecondsOf } from '../format/time.ts';
import { type Checks, checkOptions } from '../netlink/check.ts';
import { NFNLGRP_CONNTRACK_DESTROY, NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE } from '../uapi/nfnetlink.ts';
import { EVENT_SOCKET_OPTIONS, type EventSocketOptions } from './event-sockets.ts';
import { type EventSource, type OverrunEvent, typesOf } from './events.ts';

const GROUPS: Readonly<Record<EventType, number>> = {
  new: NFNLGRP_CONNTRACK_NEW,
  update: NFNLGRP_CONNTRACK_UPDATE,
  destroy: NFNLGRP_CONNTRACK_DESTROY,
};

export interface EventOptions extends EventSocketOptions {
  /** Default: all three. */
  types?: readonly EventType[];
  /**
   * Only events of flows that match, as in a dump. The kernel does not send the others where the transport can tell it so
   * (SO_ATTACH_FILTER): they take no room in the receive buffer. Elsewhere they are dropped here. Default: all. An event has of a flow
   * what a filter asks for, but an 'update' tells of the flow as it is now: when its mark changes, say, from one that matches to another,
   * nothing comes.
   */
  filter?: Filter | CompiledFilter;
}

/**
 * Something happened to a flow. 'update' carries what changed beside the tuples, status and timeout; 'destroy' has counters and
 * timestamps where they are kept, but no labels, helper or master.
 */
export interface FlowEvent {
  type: EventType;
  flow: Flow;
  /** nlmsg_pid: the socket whose request caused it (`ct.portid`, where it was this program's), 0 for the kernel itself. */
  portid: number;
  /**
   * When it happened, in milliseconds since 1970 (UTC), fractions included: of a replay, when it was captured; else what the kernel says (CTA_TIMESTAMP_EVENT,
   * Linux 6.14 with nf_conntrack_timestamp=1; `flow.timestamp.event` has the nanoseconds). Undefined where neither says it.
   */
  time: number | undefined;
}

export type ConntrackEvent = FlowEvent | OverrunEvent;

const EVENT_OPTIONS: Checks<EventOptions> = {
  ...EVENT_SOCKET_OPTIONS,
  types: typesOf(GROUPS),
  // Checked when it is compiled.
  filter: () => {},
};

const EVENT_TIME = slotOfProperty('timestamp.event');

function eventTimeOf({ slots }: Flow): bigint | undefined {
  const time = slots[EVENT_TIME] as number | bigint | undefined;
  return time === undefined ? undefined : BigInt(time);
}

/** @throws TypeError, RangeError naming the option */
export function flowEvents(options: EventOptions): EventSource<FlowEvent> {
  checkOptions(options, EVENT_OPTIONS);
  const { types = ['new', 'update', 'destroy'], filter = {} } = options;
  const compiled = CompiledFilter.from(filter, 'options.filter');
  return {
    groups: types.map((type) => GROUPS[type]),
    program: compiled.forEvents(),
    take(header, view, offset, end, time) {
      const type = eventTypeOf(header);
      if (type === undefined) return undefined;
      const flow = decodeFlow(view, offset, end);
      if (!compiled.matches(flow)) return undefined;
      return { type, flow, portid: header.nlmsg_pid, time: millisecondsOf(time ?? eventTimeOf(flow)) };
    },
  };
}
