/**
 * The same bytes as libnetfilter_conntrack: random objects through nfct_nlmsg_build and through our builder, and our
 * messages through nfct_nlmsg_parse. Objects are whole here. What C makes of halves differs on purpose, and is not
 * compared:
 *
 * - C fills what is missing of an address or a port with zeros; we send what is given, and refuse half a tuple.
 * - C writes protocol state only of the protocol of the original tuple, TCP flags only with their mask, sequence
 *   adjustment and SYNPROXY only whole, NAT ports only of TCP and UDP, helper data only with a name, a label mask only
 *   beside labels; we write what is given and let the kernel say what is wrong with it.
 * - C leaves an empty nest where all of its content fell away; we leave none.
 * - C cuts a helper's name after 15 bytes, silently; we send it, and the kernel refuses what it does not know.
 * - nfct_set_attr_l forgets the length of helper data, which then goes out empty.
 * - C keeps one ICMP type, code and id for an object and derives the reply's; ours has each of its own.
 *
 * (src/nfct/wire.ts does all of that for ctnetlink/nfct; test/nfct/request.test.ts compares it.)
 */
import { expect } from 'chai';
import { formatIpv6 } from '../../src/ctnetlink/address.ts';
import { ATTRIBUTES, type AttributeRow } from '../../src/ctnetlink/attributes/flow.ts';
import type { FlowInit, TupleInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { KINDS, type KindName, type SlotValue } from '../../src/ctnetlink/attributes/kinds.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { buildUpdate } from '../../src/ctnetlink/request/flow.ts';
import { ORIG, REPLY, slotOfId } from '../../src/ctnetlink/slots.ts';
import { completeFrom } from '../../src/ctnetlink/tuple.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { Writer } from '../../src/netlink/writer.ts';
import * as attr from '../../src/uapi/libnetfilter_conntrack.ts';
import { concat, message } from '../support/fake-transport.ts';
import { type Attr, attrs, build, print } from '../support/oracle/oracle.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { encode, randomValue } from '../support/samples.ts';
import { sized } from '../support/tier.ts';

const seed = seedFromEnvironment();
const OBJECTS = sized({ quick: 1000, landing: 1500, soak: 5000 });

/** What nfct_nlmsg_parse does not read, because the kernel never dumps it. */
const NOT_READ = new Set([
  attr.ATTR_SNAT_IPV4,
  attr.ATTR_DNAT_IPV4,
  attr.ATTR_SNAT_IPV6,
  attr.ATTR_DNAT_IPV6,
  attr.ATTR_SNAT_PORT,
  attr.ATTR_DNAT_PORT,
  attr.ATTR_CONNLABELS_MASK,
]);

/** Bytes of a number in C, where it is not one. */
const SIZES: Readonly<Partial<Record<KindName, number>>> = { be16: 2, be32: 4, u32: 4, be64: 8, status: 4, ipv4: 4 };

/** A slot's value as C keeps it in memory. */
function memory(row: AttributeRow, value: SlotValue): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return Buffer.from(`${value}\0`);
  const little = row.networkOrder === true ? false : HOST_LITTLE_ENDIAN;
  const size = SIZES[row.kind] ?? 1;
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, BigInt.asUintN(64, BigInt(value!)), little);
  return little ? bytes.slice(0, size) : bytes.slice(8 - size);
}

/**
 * Every attribute that C (1.0.9) has and the flow has, protocols first: what C does with an ICMP type depends on them.
 */
function attributeList(flow: Flow): { id: number; value: Uint8Array }[] {
  const first = [attr.ATTR_ORIG_L3PROTO, attr.ATTR_REPL_L3PROTO, attr.ATTR_ORIG_L4PROTO, attr.ATTR_REPL_L4PROTO];
  const ids = [...first, ...[...new Array(attr.ATTR_TIMESTAMP_EVENT).keys()].filter((id) => !first.includes(id))];
  return ids.flatMap((id) => {
    const slot = slotOfId(id);
    const value = flow.slots[slot];
    return value === undefined ? [] : [{ id, value: memory(ATTRIBUTES[slot], value) }];
  });
}

const PORTS = ['tcp', 'udp', 'sctp', 'dccp', 'gre', 'udplite'] as const;

function randomTuple(random: Random, family: 'ipv4' | 'ipv6', proto: TupleInit['proto']): TupleInit {
  const address = (): string => randomValue(family, random) as string;
  const tuple: TupleInit = { src: address(), dst: address(), proto };
  if (PORTS.includes(proto as (typeof PORTS)[number])) {
    tuple.sport = random.below(0x10000);
    tuple.dport = random.below(0x10000);
  }
  if (random.oneIn(4)) tuple.zone = random.below(0x10000);
  return tuple;
}

/** All of a group's rows, or nothing of it. */
function group(random: Random, name: string, leaveOut: (row: AttributeRow) => boolean = () => false): object {
  if (random.oneIn(2)) return {};
  const rows = ATTRIBUTES.filter((row) => row.property.startsWith(`${name}.`) && !leaveOut(row));
  const values = rows.map((row) => [row.property.slice(name.length + 1), randomValue(row.kind, random)]);
  return { [name]: Object.fromEntries(values) };
}

/** Whole in all that C looks at as a whole. */
function randomObject(random: Random): Flow {
  const family = random.pick(['ipv4', 'ipv6'] as const);
  const proto = random.pick([...PORTS, family === 'ipv4' ? 'icmp' : 'icmpv6', 0, 50, 255] as const);
  const init: Record<string, unknown> = { orig: randomTuple(random, family, proto) };
  if (proto === 'icmp' || proto === 'icmpv6') {
    const icmpType = proto === 'icmp' ? random.pick([0, 8, 13, 14, 15, 16, 17, 18]) : random.pick([128, 129, 139, 140]);
    Object.assign(init.orig as object, { icmpType, icmpCode: random.below(256), icmpId: random.below(0x10000) });
  } else if (random.oneIn(2)) {
    init.reply = randomTuple(random, family, proto);
  }
  if (random.oneIn(4)) init.master = { ...randomTuple(random, family, random.pick(PORTS)), zone: undefined };
  for (const name of ['timeout', 'mark', 'secmark', 'status', 'zone'] as const) {
    const row = ATTRIBUTES.find((row) => row.property === name)!;
    if (random.oneIn(2)) init[name] = randomValue(row.kind, random);
  }
  // C sends it, and the kernel would delete the flow.
  if (init.timeout === 0) init.timeout = 1;
  for (const name of ['tcp', 'sctp', 'dccp']) if (name === proto) Object.assign(init, group(random, name));
  for (const name of ['seqadjOrig', 'seqadjReply', 'synproxy']) Object.assign(init, group(random, name));
  for (const name of ['snat', 'dnat'] as const) {
    if (random.oneIn(3)) init[name] = randomNat(random, family, proto === 'tcp' || proto === 'udp');
  }
  if (random.oneIn(3)) init.helper = { name: random.pick(['ftp', '', 'x'.repeat(random.below(16))]) };
  if (random.oneIn(3)) init.labels = randomValue('labels', random);
  if (init.labels !== undefined && random.oneIn(2)) init.labelsMask = randomValue('labels', random);
  const flow = Flow.from(init as FlowInit);
  if (init.reply === undefined && (init.orig as TupleInit).icmpType !== undefined)
    completeFrom(flow.slots, ORIG, REPLY);
  return flow;
}

/** An object of C has one address, and one port that goes out as both ends of the range, for TCP and UDP only. */
function randomNat(random: Random, family: 'ipv4' | 'ipv6', ports: boolean): object {
  const address = randomValue(family, random);
  const port = random.below(0x10000);
  return { minAddress: address, ...(ports && random.oneIn(2) ? { minPort: port, maxPort: port } : {}) };
}

function requestOf(flow: Flow): { family: number; attributes: Uint8Array } {
  const writer = new Writer();
  writer.bytes.fill(0xa5);
  buildUpdate(flow).write(writer, 0);
  const bytes = writer.finish();
  return { family: bytes[16], attributes: bytes.slice(20) };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

describeOracle('parity with libnetfilter_conntrack', () => {
  it(`builds the same bytes: ${OBJECTS} random objects (seed ${seed})`, () => {
    const random = new Random(seed);
    const flows = Array.from({ length: OBJECTS }, () => randomObject(random));
    const built = build(flows.map((flow) => attributeList(flow) as Attr[]));
    for (const [index, flow] of flows.entries()) {
      const theirs = built[index];
      const what = JSON.stringify(flow);
      if ('errno' in theirs) throw new Error(`C: errno ${theirs.errno} for ${what}`);
      const ours = requestOf(flow);
      expect(ours.family, what).to.equal(theirs.family);
      expect(hex(ours.attributes), what).to.equal(hex(theirs.attributes));
    }
  });

  it(`reads the same values: ${OBJECTS} messages with all that the kernel says (seed ${seed})`, () => {
    const random = new Random(seed);
    const messages = Array.from({ length: OBJECTS }, () => {
      const flow = randomObject(random);
      for (const [slot, row] of ATTRIBUTES.entries()) {
        if (row.readOnly !== true || !random.oneIn(3)) continue;
        flow.slots[slot] = KINDS[row.kind].set(randomValue(row.kind, random), row.property);
      }
      const family = flow.slots[slotOfId(attr.ATTR_ORIG_L3PROTO)] as number;
      return message(1, concat([family, 0, 0, 0], encode(flow)));
    });
    const theirs = attrs(messages);
    for (const [index, bytes] of messages.entries()) {
      const read = theirs[index];
      if ('errno' in read) throw new Error(`C: errno ${read.errno} for ${hex(bytes)}`);
      const ours = attributeList(decodeFlow(viewOf(bytes), 0, bytes.length)).filter(({ id }) => !NOT_READ.has(id));
      const wanted = ours.map(({ id, value }) => [id, hex(value)]).sort(([a], [b]) => Number(a) - Number(b));
      expect(wanted, hex(bytes)).to.deep.equal([...read].map(([id, value]) => [id, hex(value)]));
    }
  });

  it(`prints the same IPv6 addresses (seed ${seed})`, () => {
    const random = new Random(seed);
    const flows = Array.from({ length: 2000 }, () => {
      const address = (): string => {
        const bytes = random.bytes(16);
        for (let i = 0; i < 16; i += 2) if (random.oneIn(2)) bytes.fill(0, i, i + 2);
        if (random.oneIn(4)) bytes.fill(0, 0, 10).fill(random.pick([0, 255]), 10, 12);
        return formatIpv6(bytes);
      };
      return Flow.from({ orig: { src: address(), dst: address(), proto: 'udp', sport: 1, dport: 2 } });
    });
    const lines = print(flows.map((flow) => message(1, concat([10, 0, 0, 0], encode(flow)))));
    for (const [index, { orig }] of flows.entries())
      expect(lines[index]).to.include(`src=${orig.src} dst=${orig.dst} `);
  });
});
