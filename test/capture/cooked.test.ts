import { expect } from 'chai';
import { readCapture, writeCapture } from '../../src/capture/capture.ts';
import { pcapFileHeader } from '../../src/capture/pcap.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { UnsupportedError } from '../../src/netlink/errors.ts';
import { fields } from '../support/captures.ts';
import { concat, message } from '../support/fake-transport.ts';

const REQUEST = message(1, [0, 0, 0, 0], { flags: 1 });
const REPLY = message(1, [0, 0, 0, 0], { flags: 2 });

/** A pcap of one link type. */
function pcap(linkType: number, ...packets: Uint8Array[]): Uint8Array {
  const header = pcapFileHeader();
  viewOf(header).setUint32(20, linkType, HOST_LITTLE_ENDIAN);
  const records = packets.map((packet) =>
    concat(fields(HOST_LITTLE_ENDIAN, [32, 1], [32, 5], [32, packet.length], [32, packet.length]), packet),
  );
  return concat(header, ...records);
}

/** The header of 113 and 253: packet type, ARPHRD, an address, netlink family. */
function sll(bytes: Uint8Array, packetType = 4, hardware = 824, family = 12, portid?: number): Uint8Array {
  const address = [portid === undefined ? 0 : 4, portid ?? 0] as const;
  return concat(
    fields(false, [16, packetType], [16, hardware], [16, address[0]], [32, address[1]], [32, 0], [16, family]),
    bytes,
  );
}

/** The header of 276: netlink family, device, ARPHRD, packet type, an address. */
function sll2(bytes: Uint8Array, packetType = 4, hardware = 824, family = 12, portid?: number): Uint8Array {
  const sizes = Uint8Array.of(packetType, portid === undefined ? 0 : 4);
  return concat(
    fields(false, [16, family], [16, 0], [32, 7], [16, hardware], sizes, [32, portid ?? 0], [32, 0]),
    bytes,
  );
}

describe('headers in front of a datagram', () => {
  for (const [linkType, header] of [
    [113, sll],
    [253, sll],
    [276, sll2],
  ] as const) {
    it(`of link type ${linkType} say the family, the direction and the socket`, () => {
      const file = pcap(
        linkType,
        header(REQUEST),
        header(REPLY),
        header(REQUEST, 0),
        header(REQUEST, 6),
        header(REPLY, 7, 824, 12, 4_000_000_000),
        header(REPLY, 4, 824, 0),
        header(REPLY).subarray(0, 15),
      );
      const { datagrams, skipped } = readCapture(file);
      expect(datagrams).to.deep.equal(
        [
          { fromKernel: false, bytes: REQUEST },
          { fromKernel: true, bytes: REPLY },
          { fromKernel: true, bytes: REQUEST },
          { fromKernel: true, bytes: REQUEST },
          { fromKernel: false, bytes: REPLY, socket: 4_000_000_000 },
        ].map((each) => ({ time: 1_000_000_005n, ...each })),
      );
      expect(skipped).to.include({ otherFamilies: 1, broken: 1 });
    });
  }

  it('of other devices are left out', () => {
    for (const [linkType, header] of [
      [113, sll],
      [276, sll2],
    ] as const) {
      const { datagrams, skipped } = readCapture(pcap(linkType, header(REPLY, 4, 1), header(REPLY)));
      expect(datagrams).to.have.length(1);
      expect(skipped.otherFamilies).to.equal(1);
    }
  });

  it('of another link type are refused, where it is that of the whole file', () => {
    expect(() => readCapture(pcap(1, REPLY))).to.throw(UnsupportedError, 'link type 1 is not netlink (253)');
  });

  it('are written so that Wireshark knows the direction, and so do we', () => {
    const header = (fromKernel: boolean, bytes: Uint8Array): string =>
      Buffer.from(writeCapture([{ fromKernel, time: 1n, bytes, socket: 258 }]).subarray(40, 56)).toString('hex');
    expect(header(false, REQUEST)).to.equal('0004033800040000010200000000000c');
    expect(header(true, REPLY)).to.equal('0000033800040000010200000000000c');
    expect(header(false, REPLY)).to.equal('0007033800040000010200000000000c');
  });
});
