/**
 * A kernel for tests: a table of flows in memory that answers as Linux does, without root and on any system.
 * @module ctnetlink/testing
 * @packageDocumentation
 */
export { type FailOptions, type FakeKernel, fakeKernel } from './fake-kernel.ts';
export type { FakeKernelOptions } from './options.ts';
export type { FakeOperation } from './scripts.ts';
export { exchange, type Packet, type TcpPacket, tcpClose, tcpHandshake } from './traffic.ts';
