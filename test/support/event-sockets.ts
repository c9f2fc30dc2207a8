/** Sockets of the kernel's with socket filters, and events of every kind for them. */
import type { Transport, TransportFactory } from '../../src/netlink/transport.ts';
import { openKoffi } from '../../src/transport/adapters/koffi.ts';
import {
  NFNLGRP_CONNTRACK_DESTROY,
  NFNLGRP_CONNTRACK_NEW,
  NFNLGRP_CONNTRACK_UPDATE,
} from '../../src/uapi/nfnetlink.ts';
import { changeFlows } from './change.ts';
import { sh } from './kernel.ts';
import { mixedFlows, tcpConnection } from './traffic.ts';

/**
 * Imported here and not by name: a loader of TypeScript may load what is imported later once more, with errors of its
 * own.
 */
export const koffi: TransportFactory = openKoffi;

/** The same without attachFilter: what is filtered is filtered here. */
export const koffiWithoutFilters: TransportFactory = async (options) =>
  Object.assign(await koffi(options), { attachFilter: undefined });

const GROUPS = [NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY];

/** What waits to be read. */
function drain(transport: Transport): Uint8Array[] {
  const events: Uint8Array[] = [];
  for (let next = transport.receive(); next !== undefined; next = transport.receive()) events.push(next.bytes.slice());
  return events;
}

/** Flows of real packets and of requests in all their variety, then changes, and the end of all of them. */
async function everything(): Promise<void> {
  const dispose = await mixedFlows();
  try {
    await tcpConnection(8080);
    await changeFlows(koffi, { orig: { src: '10.0.2.1' } }, { mark: 7 });
    await changeFlows(koffi, { orig: { src: 'fd00::1' } }, { mark: 0 });
  } finally {
    await dispose();
  }
  sh('conntrack', '-F');
}

/**
 * What comes of the same events to a socket without a filter, and to one for each of these programs; undefined is none.
 * Needs a namespace that is reset.
 * @param cause causes the events
 */
export async function programsInKernel(
  programs: readonly (Uint8Array | undefined)[],
  cause: () => Promise<void>,
): Promise<{ all: Uint8Array[]; filtered: Uint8Array[][] }> {
  const sockets: Transport[] = [];
  const open = async (program?: Uint8Array): Promise<Transport> => {
    const transport = await koffi({ events: true });
    sockets.push(transport);
    transport.start({ readable: () => {}, failed: () => {} });
    if (program !== undefined) transport.attachFilter!(program);
    for (const group of GROUPS) transport.joinGroup(group);
    return transport;
  };
  try {
    const plain = await open();
    const attached: Transport[] = [];
    for (const program of programs) attached.push(await open(program));
    await cause();
    return { all: drain(plain), filtered: attached.map(drain) };
  } finally {
    for (const socket of sockets) socket.close();
  }
}

/** The same of flows in all their variety, by the names of the programs. Needs nft and conntrack. */
export async function filteredByKernel(
  programs: Readonly<Record<string, Uint8Array>>,
): Promise<{ all: Uint8Array[]; filtered: ReadonlyMap<string, Uint8Array[]> }> {
  const { all, filtered } = await programsInKernel(Object.values(programs), everything);
  return { all, filtered: new Map(Object.keys(programs).map((name, index) => [name, filtered[index]])) };
}

/** Events as text, to be compared. */
export function hexOf(events: readonly Uint8Array[]): string[] {
  return events.map((each) => Buffer.from(each).toString('hex'));
}
