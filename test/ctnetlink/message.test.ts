import { expect } from 'chai';
import type { Flow } from '../../src/ctnetlink/flow.ts';
import { decodeFlow, eventTypeOf } from '../../src/ctnetlink/message.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { DecodeError } from '../../src/netlink/errors.ts';
import { concat, message } from '../support/fake-transport.ts';
import { nested } from '../support/samples.ts';

function decode(family: number, ...attributes: Uint8Array[]): Flow {
  const bytes = message(1, concat([family, 0, 0, 0], ...attributes));
  return decodeFlow(viewOf(bytes), 0, bytes.length);
}

function typeOf(type: number, flags = 0): string | undefined {
  return eventTypeOf({ nlmsg_len: 0, nlmsg_type: type, nlmsg_flags: flags, nlmsg_seq: 0, nlmsg_pid: 0 });
}

const PROTO = { orig: 'CTA_TUPLE_ORIG', reply: 'CTA_TUPLE_REPLY', master: 'CTA_TUPLE_MASTER' } as const;

describe('message', () => {
  it('distinguishes new, update and destroy', () => {
    expect(typeOf(0x100, 0x600)).to.equal('new');
    expect(typeOf(0x100, 0x400)).to.equal('new');
    expect(typeOf(0x100, 0x200)).to.equal('new');
    expect(typeOf(0x100)).to.equal('update');
    expect(typeOf(0x100, 0x2), 'an entry of a dump').to.equal('update');
    expect(typeOf(0x102)).to.equal('destroy');
  });

  it('returns undefined for a message that is not about a flow', () => {
    for (const type of [0x101, 0x103, 0x104, 0x105, 0x200, 0x202, 0xa00, 0x000, 0x002, 0x003]) {
      expect(typeOf(type, 0x600), type.toString(16)).to.equal(undefined);
    }
  });

  it('gives the family of nfgenmsg to every tuple that is there, and to no other', () => {
    for (const [group, outer] of Object.entries(PROTO)) {
      for (const [number, name] of [
        [2, 'ipv4'],
        [10, 'ipv6'],
      ] as const) {
        const flow = decode(number, nested([outer, 'CTA_TUPLE_PROTO', 'CTA_PROTO_NUM'], [17]));
        expect(flow.toJSON()).to.deep.equal({ [group]: { family: name, proto: 'udp' } });
      }
    }
    expect(decode(2, nested(['CTA_MARK'], [0, 0, 0, 1])).toJSON()).to.deep.equal({ mark: 1 });
  });

  it('gives it also to a tuple of one address only, as filters have', () => {
    const v6 = new Uint8Array(16).fill(1);
    const v4 = [1, 2, 3, 4];
    for (const [name, family, payload] of [
      ['CTA_IP_V4_SRC', 2, v4],
      ['CTA_IP_V4_DST', 2, v4],
      ['CTA_IP_V6_SRC', 10, v6],
      ['CTA_IP_V6_DST', 10, v6],
    ] as const) {
      const flow = decode(family, nested(['CTA_TUPLE_ORIG', 'CTA_TUPLE_IP', name], Uint8Array.from(payload)));
      expect(flow.orig.family, name).to.equal(family === 2 ? 'ipv4' : 'ipv6');
    }
  });

  it('gives none where nfgenmsg has none that is known', () => {
    for (const family of [0, 1, 7, 255]) {
      const flow = decode(family, nested(['CTA_TUPLE_ORIG', 'CTA_TUPLE_PROTO', 'CTA_PROTO_NUM'], [17]));
      expect(flow.toJSON()).to.deep.equal({ orig: { proto: 'udp' } });
    }
  });

  it('reads one message of many in a buffer', () => {
    const one = message(1, concat([2, 0, 0, 0], nested(['CTA_MARK'], [0, 0, 0, 1])));
    const two = message(1, concat([2, 0, 0, 0], nested(['CTA_MARK'], [0, 0, 0, 2])));
    const bytes = concat(one, two);
    expect(decodeFlow(viewOf(bytes), one.length, bytes.length).mark).to.equal(2);
    expect(decodeFlow(viewOf(bytes), 0, one.length).mark).to.equal(1);
  });

  it('refuses what is too short for nfgenmsg', () => {
    for (let length = 0; length < 4; length++) {
      const bytes = message(1, new Uint8Array(length));
      expect(() => decodeFlow(viewOf(bytes), 0, bytes.length)).to.throw(DecodeError, 'nlmsghdr and nfgenmsg need 20');
    }
  });

  it('says where a defect is from the start of the buffer', () => {
    const bytes = message(1, concat([2, 0, 0, 0], nested(['CTA_MARK'], [0, 0, 0, 1]), [3, 0, 1, 0]));
    expect(() => decodeFlow(viewOf(bytes), 0, bytes.length))
      .to.throw(DecodeError)
      .with.property('offset', 28);
  });
});
