/** Events of expectations. */
import type { ExpectationEvent, ExpectationEventType } from '../ctnetlink/event.ts';
import { decodeExpectation, EXPECTATION_GROUPS, expectationEventTypeOf } from '../ctnetlink/message.ts';
import { millisecondsOf } from '../format/time.ts';
import { type Checks, checkOptions } from '../netlink/check.ts';
import { EVENT_SOCKET_OPTIONS, type EventSocketOptions } from './event-sockets.ts';
import { type EventSource, type OverrunEvent, typesOf } from './events.ts';

/** The kernel has no other events: it does not report a new timeout. */
const GROUPS = { new: EXPECTATION_GROUPS.new, destroy: EXPECTATION_GROUPS.destroy };

/** What Expectations.events takes. */
export interface ExpectationEventOptions extends EventSocketOptions {
  /** Which events. Default: both. */
  types?: readonly ExpectationEventType[] | undefined;
}

/** What `ct.expectations.events()` yields. */
export type ExpectationEventOrOverrun = ExpectationEvent | OverrunEvent;

const EVENT_OPTIONS: Checks<ExpectationEventOptions> = { ...EVENT_SOCKET_OPTIONS, types: typesOf(GROUPS) };

/** @throws TypeError, RangeError naming the option */
export function checkExpectationEvents(options: ExpectationEventOptions): ExpectationEventOptions {
  return checkOptions(options, EVENT_OPTIONS);
}

/** @param options that were checked */
export function expectationEvents(options: ExpectationEventOptions): EventSource<ExpectationEvent> {
  const { types = ['new', 'destroy'], allNamespaces = false } = options;
  return {
    groups: types.map((type) => GROUPS[type]),
    take(header, view, offset, end, { time, nsid }) {
      const type = expectationEventTypeOf(header);
      if (type !== 'new' && type !== 'destroy') return undefined;
      const event = {
        type,
        expectation: decodeExpectation(view, offset, end),
        portid: header.nlmsg_pid,
        time: millisecondsOf(time),
      };
      return allNamespaces ? { ...event, nsid } : event;
    },
  };
}
