import type { Changes, FlowTable, TableChange, TableNews } from '../../table/index.ts';

/** A table that is watched. */
export interface Watched {
  readonly table: FlowTable;
  readonly changes: Changes<TableChange | TableNews>;
  /** Its name, if there are several. */
  readonly netns: string | undefined;
}

/** Shows what happens to tables. */
export interface Display {
  change(of: Watched, change: TableChange): Promise<void>;
  state(of: Watched, news: TableNews): void;
  /** Once a second, and before the end. Not there: it shows nothing but what happens. */
  look?(): void;
}
