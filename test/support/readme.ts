/** The programs of the README and the tour. */
const DUMP = /^192\.0\.2\.7 -> 192\.0\.2\.8:53, expires in \d+ s, mark 0\n\{ entries: 1, maxEntries: \d+ \}\n$/;

/** By page, what each of its programs prints, in their order: enough to see that it did its work. */
export const PRINTS: Readonly<Record<string, readonly RegExp[]>> = {
  'README.md': [DUMP],
  'docs/tour.md': [
    DUMP,
    /mark: 23[\s\S]*create: EEXIST: a flow with one of these tuples exists already/,
    /^\{ succeeded: 50000, failed: 0 \}\n\{ succeeded: 25000, failed: 0 \}\n$/,
    /^new \{[\s\S]*src: '10\.0\.0\.1'[\s\S]*\} by \d+\n$/,
    /^ftp expects 192\.0\.2\.1 5000\n$/,
    /^\[ 1, 0 \]\n$/,
    /^$/,
    /^192\.0\.2\.7\n$/,
  ],
};
