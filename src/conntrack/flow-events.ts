/** Events of flows. */

import type { EventType, FlowEvent } from '../ctnetlink/event.ts';
import { compiledFilter, type FilterInit } from '../ctnetlink/filter/filter.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { decodeFlow, eventTypeOf, FLOW_GROUPS } from '../ctnetlink/message.ts';
import { EVENT_TIME } from '../ctnetlink/slots.ts';
import { millisecondsOf } from '../format/time.ts';
import { type Checks, checkOptions } from '../netlink/check.ts';
import { EVENT_SOCKET_OPTIONS, type EventSocketOptions } from './event-sockets.ts';
import { type EventSource, type OverrunEvent, typesOf } from './events.ts';

/** What Conntrack.events takes. */
export interface EventOptions extends EventSocketOptions {
  /** Which events. Default: all three. */
  types?: readonly EventType[] | undefined;
  /**
   * Only events of flows that match, as in a dump. If the transport can attach a filter (SO_ATTACH_FILTER), the kernel
   * does not send the others, and they take no room in the receive buffer. Otherwise they are dropped here. Default:
   * all. Every event has family, tuples, zone, status and mark. What an event lacks matches no property, and matches it
   * inside of `not`: a 'destroy' has no labels, helper and `timeout` of 0, an 'update' has what changed. An 'update'
   * describes the flow as it is now: if its mark changes from a matching value to another, no event comes.
   */
  filter?: FilterInit | undefined;
}

/** What `ct.events()` yields. */
export type FlowEventOrOverrun = FlowEvent | OverrunEvent;

const EVENT_OPTIONS: Checks<EventOptions> = {
  ...EVENT_SOCKET_OPTIONS,
  types: typesOf(FLOW_GROUPS),
  // Checked when it is compiled.
  filter: () => {},
};

function eventTimeOf({ slots }: Flow): bigint | undefined {
  const time = slots[EVENT_TIME] as number | bigint | undefined;
  return time === undefined ? undefined : BigInt(time);
}

/** @throws TypeError, RangeError naming the option */
export function checkFlowEvents(options: EventOptions): EventOptions {
  return checkOptions(options, EVENT_OPTIONS);
}

/** @param options that were checked. @throws TypeError, RangeError naming the part of the filter */
export function flowEvents(options: EventOptions): EventSource<FlowEvent> {
  const { types = ['new', 'update', 'destroy'], filter = {}, allNamespaces = false } = options;
  const compiled = compiledFilter(filter, 'options.filter');
  return {
    groups: types.map((type) => FLOW_GROUPS[type]),
    program: compiled.forEvents(),
    take(header, view, offset, end, { time, nsid }) {
      const type = eventTypeOf(header);
      if (type === undefined) return undefined;
      const flow = decodeFlow(view, offset, end);
      if (!compiled.matches(flow)) return undefined;
      const event = { type, flow, portid: header.nlmsg_pid, time: millisecondsOf(time ?? eventTimeOf(flow)) };
      return allNamespaces ? { ...event, nsid } : event;
    },
  };
}
