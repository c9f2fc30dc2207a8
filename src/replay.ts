/** Recorded netlink traffic: record it on a machine that has it, replay it in tests that need neither root nor Linux. */
export { type CapturedDatagram, pcapFileHeader, pcapRecord, readPcap } from './transport/pcap.ts';
export { RecordError, type Recorder, type RecordOptions, record } from './transport/record.ts';
export { ReplayError, type ReplayOptions, replay } from './transport/replay.ts';
