/** Where an attribute is on the wire, in the header's names. */
import type * as cta from '../../uapi/nfnetlink_conntrack.ts';

/** Names of nested attributes, outermost first. */
export type WirePath = readonly (keyof typeof cta & `CTA_${string}`)[];
