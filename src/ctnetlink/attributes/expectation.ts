/**
 * Every attribute of the expectation subsystem, one row each: see flow.ts. The order is that in which nfexp_nlmsg_build
 * writes; the attributes that it forgets (class, NAT, function) follow. The id, which only the kernel assigns, is last.
 */
import * as attr from '../../uapi/libnetfilter_conntrack.ts';
import type { ExpectationPath } from './expectation-properties.ts';
import { type AttributeRow, tupleRows } from './row.ts';

/** A row of an expectation: the compiler checks that its property exists. */
export interface ExpectationRow extends AttributeRow {
  readonly property: ExpectationPath;
}

/** By slot, in the order in which they are written. */
export const EXPECTATION_ATTRIBUTES: readonly ExpectationRow[] = [
  ...tupleRows('tuple', ['CTA_EXPECT_TUPLE'], {}),
  ...tupleRows('master', ['CTA_EXPECT_MASTER'], {}),
  ...tupleRows('mask', ['CTA_EXPECT_MASK'], {}),
  { id: attr.ATTR_EXP_TIMEOUT, property: 'timeout', kind: 'be32', path: ['CTA_EXPECT_TIMEOUT'] },
  { id: attr.ATTR_EXP_FLAGS, property: 'flags', kind: 'be32', path: ['CTA_EXPECT_FLAGS'] },
  { id: attr.ATTR_EXP_ZONE, property: 'zone', kind: 'be16', path: ['CTA_EXPECT_ZONE'] },
  { id: attr.ATTR_EXP_HELPER_NAME, property: 'helper', kind: 'string', path: ['CTA_EXPECT_HELP_NAME'] },
  { id: attr.ATTR_EXP_CLASS, property: 'class', kind: 'be32', path: ['CTA_EXPECT_CLASS'] },
  {
    id: attr.ATTR_EXP_NAT_DIR,
    property: 'nat.direction',
    kind: 'be32',
    path: ['CTA_EXPECT_NAT', 'CTA_EXPECT_NAT_DIR'],
  },
  ...tupleRows('nat', ['CTA_EXPECT_NAT', 'CTA_EXPECT_NAT_TUPLE'], {}),
  { id: attr.ATTR_EXP_FN, property: 'fn', kind: 'string', path: ['CTA_EXPECT_FN'] },
  { property: 'id', kind: 'be32', path: ['CTA_EXPECT_ID'], readOnly: true },
];
