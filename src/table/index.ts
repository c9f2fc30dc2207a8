/**
 * A copy of the connection tracking table that stays true: `FlowTable.open()` is the way in.
 * @module ctnetlink/table
 * @packageDocumentation
 */
export type { ChangeCause, ChangeGap, ChangeType, FlowChange, TableChange, TableNews } from './change.ts';
export type { Changes } from './changes.ts';
export { FlowTable, type Lookup } from './flow-table.ts';
export type { ChangesOptions, FlowTableOptions } from './options.ts';
export type { TableProof } from './proof.ts';
export type { MissingReason, TableState } from './state.ts';
