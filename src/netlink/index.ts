export { Batch, type TakeReply } from './batch.ts';
export { BpfProgram } from './bpf.ts';
export { BpfAssembler, type Label } from './bpf-assembler.ts';
export * from './byteorder.ts';
export {
  ClosedError,
  DecodeError,
  DumpInterruptedError,
  type ExtendedAck,
  errnoName,
  KernelError,
  type KernelErrorDetails,
  NetlinkError,
  OverrunError,
  RequestError,
  TransportError,
  UnsupportedError,
} from './errors.ts';
export * from './filtering.ts';
export * from './nlattr.ts';
export * from './nlmsg.ts';
export * from './nlmsgerr.ts';
export { bytesOf, type Operation, operation, type Request } from './request.ts';
export type { EventSink, Explain, ReplySink, TrackerCounts } from './sequence.ts';
export { NetlinkSocket, type RequestHandle, type RequestOptions } from './socket.ts';
export * from './transport.ts';
export * from './writer.ts';
