/** A list of command lines about one thing, and where they are run. */

export interface Topic {
  title: string;
  /** Lines for conntrack -R: the flows that there are. Default: none. */
  state?: readonly string[];
  /** The lines change the table: each starts with the state, and what they leave is compared too. */
  changes?: boolean;
  /** conntrack(8) prints only some, at random, of several flows that it changes: its lines must be among ours. */
  printsSome?: boolean;
  /**
   * Words between spaces, `''` an empty one; an array has them one by one. `{ID}` is the id of the flow
   * from 10.0.0.1 port 1000 in the namespace where the line runs.
   */
  lines: readonly (string | readonly string[])[];
}

export function words(line: string | readonly string[]): readonly string[] {
  return typeof line === 'string' ? line.split(' ').map((word) => (word === "''" ? '' : word)) : line;
}
