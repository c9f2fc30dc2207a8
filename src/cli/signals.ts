/**
 * Calls `stop` with the first SIGINT or SIGTERM. The second one ends the process at once, whatever is still to be
 * printed. The result ends this.
 */
export function atSignal(stop: (signal: NodeJS.Signals) => void): () => void {
  let stopped = false;
  const signalled = (signal: NodeJS.Signals): void => {
    if (stopped) {
      unhook();
      process.kill(process.pid, signal);
      return;
    }
    stopped = true;
    stop(signal);
  };
  const unhook = (): void => {
    process.off('SIGINT', signalled);
    process.off('SIGTERM', signalled);
  };
  process.on('SIGINT', signalled);
  process.on('SIGTERM', signalled);
  return unhook;
}
