/** What looks at the kernel beside the transport that is examined, and does to it what other programs do. */

import type { TransportFactory } from '../../../src/netlink/transport.ts';
import { openTransport } from '../../../src/transport/open.ts';
import { resetNamespace, sh } from '../../support/kernel.ts';
import { tcpConnection, tracking } from '../../support/traffic.ts';
import type { Context } from './case.ts';
import { nothingLeftOpen, portids } from './sockets.ts';

export interface Witness {
  /** Another program's socket. */
  readonly open: TransportFactory;
  /** How many flows there are. */
  count(): number;
  /** Deletes all of them. */
  flush(): void;
  /** How many netfilter sockets are open. */
  sockets(): number;
  /** Makes a TCP connection to this port of the machine itself. @returns the port of the other end */
  connect(port: number): Promise<number>;
  /** Runs what must leave nothing open. */
  leavesNothing(body: () => Promise<void>): Promise<void>;
  /** Puts the kernel into a known state, without flows. */
  reset(): void;
}

/** What a file or process before this one may have left: rules, sysctls, expectations. */
let unknown = true;

/** The running kernel, and conntrack(8). */
const RUNNING: Witness = {
  open: openTransport,
  count: () => Number(sh('conntrack', '-C')),
  flush: () => void sh('conntrack', '-F'),
  sockets: () => portids().length,
  async connect(port) {
    unknown = true;
    tracking();
    return (await tcpConnection(port)).localPort;
  },
  leavesNothing: nothingLeftOpen,
  // No case leaves anything but flows, except by `connect`. Each of the other commands takes as long as a short case.
  reset() {
    if (unknown) resetNamespace();
    else sh('conntrack', '-F');
    unknown = false;
  },
};

export function witnessOf({ witness = RUNNING }: Context): Witness {
  return witness;
}

/** Runs what must leave nothing open. */
export async function leavesNothing(context: Context, body: () => Promise<void>): Promise<void> {
  await witnessOf(context).leavesNothing(body);
}
