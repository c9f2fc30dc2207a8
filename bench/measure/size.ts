/** How much is measured. */
export interface Size {
  flows: number;
  rounds: number;
}

/** Of flows that are made one by one, and of their events. */
export const MOST_REQUESTS = 100_000;
