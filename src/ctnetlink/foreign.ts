/** What flows of one protocol never have: the parts of a tuple and the states of others. */
import { IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_TCP } from '../uapi/in.ts';
import { ATTRIBUTES } from './attributes/flow.ts';
import { PARTS, partsOf } from './protocols.ts';
import { ORIG, REPLY } from './slots.ts';

/** By the group of their properties. */
const OWNERS: Readonly<Record<string, number | undefined>> = {
  tcp: IPPROTO_TCP,
  sctp: IPPROTO_SCTP,
  dccp: IPPROTO_DCCP,
};

const foreign = new Map<number, readonly number[]>();

/** The slots that only flows of other protocols have. Kept by protocol: most programs have few. */
export function foreignTo(protocol: number): readonly number[] {
  let slots = foreign.get(protocol);
  if (slots === undefined) {
    const parts = PARTS.filter((part) => !partsOf(protocol).includes(part));
    const owned = ATTRIBUTES.flatMap(({ property }, slot) => {
      const owner = OWNERS[property.split('.')[0]];
      return owner === undefined || owner === protocol ? [] : [slot];
    });
    slots = [...owned, ...[ORIG, REPLY].flatMap((tuple) => parts.map((part) => tuple[part]))];
    foreign.set(protocol, slots);
  }
  return slots;
}
