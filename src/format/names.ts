/** Numbers of 8 bits as the library names them: tables of 256, so that one without a name needs no second look. */
import { DCCP_STATES, FAMILIES, inverse, PROTOCOLS, SCTP_STATES, TCP_STATES } from '../ctnetlink/names.ts';

function named(names: Readonly<Record<string, number>>, otherwise: string): readonly string[] {
  const byNumber = inverse(names);
  return Array.from({ length: 256 }, (_, number) => byNumber[number] ?? otherwise);
}

export const FAMILY_NAMES = named(FAMILIES, 'unknown');
export const PROTOCOL_NAMES = named(PROTOCOLS, 'unknown');
export const TCP_STATE_NAMES = named(TCP_STATES, 'NONE');
export const SCTP_STATE_NAMES = named(SCTP_STATES, 'NONE');
export const DCCP_STATE_NAMES = named(DCCP_STATES, 'NONE');
