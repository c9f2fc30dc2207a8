/** A datagram in memory of ours: valid until it is received into again. */
import type { Datagram } from '../../netlink/transport.ts';

export class Received implements Datagram {
  view: DataView;
  sender = 0;
  truncated = false;
  nsid: number | undefined = undefined;

  constructor(view: DataView) {
    this.view = view;
  }

  /** Made when asked for: only a recorder does. */
  get bytes(): Uint8Array {
    const { buffer, byteOffset, byteLength } = this.view;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
}
