/**
 * Modules of the runtime, where it has them: Node.js, Electron, Deno and Bun. A static import of one would keep
 * whatever imports this package from running in a browser, where captures are replayed and read too.
 */
interface Modules {
  'node:fs': typeof import('node:fs');
  'node:os': typeof import('node:os');
  'node:timers': typeof import('node:timers');
  'node:util': typeof import('node:util');
  'node:v8': typeof import('node:v8');
  'node:worker_threads': typeof import('node:worker_threads');
  'node:zlib': typeof import('node:zlib');
}

export function builtin<Name extends keyof Modules>(name: Name): Modules[Name] | undefined {
  return globalThis.process?.getBuiltinModule?.(name) as Modules[Name] | undefined;
}

/** This is no worker thread, as far as the runtime knows worker threads. */
export const isMainThread: boolean = builtin('node:worker_threads')?.isMainThread ?? true;

/** @throws Error where there are no files, as in a browser */
export function files(): Modules['node:fs'] {
  const fs = builtin('node:fs');
  if (fs === undefined) throw new Error('there are no files in this runtime');
  return fs;
}
