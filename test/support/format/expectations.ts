/** Expectations for the formatters: random ones, and messages of what the kernel says. */

import { EXPECTATION_ATTRIBUTES } from '../../../src/ctnetlink/attributes/expectation.ts';
import { Expectation, expectationCodec } from '../../../src/ctnetlink/expectation.ts';
import { decodeExpectation } from '../../../src/ctnetlink/message.ts';
import { viewOf } from '../../../src/netlink/byteorder.ts';
import { Writer } from '../../../src/netlink/writer.ts';
import { writeNfgenmsg } from '../../../src/nfnetlink/request.ts';
import { printExpectations } from '../oracle/expect-print.ts';
import type { PrintOptions } from '../oracle/oracle.ts';
import type { Random } from '../random.ts';
import { ICMP, KNOWN_PROTOCOLS, PORTS, slotValue } from './flows.ts';
import { NOW } from './parity.ts';

/** At most 15 bytes: C cuts longer names, and the kernel has none. */
const HELPERS = ['ftp', 'sip-5061', '', 'a b', 'space ', 'two  ', 'Q.931_123456789', 'a<b&c]]>'];

/**
 * The message of an expectation whose other attributes are each as likely there as not. The three tuples always are, as
 * the kernel has it: without one of them C takes the family of another for unknown. Nor has the kernel ports beside
 * ICMP types.
 */
export function randomMessage(random: Random): Uint8Array {
  const expectation = new Expectation();
  const { slots } = expectation;
  const family = random.pick([2, 10]);
  const proto = new Map<string, number>();
  EXPECTATION_ATTRIBUTES.forEach(({ property, kind }, slot) => {
    const [group, name] = property.split('.');
    const tuple = ['tuple', 'mask', 'master'].includes(group);
    if (name === undefined || name === 'direction') {
      if (random.percent(50)) slots[slot] = kind === 'string' ? random.pick(HELPERS) : slotValue(random, kind);
    } else if (name === 'family') {
      slots[slot] = family;
      proto.set(group, random.percent(80) ? random.pick(KNOWN_PROTOCOLS) : random.below(256));
    } else if (kind === (family === 2 ? 'ipv6' : 'ipv4')) {
      return;
    } else if (name === 'proto') {
      slots[slot] = proto.get(group);
    } else if (/port$/.test(name) && !PORTS.has(proto.get(group)!)) {
      return;
    } else if (/^icmp/.test(name) && !ICMP.has(proto.get(group)!)) {
      return;
    } else if (random.percent(tuple ? 85 : 50)) {
      slots[slot] = slotValue(random, kind);
    }
  });
  if (random.percent(50)) slots[FLAGS] = random.below(16);
  return messageOf(expectation, family);
}

const FLAGS = EXPECTATION_ATTRIBUTES.findIndex(({ property }) => property === 'flags');

export function messageOf(expectation: Expectation, family: number, type = 0x200, flags = 0): Uint8Array {
  const writer = new Writer();
  const at = writer.beginMessage(type, flags, 0);
  writeNfgenmsg(writer, family);
  expectationCodec.write(writer, expectation);
  writer.endMessage(at);
  return writer.finish().slice();
}

export function decode(message: Uint8Array): Expectation {
  return decodeExpectation(viewOf(message), 0, message.length);
}

/**
 * What nfexp_snprintf prints of each message at NOW, with a helper's name escaped that is markup, which C prints as it
 * is.
 */
export function expectedExpectations(messages: readonly Uint8Array[], options: PrintOptions): string[] {
  return printExpectations(messages, { now: NOW, ...options }).map((text) =>
    text.replace('>a<b&c]]><', '>a&lt;b&amp;c]]&gt;<'),
  );
}
