/** What a callback finds in its object, against what the C library parses from the same message. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { readCapture } from '../../src/capture/capture.ts';
import { decodeFlow, eventTypeOf } from '../../src/ctnetlink/message.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { walkDatagram } from '../../src/netlink/nlmsg.ts';
import { nfct_attr_is_set, nfct_get_attr } from '../../src/nfct/index.ts';
import { ALL_IDS, hex, valueInC, widthOf } from '../support/nfct/memory.ts';
import { attrs } from '../support/oracle/oracle.ts';
import { describeOracle } from '../support/oracle.ts';

/** Every message about a flow that the kernel sent in a scenario. */
function messagesOf(scenario: string): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (const { fromKernel, bytes } of readCapture(
    readFileSync(new URL(`../../fixtures/${scenario}/capture.pcap`, import.meta.url)),
  ).datagrams) {
    if (!fromKernel) continue;
    walkDatagram(viewOf(bytes), (header, _view, offset, end) => {
      if (eventTypeOf(header) !== undefined) messages.push(bytes.slice(offset, end));
    });
  }
  return messages;
}

describeOracle('nfct: objects as the C library parses them', () => {
  for (const scenario of ['mixed', 'events', 'requests', 'filtered']) {
    it(`from every message of fixtures/${scenario}`, () => {
      const messages = messagesOf(scenario);
      expect(messages).not.to.have.length(0);
      attrs(messages).forEach((theirs, index) => {
        const message = messages[index];
        if (!(theirs instanceof Map)) throw new Error(`errno ${theirs.errno} for ${hex(message)}`);
        const ct = decodeFlow(viewOf(message), 0, message.length);
        for (const id of ALL_IDS) {
          const memory = theirs.get(id);
          const name = `attribute ${id} (${widthOf(id)}) of ${hex(message)}`;
          expect(nfct_attr_is_set(ct, id), name).to.equal(memory === undefined ? 0 : 1);
          if (memory !== undefined) expect(nfct_get_attr(ct, id), name).to.deep.equal(valueInC(id, memory));
        }
      });
    });
  }
});
