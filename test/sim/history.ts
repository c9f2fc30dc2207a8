/** What happened to the table of a model, and when, by a clock that counts the changes. */
import type { CtnetlinkModel } from '../../src/testing/model.ts';

/** What became of a flow. */
export interface Change {
  /** When, by the clock of the history. */
  readonly at: number;
  /** Its mark since; undefined: it is gone. */
  readonly mark: number | undefined;
}

export class History {
  /** Counts the changes of the table. */
  clock = 0;
  /** By original tuple and zone, everything that happened to it. */
  readonly changes = new Map<string, Change[]>();
  /** How often a request with this mark has created or changed a flow. */
  readonly executed = new Map<number, number>();

  constructor(model: CtnetlinkModel) {
    model.table.changed = (key, mark) => {
      const change = { at: ++this.clock, mark };
      const changes = this.changes.get(key);
      if (changes === undefined) this.changes.set(key, [change]);
      else changes.push(change);
    };
    model.flows.executed = (mark) => void this.executed.set(mark, (this.executed.get(mark) ?? 0) + 1);
  }
}
