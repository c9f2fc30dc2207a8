/** What `next()` of a dump or an event stream returns when nothing follows. */
export const ITERATION_END: IteratorReturnResult<undefined> = Object.freeze({ value: undefined, done: true });
