/** Items that have been begun while the first of them is waited for. */
const AHEAD = 3;

/**
 * What comes of each item, in the order of the items, some of which are worked on at a time. Where the source or the
 * work fails, what was begun is seen to its end first.
 */
export async function* inTurn<T, R>(source: AsyncIterable<T>, work: (item: T) => Promise<R>): AsyncGenerator<R> {
  const begun: Promise<R>[] = [];
  let failure: { error: unknown } | undefined;
  try {
    for await (const item of source) {
      const result = work(item);
      // The caller that waits for it gets the error.
      result.catch(() => {});
      begun.push(result);
      if (begun.length > AHEAD) yield await begun.shift()!;
    }
  } catch (error) {
    failure = { error };
  }
  for (const result of begun) {
    try {
      yield await result;
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure !== undefined) throw failure.error;
}
