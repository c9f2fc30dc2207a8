/**
 * Recorded netlink traffic: record it on a machine that has it, replay it in tests that need neither root nor Linux.
 * @module ctnetlink/replay
 * @packageDocumentation
 */
export { type AnonymizeOptions, anonymize, type Dropped, type DropWord } from './anonymize/anonymize.ts';
export { type Capture, readCapture, type WriteCaptureOptions, writeCapture } from './capture/capture.ts';
export type { CapturedDatagram } from './capture/datagram.ts';
export { type FileSource, fileSource } from './capture/file-source.ts';
export { messages } from './capture/messages.ts';
export { overrunNote, releaseNote } from './capture/notes.ts';
export { pcapFileHeader, pcapRecord } from './capture/pcap.ts';
export { type Scan, type Scanned, scan } from './capture/scan.ts';
export type { Skipped } from './capture/skipped.ts';
export { memorySource, type Source } from './capture/source.ts';
export type { WrittenFormat } from './capture/writers.ts';
export { ReplayError } from './replay/error.ts';
export type { ReplayOptions } from './replay/options.ts';
export { replay } from './replay/replay.ts';
export { RecordError, type Recorder, type RecordOptions, record } from './transport/record.ts';
