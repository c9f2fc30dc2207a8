import type { BuildRequest } from '../netlink/writer.ts';
import { nfnlType, writeNfgenmsg } from '../nfnetlink/nfgenmsg.ts';
import type { Codec, SlotHolder } from './codec.ts';

/**
 * A request of either subsystem with exactly these attributes, and no check. An array is written one after the other, for an order that is not
 * that of the rows.
 */
export function buildNfnl(
  subsystem: number,
  [type, flags]: readonly [type: number, flags: number],
  codec: Codec,
  family: number,
  parts: readonly SlotHolder[],
  version: number,
): BuildRequest {
  return (writer, sequence) => {
    const at = writer.beginMessage(nfnlType(subsystem, type), flags, sequence);
    writeNfgenmsg(writer, family, version);
    for (const part of parts) codec.write(writer, part);
    writer.endMessage(at);
  };
}
