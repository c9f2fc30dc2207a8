import type { Changes, FlowTable, TableChange } from '../../table/index.ts';

/** A table that is watched. */
export interface Watched {
  readonly table: FlowTable;
  readonly changes: Changes;
  /** Its name, if there are several. */
  readonly netns: string | undefined;
  /** All of its changes so far have been shown. */
  idle: boolean;
}

/** Shows what happens to tables. */
export interface Display {
  /** How often it looks at the tables, in milliseconds. */
  readonly every: number;
  change(of: Watched, change: TableChange): Promise<void>;
  look(): void;
}
