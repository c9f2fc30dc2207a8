/** Captures that a test makes: datagrams in memory, and the fixtures. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CapturedDatagram } from '../../src/capture/datagram.ts';
import { pcapFileHeader, pcapRecord } from '../../src/capture/pcap.ts';
import type { Transport } from '../../src/netlink/transport.ts';
import { NLMSG_NOOP, NLMSG_OVERRUN } from '../../src/uapi/netlink.ts';
import { concat, datagram, message } from './fake-transport.ts';

/** One datagram of these messages, sent by the program. */
export function sent(...messages: Uint8Array[]): CapturedDatagram {
  return { fromKernel: false, time: 1_700_000_000_123_456_789n, bytes: datagram(...messages) };
}

/** The same, sent by the kernel. */
export function came(...messages: Uint8Array[]): CapturedDatagram {
  return { ...sent(...messages), fromKernel: true };
}

/** Where events were lost. */
export function overrun(): CapturedDatagram {
  return came(message(0, [], { type: NLMSG_OVERRUN }));
}

/** Which kernel it was. */
export function release(text: string): CapturedDatagram {
  return came(message(0, new TextEncoder().encode(text), { type: NLMSG_NOOP }));
}

/** A capture file. */
export function pcap(...datagrams: CapturedDatagram[]): Uint8Array {
  return concat(pcapFileHeader(), ...datagrams.map(pcapRecord));
}

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** Names of the fixtures that we recorded. */
export const fixtureNames: readonly string[] = readdirSync(FIXTURES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'captures')
  .map(({ name }) => name);

export function fixturePath(name: string): string {
  return `${FIXTURES}${name}/capture.pcap`;
}

export function fixtureBytes(name: string): Uint8Array {
  return readFileSync(fixturePath(name));
}

/** A transport that was started and reports to nobody. */
export function started(transport: Transport): Transport {
  transport.start({ readable: () => {}, failed: () => {} });
  return transport;
}

/** All that can be received now. */
export function drain(transport: Transport): Uint8Array[] {
  const datagrams: Uint8Array[] = [];
  for (;;) {
    const next = transport.receive();
    if (next === undefined) return datagrams;
    datagrams.push(next.bytes.slice());
  }
}
