/** A change that many flows get, and the request for one of them. */
import { ATTRIBUTES } from './attributes/flow.ts';
import type { FlowInit } from './attributes/flow-properties.ts';
import { Flow, flowFrom } from './flow.ts';
import {
  DCCP_ROLE,
  DCCP_STATE,
  ID,
  ORIG,
  SCTP_STATE,
  SCTP_VTAG_ORIG,
  SCTP_VTAG_REPLY,
  START,
  STATUS,
  TIMEOUT,
  ZONE,
} from './slots.ts';

/** What can be changed in a flow that exists. */
export type FlowPatch = Pick<
  FlowInit,
  'timeout' | 'status' | 'mark' | 'markMask' | 'labels' | 'labelsMask' | 'tcp' | 'sctp' | 'dccp' | 'helper' | 'synproxy'
>;

/** What names a flow, and says whether it is the one that was meant. */
const IDENTITY = [ORIG.family, ...ORIG.all, ZONE, ID, START];
/** What the kernel changes in a flow that exists. An empty name takes the helper away. */
const CHANGEABLE = /^(timeout|status|mark|markMask|labels|labelsMask|(tcp|sctp|dccp|helper|synproxy)\..*)$/;

/** What the kernel demands together (EINVAL): what a patch lacks comes from the flow. */
const WHOLE: readonly (readonly number[])[] = [
  [SCTP_STATE, SCTP_VTAG_ORIG, SCTP_VTAG_REPLY],
  [DCCP_STATE, DCCP_ROLE],
];

/** Makes a flow of the properties to change. @throws TypeError, RangeError naming the property */
export function patchFrom(patch: FlowPatch, argument: string): Flow {
  const flow = flowFrom(patch, argument);
  const places = [...flow.slots.keys()].filter((slot) => flow.slots[slot] !== undefined);
  const wrong = places.find((slot) => !CHANGEABLE.test(ATTRIBUTES[slot].property));
  if (wrong !== undefined)
    throw new RangeError(`${argument}.${ATTRIBUTES[wrong].property} cannot be changed in a flow that exists`);
  if (flow.slots[TIMEOUT] === 0)
    throw new RangeError(
      `${argument}.timeout must not be 0, with which the kernel deletes a flow: deleteWhere does that`,
    );
  if (places.length === 0 && flow.unknown === undefined) throw new RangeError(`${argument} has nothing to change`);
  return flow;
}

/** The request for one flow. The kernel sets bits of the status and clears none, so those that there are come along. */
export function patched({ slots: from }: Flow, patch: Flow): Flow {
  const flow = new Flow(patch.slots.slice());
  flow.unknown = patch.unknown;
  const to = flow.slots;
  if (to[STATUS] !== undefined) to[STATUS] = (to[STATUS] as number) | ((from[STATUS] ?? 0) as number);
  for (const group of WHOLE)
    if (group.some((slot) => to[slot] !== undefined)) for (const slot of group) to[slot] ??= from[slot];
  for (const slot of IDENTITY) to[slot] = from[slot];
  return flow;
}
