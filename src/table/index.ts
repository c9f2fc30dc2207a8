/**
 * A copy of the connection tracking table that stays true: `FlowTable.open()` is the way in.
 * @module ctnetlink/table
 * @packageDocumentation
 */
export type { ChangeCause, ChangeGap, ChangeType, FlowChange, TableChange } from './change.ts';
export type { Changes } from './change-queue.ts';
export { FlowTable, type Lookup, type TableProof } from './flow-table.ts';
export type { TableState } from './keeper.ts';
export type { ChangesOptions, FlowTableOptions } from './options.ts';
