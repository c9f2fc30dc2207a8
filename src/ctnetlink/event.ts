/** What happened to a flow or an expectation, as programs see it. */
import type { Expectation } from './expectation.ts';
import type { Flow } from './flow.ts';

/** What happened to a flow: NEW, UPDATE or DESTROY of conntrack -E. */
export type EventType = 'new' | 'update' | 'destroy';

/**
 * An event about a flow. 'update' has the changed properties beside the tuples, status and timeout. 'destroy' has
 * counters and timestamps if the kernel keeps them, but no labels, helper or master.
 */
export interface FlowEvent {
  /** What happened. */
  type: EventType;
  /** The flow as the event describes it. */
  flow: Flow;
  /**
   * nlmsg_pid: the portid of the socket whose request caused it (`ct.portid` for this program's), 0 for the kernel
   * itself.
   */
  portid: number;
  /**
   * The time of the event, in milliseconds since 1970 (UTC), with fractions. On replay it is the time of the capture.
   * Otherwise it is the kernel's (CTA_TIMESTAMP_EVENT, Linux 6.14 with nf_conntrack_timestamp=1; `flow.timestamp.event`
   * has the nanoseconds). Undefined if neither is known.
   */
  time: number | undefined;
  /**
   * With `allNamespaces`, the id that the network namespace of the event has in the namespace of the socket, as `ip
   * netns list-id` shows it. Undefined: it is the namespace of the socket.
   */
  nsid?: number | undefined;
}

/** What happened to an expectation. The kernel has no other events: it does not report a new timeout. */
export type ExpectationEventType = 'new' | 'destroy';

/**
 * An event about an expectation: a helper, or a program, expects a flow, or no longer does, because the flow came or
 * the time was over.
 */
export interface ExpectationEvent {
  /** What happened. */
  type: ExpectationEventType;
  /** The expectation. */
  expectation: Expectation;
  /** nlmsg_pid: the portid of the socket whose request caused it, 0 for the kernel itself. */
  portid: number;
  /**
   * When it was captured, in milliseconds since 1970 (UTC), with fractions. Undefined for events of the kernel, and if
   * the capture has no times.
   */
  time: number | undefined;
  /**
   * With `allNamespaces`, the id that the network namespace of the event has in the namespace of the socket, as `ip
   * netns list-id` shows it. Undefined: it is the namespace of the socket.
   */
  nsid?: number | undefined;
}
