import { Schema } from './accessors/schema.ts';
import { EXPECTATION_ATTRIBUTES } from './attributes/expectation.ts';
import type {
  ExpectationInit,
  ExpectationJSON,
  ExpectationProperties,
  ExpectationView,
} from './attributes/expectation-properties.ts';
import type { SlotValue } from './attributes/kinds.ts';
import { Codec, type UnknownAttribute } from './codec/codec.ts';
import type { Family } from './names.ts';
import { EXPECT_MASK, EXPECT_MASTER, EXPECT_NAT, EXPECTED } from './slots.ts';

/** The compiled tables of the expectation subsystem. */
export const expectationCodec = new Codec({
  rows: EXPECTATION_ATTRIBUTES,
  commonSlots: EXPECTATION_ATTRIBUTES.length,
  writeOrder: [...EXPECTATION_ATTRIBUTES.keys()],
  padding: [],
});

const SCHEMA = new Schema({
  argument: 'expectation',
  noun: 'an expectation',
  codec: expectationCodec,
  tuples: [EXPECTED, EXPECT_MASTER, EXPECT_MASK, EXPECT_NAT],
  always: ['tuple', 'master', 'mask'],
});

/**
 * A flow that a helper expects, such as the data connection of FTP, as a message described it or as a caller wants it:
 * its properties are those of ExpectationProperties, each undefined when the message had none. An
 * expectation does not change: `with` makes another.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the accessors are made from the attribute rows below
export class Expectation {
  /**
   * Values by row number of EXPECTATION_ATTRIBUTES, as kinds.ts keeps them: for the codec. A property of its own,
   * because the structured clone algorithm copies no other.
   * @internal
   */
  slots: SlotValue[];
  /** Attributes that this package does not know. A request sends them as they are. Undefined if there are none. */
  unknown: UnknownAttribute[] | undefined = undefined;

  /** @internal */
  constructor(slots: SlotValue[] = expectationCodec.emptySlots.slice()) {
    // A program in JavaScript may call it, although the types do not show it.
    if (!Array.isArray(slots))
      throw new TypeError('Expectation has no constructor: call Expectation.from(expectation)');
    this.slots = slots;
  }

  /**
   * An expectation with these properties. The family of a tuple follows from its addresses. Also from its JSON, and
   * from a structured clone of an expectation, which must be of the same release of this package: see Flow.from.
   * @throws TypeError, RangeError naming the property, also for one that does not exist
   */
  static from(init: ExpectationInit | Expectation): Expectation {
    return expectationFrom(init, 'expectation');
  }

  /** Layer 3 protocol of the flow that is expected. */
  get family(): Family | undefined {
    return this.tuple.family;
  }

  /**
   * An expectation with other properties: see Flow.with. @throws TypeError, RangeError naming the property, also for
   * one that does not exist
   */
  with(changes: ExpectationInit): Expectation {
    return SCHEMA.change(this, new Expectation(), changes);
  }

  /** A copy that shares nothing that can change. */
  clone(): Expectation {
    return SCHEMA.copy(this, new Expectation());
  }

  /**
   * Plain properties, without those that are not set. Expectation.from takes them back, and what JSON.parse makes of
   * their text.
   */
  toJSON(): ExpectationJSON {
    return SCHEMA.toJSON(this) as ExpectationJSON;
  }

  /** What console.log shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    return SCHEMA.inspect(this);
  }
}

/** The accessors: ExpectationProperties, read. */
export interface Expectation extends ExpectationView {}

SCHEMA.defineAccessors(Expectation.prototype);

/** Expectation.from, whose errors name this argument. */
export function expectationFrom(init: ExpectationInit | Expectation, argument: string): Expectation {
  if (init instanceof Expectation) return init;
  const expectation = new Expectation();
  SCHEMA.fill(expectation, init, argument);
  return expectation;
}

/** Types for those who build on it. */
export type { ExpectationInit, ExpectationJSON, ExpectationProperties, ExpectationView };
