/**
 * The properties of an expectation, their types and their meaning. expectation.ts has the attribute that carries each
 * on the wire.
 */
import type { InitOf, JSONOf, PathOf, TupleProperties, UnknownInit, UnknownJSON, ViewOf } from './flow-properties.ts';
import type { UnknownAttribute } from './kinds.ts';

/**
 * How the expected flow is translated when it comes (CTA_EXPECT_NAT): to the address and the port of the source. The
 * kernel fills in the rest when the expectation is created.
 */
export interface ExpectNatProperties extends TupleProperties {
  /** Which direction is translated: 0 original, 1 reply (CTA_EXPECT_NAT_DIR: IP_CT_DIR_*). */
  direction: number;
}

/** Everything that a message can report about an expectation. */
export interface ExpectationProperties {
  /** The flow that is expected (CTA_EXPECT_TUPLE). The mask says which parts of its source count. */
  tuple: TupleProperties;
  /**
   * Which bits of `tuple` must be equal, as addresses and ports (CTA_EXPECT_MASK). The kernel looks at those of the
   * source only.
   */
  mask: TupleProperties;
  /** The original direction of the flow whose helper expects (CTA_EXPECT_MASTER). */
  master: TupleProperties;
  /** How the expected flow is translated; undefined without NAT (CTA_EXPECT_NAT). */
  nat: ExpectNatProperties;
  /** Seconds until the helper no longer expects the flow, 0 to 4294967295 (CTA_EXPECT_TIMEOUT). */
  timeout: number;
  /**
   * NF_CT_EXPECT_* bits: 1 PERMANENT (it remains after its first flow), 2 INACTIVE, 4 USERSPACE (a program made it for
   * a user-space helper) (CTA_EXPECT_FLAGS).
   */
  flags: number;
  /** Zone of the master, 0 to 65535 (CTA_EXPECT_ZONE). In requests only: the kernel never reports it. */
  zone: number;
  /** Name of the helper that expects, at most 15 bytes (CTA_EXPECT_HELP_NAME). */
  helper: string;
  /**
   * Class of the helper's policy, which limits how many expectations may wait, and how long: 0 to 3, because SIP has
   * four (CTA_EXPECT_CLASS, Linux 3.5).
   */
  class: number;
  /**
   * Name of the function that the kernel calls when the flow comes, such as 'nat-follow-master' (CTA_EXPECT_FN, Linux
   * 3.5).
   */
  fn: string;
  /** Opaque, 0 to 4294967295 (CTA_EXPECT_ID). An expectation that takes the place of another may have the same. */
  id: number;
}

export type ExpectationPath = PathOf<ExpectationProperties>;

/** An expectation as a caller gives it: any of the properties. Undefined is "not set". */
export interface ExpectationInit extends InitOf<ExpectationProperties> {
  /**
   * Attributes that this package does not know, as a dumped expectation or its JSON has them. They are sent as they
   * are.
   */
  unknown?: readonly (UnknownInit | UnknownAttribute)[] | undefined;
}

/** An expectation as JSON has it: see FlowJSON. Expectation.from takes it back. */
export type ExpectationJSON = JSONOf<ExpectationProperties> & {
  /** Attributes that this package does not know. */
  unknown?: UnknownJSON[];
};

/** An expectation as it is read: the three tuples are always objects, `nat` only if there is NAT. */
export interface ExpectationView extends ViewOf<ExpectationProperties, 'tuple' | 'mask' | 'master'> {}
