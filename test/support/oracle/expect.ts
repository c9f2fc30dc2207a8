// The expectations of libnetfilter_conntrack: see expect.c. Callers check expectOracle.available() first.

import { type Attr, attributeList, type Built } from './oracle.ts';
import { bytes, type Failure, failure, hex, OracleProgram } from './program.ts';

export const expectOracle = new OracleProgram('expect');

/** A value of an expectation: ATTR_EXP_* and its bytes as nfexp_set_attr takes them. */
export type Scalar = { id: number; value: Uint8Array };

/** The tuples as lists of nfct_set_attr (empty: not set), and the values. */
export interface ExpectList {
  master: readonly Attr[];
  expected: readonly Attr[];
  mask: readonly Attr[];
  nat: readonly Attr[];
  scalars: readonly Scalar[];
}

/** What nfexp_nlmsg_build makes of each. */
export function buildExpect(objects: readonly ExpectList[]): (Built | Failure)[] {
  return expectOracle.ask(['build'], objects.map(listOf)).map((line) => {
    const [family, attributes = ''] = line.split(' ');
    return failure(line) ?? { family: Number.parseInt(family, 16), attributes: bytes(attributes) };
  });
}

/** The complete request of each nfexp_build_query, of an object or a family, its sequence number zeroed. */
export function queryExpect(queries: readonly { type: number; data: ExpectList | number }[]): (Uint8Array | Failure)[] {
  const lines = queries.map(
    ({ type, data }) => `${type} ${typeof data === 'number' ? `family=${data}` : listOf(data)}`,
  );
  return expectOracle.ask(['query'], lines).map((line) => failure(line) ?? bytes(line));
}

/** What nfexp_nlmsg_parse read from each message, as `ID=HEX ... | ... | ... | ... | ID=HEX ...`. */
export function attrsExpect(messages: readonly Uint8Array[]): (string | Failure)[] {
  return expectOracle.ask(['attrs'], messages.map(hex)).map((line) => failure(line) ?? line.trim());
}

/** nfexp_cmp's result for each pair, under NFCT_CMP_* flags: 1 equal, 0 not. */
export function cmpExpect(pairs: readonly (readonly [ExpectList, ExpectList])[], flags: number): (number | Failure)[] {
  const lines = pairs.map(([one, two]) => `${listOf(one)} ; ${listOf(two)}`);
  return expectOracle.ask(['cmp', flags], lines).map((line) => failure(line) ?? Number(line));
}

function listOf({ master, expected, mask, nat, scalars }: ExpectList): string {
  return [master, expected, mask, nat, scalars].map((list) => attributeList(list)).join(' | ');
}
