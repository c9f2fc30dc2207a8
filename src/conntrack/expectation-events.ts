/** Events of expectations. */
import type { Expectation } from '../ctnetlink/expectation.ts';
import { decodeExpectation, expectationEventTypeOf } from '../ctnetlink/message.ts';
import { NFNLGRP_CONNTRACK_EXP_DESTROY, NFNLGRP_CONNTRACK_EXP_NEW } from '../uapi/nfnetlink.ts';
import type { EventSocketOptions } from './event-sockets.ts';
import { checkTypes, type EventSource, type OverrunEvent } from './events.ts';

/** The kernel has no others: of a new timeout nothing tells. */
const GROUPS = { new: NFNLGRP_CONNTRACK_EXP_NEW, destroy: NFNLGRP_CONNTRACK_EXP_DESTROY } as const;

export type ExpectationEventType = keyof typeof GROUPS;

export interface ExpectationEventOptions extends EventSocketOptions {
  /** Default: both. */
  types?: readonly ExpectationEventType[];
}

/** A helper, or a program, expects a flow; or does no more, because it came, or did not in time. */
export interface ExpectationEvent {
  type: ExpectationEventType;
  expectation: Expectation;
  /** nlmsg_pid: the socket whose request caused it, 0 for the kernel itself. */
  portid: number;
}

export type ExpectEvent = ExpectationEvent | OverrunEvent;

/** @throws RangeError for an unknown type, or none */
export function expectationEvents({
  types = ['new', 'destroy'],
}: ExpectationEventOptions): EventSource<ExpectationEvent> {
  return {
    groups: checkTypes(types, GROUPS),
    take(header, view, offset, end) {
      const type = expectationEventTypeOf(header);
      if (type !== 'new' && type !== 'destroy') return undefined;
      return { type, expectation: decodeExpectation(view, offset, end), portid: header.nlmsg_pid };
    },
  };
}
