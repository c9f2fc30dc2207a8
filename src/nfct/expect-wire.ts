/**
 * What nfexp_nlmsg_build makes of an expectation: whole tuples, and what is set. C (1.0.9) forgets the class, the NAT
 * tuple with its direction, and the function; here they are sent, behind what C sends.
 */

import { Expectation } from '../ctnetlink/expectation.ts';
import {
  EXPECT_MASK,
  EXPECT_MASTER,
  EXPECT_NAT,
  EXPECTED,
  expectationSlot,
  type TupleSlots,
} from '../ctnetlink/slots.ts';
import { hasTuple } from '../ctnetlink/tuple.ts';
import { copyTuple } from './wire.ts';

const TUPLES: readonly (readonly [tuple: TupleSlots, name: string])[] = [
  [EXPECTED, 'ATTR_EXP_EXPECTED: ATTR_ORIG'],
  [EXPECT_MASTER, 'ATTR_EXP_MASTER: ATTR_ORIG'],
  [EXPECT_MASK, 'ATTR_EXP_MASK: ATTR_ORIG'],
  [EXPECT_NAT, 'ATTR_EXP_NAT_TUPLE: ATTR_ORIG'],
];

const SCALARS = (['timeout', 'flags', 'zone', 'helper', 'class', 'nat.direction', 'fn'] as const).map(expectationSlot);

/**
 * @throws TypeError when a tuple is begun without its layer 3 or layer 4 protocol; RangeError when a layer 3 protocol
 * is neither AF_INET nor AF_INET6
 */
export function expectWireForm(exp: Expectation, argument = 'exp'): { family: number; attributes: Expectation } {
  const attributes = new Expectation();
  const from = exp.slots;
  const to = attributes.slots;
  for (const [tuple, name] of TUPLES) {
    if (from[tuple.family] !== undefined || hasTuple(from, tuple)) {
      copyTuple(to, from, tuple, name, argument);
      // As in C: the kernel refuses tuples with a zone here (EINVAL), ATTR_EXP_ZONE is that of the master.
      to[tuple.zone] = undefined;
    }
  }
  for (const slot of SCALARS) to[slot] = from[slot];
  return { family: (from[EXPECTED.family] ?? 0) as number, attributes };
}
