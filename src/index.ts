/**
 * Connection tracking from TypeScript: `Conntrack.open()` is the way in.
 *
 * Other entry points: ctnetlink/nfct has the functions of libnetfilter_conntrack, ctnetlink/format prints as
 * conntrack(8) does, ctnetlink/replay records netlink traffic and replays it, ctnetlink/netlink is the layer below for
 * programs that use another subsystem, and ctnetlink/uapi has the constants of the kernel's headers.
 * @module ctnetlink
 * @packageDocumentation
 */
export type { CallOptions } from './conntrack/call.ts';
export { Conntrack, type ConntrackOptions } from './conntrack/conntrack.ts';
export { LabelsError } from './conntrack/created-labels.ts';
export type { Dump } from './conntrack/dump.ts';
export type { EventSocketOptions } from './conntrack/event-sockets.ts';
export type { Events, OverrunEvent } from './conntrack/events.ts';
export type { DeleteManyOptions, UpdateManyOptions } from './conntrack/exact-many.ts';
export type { ExpectationEventOptions, ExpectationEventOrOverrun } from './conntrack/expectation-events.ts';
export type { Expectations } from './conntrack/expectations.ts';
export type { DumpOptions, Table } from './conntrack/flow-dump.ts';
export type { EventOptions, FlowEventOrOverrun } from './conntrack/flow-events.ts';
export {
  type Failure,
  type Flows,
  ManyError,
  type ManyOptions,
  type ManyResult,
  type Place,
} from './conntrack/many.ts';
export {
  type ExpectationItems,
  RestoreError,
  type RestoreFailure,
  type RestoreItem,
  type RestoreLoss,
  type RestoreOptions,
  type RestoreResult,
  type Snapshot,
} from './conntrack/restore.ts';
export type { RestoreCounts } from './conntrack/restored.ts';
export {
  type DeleteWhereOptions,
  type DeleteWhereResult,
  type UpdateWhereOptions,
  type UpdateWhereResult,
  type Where,
  type WhereCounts,
  WhereError,
  type WhereFailure,
} from './conntrack/where.ts';
export type {
  ExpectationInit,
  ExpectationJSON,
  ExpectationProperties,
  ExpectationView,
  ExpectNatProperties,
} from './ctnetlink/attributes/expectation-properties.ts';
export type {
  CounterProperties,
  DccpProperties,
  FilterProperties,
  FlowInit,
  FlowJSON,
  FlowProperties,
  FlowView,
  HelperProperties,
  InitOf,
  JSONOf,
  NatProperties,
  SctpProperties,
  SeqadjProperties,
  SynproxyProperties,
  TcpProperties,
  TimestampProperties,
  TupleInit,
  TupleProperties,
  UnknownInit,
  UnknownJSON,
  ViewOf,
} from './ctnetlink/attributes/flow-properties.ts';
export type { UnknownAttribute } from './ctnetlink/codec/codec.ts';
export type { EventType, ExpectationEvent, ExpectationEventType, FlowEvent } from './ctnetlink/event.ts';
export { Expectation } from './ctnetlink/expectation.ts';
export type { ExpectationFilter, ExpectationTupleFilter } from './ctnetlink/filter/expectation.ts';
export {
  type AddressTerm,
  type Compiled,
  CompiledFilter,
  type Count,
  type CounterFilter,
  type CountRange,
  type Filter,
  type FilterInit,
  type FilterPart,
  type FilterTerm,
  type Masked,
  type NatTerm,
  type StatusTerm,
  type TupleFilter,
} from './ctnetlink/filter/filter.ts';
export type { Range, Ranges } from './ctnetlink/filter/ranges.ts';
export { formatFilter } from './ctnetlink/filter/text/format.ts';
export { type ParseFilterOptions, parseFilter } from './ctnetlink/filter/text/parse.ts';
export { FilterSyntaxError } from './ctnetlink/filter/text/syntax-error.ts';
export { Flow } from './ctnetlink/flow.ts';
export type { Loss } from './ctnetlink/losses.ts';
export type { DccpRole, DccpState, Family, Protocol, SctpState, TcpState } from './ctnetlink/names.ts';
export type { TranslatedEnd, Translation } from './ctnetlink/nat.ts';
export type { FlowPatch } from './ctnetlink/patch.ts';
export type { CpuStats, ExpectationCpuStats, GlobalStats } from './ctnetlink/stats.ts';
export { STATUS_BITS, type StatusName, type StatusText, statusBits, statusNames } from './ctnetlink/status.ts';
export { timestampDate } from './ctnetlink/timestamp.ts';
export {
  ClosedError,
  DecodeError,
  DumpInterruptedError,
  type ExtendedAck,
  KernelError,
  type KernelErrorDetails,
  NetlinkError,
  OverrunError,
  RequestError,
  TransportError,
  UnsupportedError,
} from './netlink/errors.ts';
export type { Netns, NetnsInfo } from './netlink/netns.ts';
export type { TrackerCounts } from './netlink/sequence.ts';
export type {
  Datagram,
  Transport,
  TransportFactory,
  TransportListener,
  TransportOptions,
} from './netlink/transport.ts';
export { type OpenOptions, openTransport, type TransportName } from './transport/open.ts';
