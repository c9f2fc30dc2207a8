/** Requests taken apart, for comparing and for showing: everything but sequence number, portid and lengths. */

import { EXPECTATION_ATTRIBUTES } from '../../../src/ctnetlink/attributes/expectation.ts';
import { ATTRIBUTES } from '../../../src/ctnetlink/attributes/flow.ts';
import type { AttributeRow } from '../../../src/ctnetlink/attributes/row.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../../src/netlink/byteorder.ts';
import { nlattrLength } from '../../../src/netlink/nlattr.ts';
import { align4, walkDatagram } from '../../../src/netlink/nlmsg.ts';
import { NLA_F_NESTED, NLA_TYPE_MASK, NLMSG_HDRLEN } from '../../../src/uapi/netlink.ts';
import { NFNL_SUBSYS_CTNETLINK_EXP } from '../../../src/uapi/nfnetlink.ts';
import * as cta from '../../../src/uapi/nfnetlink_conntrack.ts';

/** An attribute that is no nest. */
export interface Attribute {
  /**
   * Names from the outermost nest on; `!` behind a nest without NLA_F_NESTED, or what is none with it; a number where
   * there is no name.
   */
  readonly path: string;
  /** Hexadecimal. */
  readonly value: string;
}

export interface Request {
  /** Such as `CT_NEW` or `EXP_GET`. */
  readonly type: string;
  readonly flags: number;
  /** nfgen_family, version and res_id. */
  readonly family: number;
  readonly version: number;
  readonly resource: number;
  readonly attributes: readonly Attribute[];
}

const NFGENMSG = 4;

function typeNames(prefix: 'CT' | 'EXP'): readonly string[] {
  const names: string[] = [];
  for (const [name, number] of Object.entries(cta)) {
    const match = /^IPCTNL_MSG_(CT|EXP)_(.*)$/.exec(name);
    if (match?.[1] === prefix && match[2] !== 'MAX') names[number as number] = `${prefix}_${match[2]}`;
  }
  return names;
}

/** By the numbers on the way to it: the name of an attribute. */
function attributeNames(rows: readonly AttributeRow[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { path, icmpv6 } of rows) {
    for (const way of [path, icmpv6 ?? []]) {
      const numbers = way.map((name) => cta[name]);
      for (const [at, name] of way.entries()) names.set(numbers.slice(0, at + 1).join(), name);
    }
  }
  return names;
}

const SUBSYSTEMS = {
  flows: { types: typeNames('CT'), attributes: attributeNames(ATTRIBUTES) },
  expectations: { types: typeNames('EXP'), attributes: attributeNames(EXPECTATION_ATTRIBUTES) },
};

/** The requests in what was sent, in their order. */
export function requestsIn(datagrams: readonly Uint8Array[]): Request[] {
  const requests: Request[] = [];
  for (const bytes of datagrams) {
    walkDatagram(viewOf(bytes), ({ nlmsg_type: type, nlmsg_flags: flags }, view, offset, end) => {
      const start = offset + NLMSG_HDRLEN;
      const { types, attributes: names } =
        type >> 8 === NFNL_SUBSYS_CTNETLINK_EXP ? SUBSYSTEMS.expectations : SUBSYSTEMS.flows;
      const attributes: Attribute[] = [];
      walk(view, start + NFGENMSG, end, [], names, attributes);
      requests.push({
        type: types[type & 0xff] ?? `${type}`,
        flags,
        family: view.getUint8(start),
        version: view.getUint8(start + 1),
        resource: view.getUint16(start + 2),
        attributes,
      });
    });
  }
  return requests;
}

function walk(
  view: DataView,
  offset: number,
  end: number,
  outer: readonly { number: number; text: string }[],
  names: ReadonlyMap<string, string>,
  found: Attribute[],
): void {
  while (offset < end) {
    const length = nlattrLength(view, offset, end);
    const whole = view.getUint16(offset + 2, HOST_LITTLE_ENDIAN);
    const number = whole & NLA_TYPE_MASK;
    const numbers = [...outer.map((each) => each.number), number];
    const name = names.get(numbers.join()) ?? `${number}`;
    const isNest = [...names.keys()].some((key) => key.startsWith(`${numbers.join()},`));
    // The flags that an attribute of its kind has.
    const text = (whole & ~NLA_TYPE_MASK) === (isNest ? NLA_F_NESTED : 0) ? name : `${name}!`;
    const path = [...outer, { number, text }];
    if (isNest) {
      const before = found.length;
      walk(view, offset + 4, offset + length, path, names, found);
      if (found.length === before) found.push({ path: path.map((each) => each.text).join('/'), value: 'empty' });
    } else {
      const value = Buffer.from(view.buffer, view.byteOffset + offset + 4, length - 4).toString('hex');
      found.push({ path: path.map((each) => each.text).join('/'), value });
    }
    offset = align4(offset + length);
  }
}

/** For people, and to compare: equal text is an equal request. */
export function textOf({ type, flags, family, version, resource, attributes }: Request): string {
  const head = `${type} flags=0x${flags.toString(16)} family=${family} version=${version} res_id=${resource}`;
  return [head, ...attributes.map(({ path, value }) => `  ${path} ${value}`)].join('\n');
}
