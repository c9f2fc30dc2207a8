/**
 * `ctnetlink convert IN OUT`: a capture in another format or with other contents, in constant memory where it is a
 * file.
 */
import { readFileSync, statSync, writeSync } from 'node:fs';
import { capturedDatagrams } from '../../capture/capture.ts';
import type { CapturedDatagram } from '../../capture/datagram.ts';
import { fileSource } from '../../capture/file-source.ts';
import { type Scan, scan } from '../../capture/scan.ts';
import type { Skipped } from '../../capture/skipped.ts';
import { memorySource } from '../../capture/source.ts';
import { formatOfName, WRITERS, WRITTEN_FORMATS, type WrittenFormat } from '../../capture/writers.ts';
import { UsageError } from '../options/settings.ts';
import type { ToolName } from '../options/tool-names.ts';
import { complain } from '../output.ts';
import { named } from './named.ts';
import { replacement } from './replacement.ts';
import { refuseSame, STANDARD } from './same-file.ts';

/** What is written at once. */
const PIECE = 1 << 18;
/** As of what record() writes: what a network talks to is nobody else's business. */
const PRIVATE = 0o600;

export interface ConvertSettings {
  from: string;
  to: string;
  format: WrittenFormat;
}

/** What becomes of the datagrams on their way. */
export interface Change {
  datagrams(datagram: CapturedDatagram): Iterable<CapturedDatagram>;
  /** Of the kernel, for the header of the file. */
  release(release: string | undefined): string | undefined;
  /** What was not written, a line for each reason. Asked at the end. */
  leftOut(): string[];
}

const NO_CHANGE: Change = {
  datagrams: (datagram) => [datagram],
  release: (release) => release,
  leftOut: () => [],
};

/** @throws UsageError */
export function convertSettings(
  tool: ToolName,
  operands: readonly string[],
  given: string | undefined,
): ConvertSettings {
  if (operands.length !== 2) throw new UsageError(`${tool} takes two files: IN and OUT`);
  const [from, to] = operands;
  if (given !== undefined && !WRITTEN_FORMATS.includes(given as WrittenFormat))
    throw new UsageError(`\`${given}' is no format: there are ${WRITTEN_FORMATS.join(', ')}`);
  const format = (given as WrittenFormat | undefined) ?? (to === STANDARD ? 'hex' : formatOfName(to));
  if (format === undefined)
    throw new UsageError(`the name ${to} does not say which format: add --format ${WRITTEN_FORMATS.join(', ')}`);
  return { from, to, format };
}

/** Writes the capture and says on standard error what was left out. @returns the exit status */
export async function convert({ from, to, format }: ConvertSettings, change = NO_CHANGE): Promise<number> {
  const stat = from === STANDARD ? undefined : statSync(from);
  if (stat?.isDirectory() === true) throw new UsageError(`Failed to read file ${from}: it is a directory`);
  const file = stat?.isFile() === true ? fileSource(from) : undefined;
  try {
    const source = file ?? memorySource(from === STANDARD ? await standardInput() : readFileSync(from));
    const read = named(from, () => scan(source));
    if (file !== undefined) refuseSame(from, to);
    const { header, record } = WRITERS[format];
    const output = to === STANDARD ? standardOutput() : fileOutput(to);
    try {
      await output.write(header(format === 'pcapng' ? change.release(releaseOf(read)) : undefined));
      for (const datagram of capturedDatagrams(read)) {
        for (const each of change.datagrams(datagram)) if (output.add(record(each))) await output.flush();
      }
      await output.flush();
      output.keep();
    } finally {
      output.close();
    }
    for (const line of [...leftOut(read.skipped), ...change.leftOut()]) complain(`${from}: ${line}`);
    return 0;
  } finally {
    file?.close();
  }
}

/** It is in the header, before the datagrams. */
function releaseOf(read: Scan): string | undefined {
  for (const _datagram of read.datagrams()) if (read.notes.release !== undefined) break;
  return read.notes.release;
}

async function standardInput(): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of process.stdin) pieces.push(piece);
  return Buffer.concat(pieces);
}

interface PieceOutput {
  write(bytes: Uint8Array): Promise<void>;
  /** Keeps bytes until the next flush. True when it is time for one. */
  add(bytes: Uint8Array): boolean;
  flush(): Promise<void>;
  /** It is whole. What is closed before leaves a file as it was. */
  keep(): void;
  close(): void;
}

function inPieces(
  write: (bytes: Uint8Array) => Promise<void>,
  file?: Pick<PieceOutput, 'keep' | 'close'>,
): PieceOutput {
  let pieces: Uint8Array[] = [];
  let length = 0;
  return {
    write,
    add: (bytes) => {
      pieces.push(bytes);
      length += bytes.length;
      return length >= PIECE;
    },
    flush: async () => {
      const bytes = Buffer.concat(pieces);
      pieces = [];
      length = 0;
      if (bytes.length > 0) await write(bytes);
    },
    keep: () => file?.keep(),
    close: () => file?.close(),
  };
}

function standardOutput(): PieceOutput {
  // A reader that stops has enough: `| head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 141 : 1));
  const write = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve) => void process.stdout.write(bytes, () => resolve()));
  return inPieces(write);
}

function fileOutput(path: string): PieceOutput {
  const { descriptor, ...file } = replacement(path, PRIVATE);
  const write = async (bytes: Uint8Array): Promise<void> => {
    for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
  };
  return inPieces(write, file);
}

/** What a capture has that was not written, a line for each reason. */
export function leftOut(skipped: Skipped): string[] {
  const { truncated, broken, otherFamilies, otherLinkTypes, cut } = skipped;
  const counts: [count: number, what: string][] = [
    [truncated, 'of netfilter were cut when they were captured; their whole messages are kept'],
    [broken, 'are broken; their whole messages are kept'],
    [otherFamilies, 'of other netlink families are left out'],
    [otherLinkTypes, 'of other link types are left out'],
  ];
  const lines = counts
    .filter(([count]) => count > 0)
    .map(([count, what]) => (count === 1 ? `1 packet ${singular(what)}` : `${count} packets ${what}`));
  if (cut !== undefined) lines.push(`it ends early, at byte ${cut.offset}: ${cut.reason}`);
  return lines;
}

function singular(what: string): string {
  return what
    .replace('were cut when they were', 'was cut when it was')
    .replace(/\bare (broken|left)/, 'is $1')
    .replace('their', 'its');
}
