import { expect } from 'chai';
import { isForeign, toHostOrder } from '../../src/capture/byte-order.ts';
import { readCapture, writeCapture } from '../../src/capture/capture.ts';
import { labelWords } from '../../src/ctnetlink/labels.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { readExtendedAck } from '../../src/netlink/nlmsgerr.ts';
import { captureBytes, captureNames, otherOrder } from '../support/captures.ts';
import { concat, datagram, done, error, headerOf, int32, message, nlattr } from '../support/fake-transport.ts';

/** A pcap as tcpdump writes it on a machine of the other byte order. */
function otherMachine(name: string): { file: Uint8Array; expected: ReturnType<typeof readCapture>['datagrams'] } {
  const { datagrams } = readCapture(captureBytes(name));
  const turned = datagrams.map((each) => ({ ...each, bytes: otherOrder(each.bytes) }));
  const file = writeCapture(turned);
  const view = viewOf(file);
  const turn32 = (at: number): number => {
    const value = view.getUint32(at, HOST_LITTLE_ENDIAN);
    view.setUint32(at, value, !HOST_LITTLE_ENDIAN);
    return value;
  };
  for (const at of [0, 16, 20]) turn32(at);
  for (const at of [4, 6]) view.setUint16(at, view.getUint16(at, HOST_LITTLE_ENDIAN), !HOST_LITTLE_ENDIAN);
  for (let at = 24; at < file.length; ) {
    turn32(at);
    turn32(at + 4);
    const length = turn32(at + 8);
    turn32(at + 12);
    at += 16 + length;
  }
  return { file, expected: datagrams };
}

describe('captures of machines of the other byte order', () => {
  for (const name of captureNames('.pcap').filter((each) => each !== 'rtcut.pcap')) {
    it(`read as the original of ${name}`, () => {
      const { file, expected } = otherMachine(name);
      const { datagrams, skipped } = readCapture(file);
      expect(datagrams).to.deep.equal(expected);
      expect(skipped).to.include({ broken: 0, truncated: 0 });
    });
  }

  it('read also where a tool has turned the headers of the file', () => {
    const { datagrams } = readCapture(captureBytes('two.pcap'));
    const turned = datagrams.map((each) => ({ ...each, bytes: otherOrder(each.bytes) }));
    for (const format of ['pcap', 'pcapng'] as const)
      expect(readCapture(writeCapture(turned, { format })).datagrams).to.deep.equal(datagrams);
    // And one beside the other.
    const mixed = datagrams.map((each, index) => (index % 2 === 0 ? each : turned[index]));
    expect(readCapture(writeCapture(mixed)).datagrams).to.deep.equal(datagrams);
  });

  const whole = message(
    5,
    [2, 0, 0, 0, ...nlattr(22, labelWords([0, 33, 127])), ...nlattr(0x8019, nlattr(1, int32(0x3f)))],
    {
      type: 0x100,
      flags: 1,
    },
  );

  it('have the words of labels and the flags of CTA_FILTER in their own order', () => {
    const expectation = message(6, [2, 0, 0, 0, ...nlattr(22, [1, 2, 3, 4])], { type: 0x200 });
    const bytes = datagram(whole, expectation);
    const turned = otherOrder(bytes);
    // An attribute of an expectation of the same number is big-endian.
    turned.set([1, 2, 3, 4], turned.length - 4);
    expect(isForeign(turned)).to.equal(true);
    expect(toHostOrder(turned)).to.deep.equal(bytes);
  });

  it('have errno, the request and the extended ACK in their own order', () => {
    const extack = concat(nlattr(1, Buffer.from('why\0')), nlattr(2, int32(40)), nlattr(5, int32(7)));
    const bytes = datagram(
      error(4, 22, { extack, whole }),
      error(3, 2),
      done(5),
      done(6, 12, extack),
      error(5, 22, { extack }),
    );
    const back = toHostOrder(otherOrder(bytes));
    expect(back).to.deep.equal(bytes);
    const { nlmsg_len, nlmsg_flags } = headerOf(back);
    expect(readExtendedAck(viewOf(back), 0, nlmsg_len, nlmsg_flags, false)).to.include({ offset: 40, missingType: 7 });
  });

  it('are distinguished from broken ones of this machine', () => {
    expect(isForeign(message(1, [1, 2, 3, 4]))).to.equal(false);
    expect(isForeign(otherOrder(message(1, [1, 2, 3, 4])))).to.equal(true);
    expect(isForeign(new Uint8Array(16))).to.equal(false);
    expect(isForeign(new Uint8Array(3))).to.equal(false);
    // Only a header, of a message that is longer.
    expect(isForeign(otherOrder(message(1, new Array(100).fill(0))).subarray(0, 16))).to.equal(true);
    expect(isForeign(message(1, new Array(100).fill(0)).subarray(0, 16))).to.equal(false);
  });
});
