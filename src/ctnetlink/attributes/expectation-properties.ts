/**
 * The properties of an expectation, their types and their meaning. expectation.ts has the attribute that carries each
 * on the wire.
 */
import type { InitOf, JSONOf, PathOf, TupleProperties, ViewOf } from './flow-properties.ts';

/**
 * How the flow is translated when it comes (CTA_EXPECT_NAT): to address and port of the source side. The rest is filled
 * in at creation.
 */
export interface ExpectNatProperties extends TupleProperties {
  /** IP_CT_DIR_*: 0 original, 1 reply. */
  direction: number;
}

/** Everything that a message can report about an expectation. */
export interface ExpectationProperties {
  /** The flow that is expected (CTA_EXPECT_TUPLE); of its source the mask says what counts. */
  tuple: TupleProperties;
  /**
   * What of `tuple` must be equal, as addresses and ports of bits (CTA_EXPECT_MASK). The kernel looks at those of the
   * source only.
   */
  mask: TupleProperties;
  /** The original direction of the flow whose helper expects (CTA_EXPECT_MASTER). */
  master: TupleProperties;
  /** Only with NAT. */
  nat: ExpectNatProperties;
  /** Seconds until it is given up. */
  timeout: number;
  /**
   * NF_CT_EXPECT_* bits: 1 PERMANENT (survives its first flow), 2 INACTIVE, 4 USERSPACE (made by a program for a
   * user-space helper).
   */
  flags: number;
  /** Zone of the master, 0 to 65535. In requests only: the kernel never reports it. */
  zone: number;
  /** Name of the helper that expects. */
  helper: string;
  /** Class of the helper's policy (how many of a kind may wait, and how long): 0 to 3, SIP has four. Linux 3.5. */
  class: number;
  /** Name of the function that the kernel calls when the flow comes, such as 'nat-follow-master'. Linux 3.5. */
  fn: string;
  /** Opaque. */
  id: number;
}

export type ExpectationPath = PathOf<ExpectationProperties>;

/** An expectation as a caller gives it: any of the properties. Undefined is "not set". */
export type ExpectationInit = InitOf<ExpectationProperties>;

/** An expectation as JSON has it: see FlowJSON. Expectation.from takes it back. */
export type ExpectationJSON = JSONOf<ExpectationProperties>;

/** An expectation as it is read: the three tuples are always objects, `nat` only when there is NAT. */
export type ExpectationView = ViewOf<ExpectationProperties, 'tuple' | 'mask' | 'master'>;
