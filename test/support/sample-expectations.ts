/** Expectations for tests: random ones, and their attributes as bytes. */

import { EXPECTATION_ATTRIBUTES } from '../../src/ctnetlink/attributes/expectation.ts';
import type { ExpectationInit } from '../../src/ctnetlink/attributes/expectation-properties.ts';
import { readAttributes } from '../../src/ctnetlink/codec/read.ts';
import { Expectation, expectationCodec } from '../../src/ctnetlink/expectation.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { Writer } from '../../src/netlink/writer.ts';
import type { Random } from './random.ts';
import { randomInit } from './samples.ts';

/** With some of the rows set, whatever they mean together; the family of each tuple fits its addresses. */
export function randomExpectation(random: Random): Expectation {
  return Expectation.from(randomInit(random, EXPECTATION_ATTRIBUTES, 3) as ExpectationInit);
}

export function encodeExpectation(expectation: Expectation): Uint8Array {
  const writer = new Writer();
  // As an earlier request left it: what is not written shows.
  writer.bytes.fill(0xa5);
  expectationCodec.write(writer, expectation);
  return writer.finish().slice();
}

export function decodeAttributes(attributes: Uint8Array): Expectation {
  const expectation = new Expectation();
  readAttributes(expectationCodec.tables, viewOf(attributes), 0, attributes.length, expectation);
  return expectation;
}
