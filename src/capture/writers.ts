/** The formats that are written, datagram by datagram. */
import type { CapturedDatagram } from './datagram.ts';
import { HEX_HEADER, hexLine } from './hex.ts';
import { pcapFileHeader, pcapRecord } from './pcap.ts';
import { pcapngFileHeader, pcapngRecord } from './pcapng-write.ts';

/** A format that captures are written in: 'hex' is a line of text for each datagram. */
export type WrittenFormat = 'pcap' | 'pcapng' | 'hex';

export const WRITTEN_FORMATS: readonly WrittenFormat[] = ['pcap', 'pcapng', 'hex'];

/** A file is its header and records behind one another. */
export interface CaptureWriter {
  /** @param release of the kernel, where the format has a place for it beside the note */
  header(release?: string): Uint8Array;
  record(datagram: CapturedDatagram): Uint8Array;
}

const encoder = new TextEncoder();

export const WRITERS: Readonly<Record<WrittenFormat, CaptureWriter>> = {
  pcap: { header: pcapFileHeader, record: pcapRecord },
  pcapng: { header: pcapngFileHeader, record: pcapngRecord },
  hex: { header: () => encoder.encode(HEX_HEADER), record: (datagram) => encoder.encode(hexLine(datagram)) },
};

const ENDINGS: Readonly<Record<string, WrittenFormat>> = {
  pcap: 'pcap',
  cap: 'pcap',
  pcapng: 'pcapng',
  hex: 'hex',
  txt: 'hex',
};

/** The format that the end of a file's name says; undefined where it says none. */
export function formatOfName(path: string): WrittenFormat | undefined {
  return ENDINGS[/\.([^./]+)$/.exec(path)?.[1].toLowerCase() ?? ''];
}
