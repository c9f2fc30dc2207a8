/** What is done to each attribute, made from the rows of the codec. What has no rule is unknown. */

import { EXPECTATION_ATTRIBUTES } from '../ctnetlink/attributes/expectation.ts';
import { ATTRIBUTES, PADDING } from '../ctnetlink/attributes/flow.ts';
import { KINDS, type Kind, type KindName } from '../ctnetlink/attributes/kinds.ts';
import type { AttributeRow } from '../ctnetlink/attributes/row.ts';
import type { WirePath } from '../ctnetlink/attributes/wire-path.ts';
import { LABEL_BITS } from '../ctnetlink/labels.ts';
import {
  NLMSGERR_ATTR_MISS_NEST,
  NLMSGERR_ATTR_MISS_TYPE,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
} from '../uapi/netlink.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';

export type Rule =
  | { readonly act: 'nest'; readonly members: Rules }
  /** It has this many bytes, and they stay. */
  | { readonly act: 'stay'; readonly size: number }
  | { readonly act: 'address' | 'mask'; readonly size: 4 | 16 }
  | { readonly act: 'labels'; readonly most: number }
  | { readonly act: 'counter' | 'secctx' | 'helper' | 'text' | 'clear' };

/** By the attribute's type. */
export type Rules = (Rule | undefined)[];

const MASK: WirePath[number] = 'CTA_EXPECT_MASK';

/** The rules of the nest with this path, which is made when it is new. */
function nest(rules: Rules, path: WirePath): Rules {
  let members = rules;
  for (const name of path) {
    const found = members[cta[name]];
    const inner: Rules = found?.act === 'nest' ? found.members : [];
    if (found === undefined) members[cta[name]] = { act: 'nest', members: inner };
    members = inner;
  }
  return members;
}

function ruleOf({ property, kind, path }: AttributeRow): Rule {
  switch (kind as KindName) {
    case 'ipv4':
    case 'ipv6':
      return { act: path[0] === MASK ? 'mask' : 'address', size: kind === 'ipv4' ? 4 : 16 };
    case 'labels':
      return { act: 'labels', most: LABEL_BITS / 8 };
    case 'string':
      if (property === 'secctx') return { act: 'secctx' };
      return { act: property.startsWith('helper') ? 'helper' : 'text' };
    default: {
      const { size }: Kind = KINDS[kind];
      return size === undefined ? { act: 'clear' } : { act: 'stay', size };
    }
  }
}

function rulesOf(rows: readonly AttributeRow[], padding: readonly WirePath[] = []): Rules {
  const rules: Rules = [];
  const enter = (path: WirePath, rule: Rule): void => {
    nest(rules, path.slice(0, -1))[cta[path.at(-1)!]] = rule;
  };
  for (const row of rows) {
    if (row.path.length === 0) continue;
    enter(row.path, ruleOf(row));
    if (row.icmpv6 !== undefined) enter(row.icmpv6, ruleOf(row));
    if (row.narrow !== undefined) enter(row.narrow, { act: 'stay', size: 4 });
  }
  for (const path of padding) enter(path, { act: 'clear' });
  return rules;
}

export const FLOW_RULES = rulesOf(ATTRIBUTES, PADDING);
export const EXPECTATION_RULES = rulesOf(EXPECTATION_ATTRIBUTES);

/** Counters of 32 bits each: CTA_STATS_*, CTA_STATS_GLOBAL_* and CTA_STATS_EXP_*. */
export const STATS_RULES: Rules = Array.from({ length: cta.CTA_STATS_CHAIN_TOOLONG + 1 }, () => ({
  act: 'counter',
}));

export const EXTACK_RULES: Rules = [];
EXTACK_RULES[NLMSGERR_ATTR_MSG] = { act: 'text' };
for (const type of [NLMSGERR_ATTR_OFFS, NLMSGERR_ATTR_MISS_TYPE, NLMSGERR_ATTR_MISS_NEST])
  EXTACK_RULES[type] = { act: 'stay', size: 4 };
