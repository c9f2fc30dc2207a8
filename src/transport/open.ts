/** Which socket runs: the only file that knows the adapters, each loaded when it is wanted. */
import { checkBoolean, checkInteger, checkOptions, describe } from '../netlink/check.ts';
import { UnsupportedError } from '../netlink/errors.ts';
import type { Transport, TransportFactory, TransportOptions } from '../netlink/transport.ts';

/** Adapters by name. */
const ADAPTERS = {
  'node:ffi': async (options: OpenOptions) => (await import('./node-ffi.ts')).openNodeFfi(options),
  koffi: async (options: OpenOptions) => (await import('./koffi.ts')).openKoffi(options),
  deno: async (options: OpenOptions) => (await import('./deno.ts')).openDeno(options),
  bun: async (options: OpenOptions) => (await import('./bun.ts')).openBun(options),
  addon: async (options: OpenOptions) => (await import('./addon.ts')).openAddon(options),
} as const;

export type TransportName = keyof typeof ADAPTERS;

export interface OpenOptions extends TransportOptions {
  /** A name, or what opens transports (replay(), record(), a test's own). Default: $CTNETLINK_TRANSPORT, else the first that works here. */
  transport?: TransportName | TransportFactory;
  /** See AddonOptions: events over the addon, which aborts the process when they overrun. */
  eventsMayAbortProcess?: boolean;
}

/** What is tried in this runtime, in this order: its own means, then what a package brings. */
function candidates(): readonly TransportName[] {
  if ('Deno' in globalThis) return ['deno', 'koffi'];
  if ('Bun' in globalThis) return ['bun', 'koffi'];
  if (process.versions.electron !== undefined) return ['koffi'];
  return ['node:ffi', 'koffi', 'addon'];
}

/** $CTNETLINK_TRANSPORT, where the program may see it: Deno asks for a permission. */
function fromEnvironment(): string | undefined {
  try {
    return process.env.CTNETLINK_TRANSPORT;
  } catch {
    return undefined;
  }
}

/** The one command that mends it. */
function remedy(): string {
  if (process.platform !== 'linux')
    return 'The live kernel needs Linux; captures are replayed anywhere (ctnetlink/replay)';
  if ('Deno' in globalThis) return 'What mends it: deno run --allow-ffi --allow-sys ...';
  return 'What mends it: npm install koffi';
}

const UNSUPPORTED = new UnsupportedError('').code;

const NAMES = Object.keys(ADAPTERS).join(', ');

function isAdapter(name: unknown): name is TransportName {
  return typeof name === 'string' && Object.hasOwn(ADAPTERS, name);
}

/** @throws TypeError, RangeError naming the option */
export function checkOpenOptions(options: OpenOptions): void {
  checkOptions(options);
  const { receiveBuffer } = options;
  // setsockopt takes an int; what an adapter said of anything else would not name the option.
  if (receiveBuffer !== undefined) checkInteger(receiveBuffer, 0x7fffffff, 'options.receiveBuffer', 1);
  checkBoolean(options.reliable, 'options.reliable');
  checkBoolean(options.receiveAhead, 'options.receiveAhead');
}

/**
 * @throws UnsupportedError when nothing can be opened here, with what was tried and why each failed
 * @throws TransportError
 * @throws TypeError for an unknown name (in the environment: UnsupportedError); TypeError, RangeError for a receiveBuffer that is none
 */
export async function openTransport(options: OpenOptions = {}): Promise<Transport> {
  checkOpenOptions(options);
  const { transport } = options;
  if (typeof transport === 'function') return await transport(options);
  if (transport !== undefined) {
    if (isAdapter(transport)) return await ADAPTERS[transport](options);
    throw new TypeError(`transport must be ${NAMES} or a function, not ${describe(transport)}`);
  }
  const wanted = fromEnvironment();
  if (wanted !== undefined && wanted !== '') {
    if (isAdapter(wanted)) return await ADAPTERS[wanted](options);
    // Not the program's mistake, but of who runs it.
    throw new UnsupportedError(`$CTNETLINK_TRANSPORT must be ${NAMES}, not '${wanted}'`);
  }
  const refusals: string[] = [];
  for (const name of candidates()) {
    try {
      return await ADAPTERS[name](options);
    } catch (error) {
      // Not by its class: a loader that runs TypeScript may have loaded it twice.
      const { code, message } = error as UnsupportedError;
      if (code !== UNSUPPORTED) throw error;
      refusals.push(`${name}: ${message}`);
    }
  }
  throw new UnsupportedError(`no netlink socket can be opened here. Tried: ${refusals.join('; ')}. ${remedy()}`);
}
