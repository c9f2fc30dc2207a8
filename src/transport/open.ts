/** Which socket runs: the only file that knows the adapters, each loaded when it is wanted. */
import { type Check, type Checks, checkBoolean, checkInteger, checkOptions, describe } from '../netlink/check.ts';
import { UnsupportedError } from '../netlink/errors.ts';
import { checkNetns, Namespace, type Netns } from '../netlink/netns.ts';
import type { Transport, TransportFactory, TransportOptions } from '../netlink/transport.ts';
import {
  environmentVariable,
  hasNodePermissions,
  isAccessDenied,
  missingAddonFlags,
  refusesAllAddons,
} from './permissions.ts';

/** Adapters by name. */
const ADAPTERS = {
  'node:ffi': async (options: OpenOptions) => (await import('./adapters/node-ffi.ts')).openNodeFfi(options),
  koffi: async (options: OpenOptions) => (await import('./adapters/koffi.ts')).openKoffi(options),
  deno: async (options: OpenOptions) => (await import('./adapters/deno.ts')).openDeno(options),
  bun: async (options: OpenOptions) => (await import('./adapters/bun.ts')).openBun(options),
  addon: async (options: OpenOptions) => (await import('./adapters/addon.ts')).openAddon(options),
} as const satisfies Record<TransportName, (options: OpenOptions) => Promise<Transport>>;

/**
 * What carries the messages: 'node:ffi' (Node.js 26 with --experimental-ffi), 'koffi' (the package koffi), 'deno' and
 * 'bun' (their own foreign functions), 'addon' (the package netlink).
 */
export type TransportName = 'node:ffi' | 'koffi' | 'deno' | 'bun' | 'addon';

/** What Conntrack.open, nfct_open, openTransport and record take. */
export interface OpenOptions extends TransportOptions {
  /**
   * A name, or what opens transports (replay(), record(), a test's own). Default: $CTNETLINK_TRANSPORT, else the first
   * that works here.
   */
  transport?: TransportName | TransportFactory | undefined;
  /**
   * Lets event streams run over the addon, which aborts the process when events overrun its receive buffer. Without it,
   * the addon refuses events with an UnsupportedError. Default: false.
   */
  eventsMayAbortProcess?: boolean | undefined;
}

/** What is tried in this runtime, in this order: its own means, then what a package brings. */
function candidates(): readonly TransportName[] {
  if ('Deno' in globalThis) return ['deno', 'koffi'];
  if ('Bun' in globalThis) return ['bun', 'koffi'];
  if (globalThis.process === undefined) return [];
  if (process.versions.electron !== undefined) return ['koffi'];
  return ['node:ffi', 'koffi', 'addon'];
}

/** The one command that mends it, after these errors of the candidates. */
function remedy(refusals: readonly Error[]): string {
  if (globalThis.process?.platform !== 'linux')
    return 'The live kernel needs Linux; captures are replayed anywhere (ctnetlink/replay)';
  if ('Deno' in globalThis) return 'What mends it: deno run --allow-ffi ...';
  if (refusals.some(({ cause }) => refusesAllAddons(cause))) return 'What mends it: start Node.js without --no-addons';
  const flags = nodeFlags(refusals);
  return flags.length > 0
    ? `What mends it: start Node.js with ${flags.join(' ')}, too`
    : 'What mends it: npm install koffi';
}

/** The fewest flags of the permission model of Node.js that one of the candidates lacks. */
function nodeFlags(refusals: readonly Error[]): readonly string[] {
  if (!hasNodePermissions()) return [];
  const [first, second] = refusals.map(({ cause }) => cause);
  return isAccessDenied(first) ? ['--allow-ffi'] : missingAddonFlags(second);
}

const UNSUPPORTED = new UnsupportedError('').code;

const NAMES = Object.keys(ADAPTERS).join(', ');

function isAdapter(name: unknown): name is TransportName {
  return typeof name === 'string' && Object.hasOwn(ADAPTERS, name);
}

/** setsockopt takes an int; an adapter's error for anything else would not name the option. */
export const checkReceiveBuffer: Check = (value, argument) => checkInteger(value, 0x7fffffff, argument, 1);

export const OPEN_OPTIONS: Checks<OpenOptions> = {
  transport(value, argument) {
    if (typeof value !== 'function' && !isAdapter(value))
      throw new TypeError(`${argument} must be ${NAMES} or a function, not ${describe(value)}`);
  },
  netns: checkNetns,
  receiveBuffer: checkReceiveBuffer,
  events: checkBoolean,
  reliable: checkBoolean,
  receiveAhead: checkBoolean,
  allNamespaces: checkBoolean,
  eventsMayAbortProcess: checkBoolean,
};

/** @throws TypeError, RangeError naming the option */
export function checkOpenOptions(given: OpenOptions): OpenOptions {
  const options = checkOptions(given, OPEN_OPTIONS);
  // A program that lost the name of another namespace must not change the table of its own.
  if (Object.hasOwn(options, 'netns') && options.netns === undefined)
    throw new TypeError('options.netns is undefined: leave it out for the network namespace of the process');
  return options;
}

/** A Namespace where callers give a Netns: what is held is nobody else's to see. */
function held(netns: Netns): Netns {
  return new Namespace(netns) as unknown as Netns;
}

function isHeld(netns: unknown): netns is Namespace {
  return netns instanceof Namespace;
}

/** The same options for all sockets of one Conntrack, or of one handle: see TransportFactory.forOne. */
export function forOne<O extends OpenOptions>(options: O): O {
  const { transport, netns } = options;
  const shared = { ...options };
  if (typeof transport === 'function' && typeof transport.forOne === 'function') shared.transport = transport.forOne();
  if (netns !== undefined) shared.netns = held(netns);
  return shared;
}

const METHODS = ['start', 'send', 'receive', 'joinGroup', 'leaveGroup', 'ref', 'unref', 'close'] as const;

/**
 * Whoever asks for a namespace must not change the table of another, nor wait for events that cannot come. @throws
 * UnsupportedError
 */
function checkNamespaces(transport: Transport, { netns, events, allNamespaces }: OpenOptions): Transport {
  let cannot: string | undefined;
  if (netns !== undefined && transport.netns === undefined) cannot = 'opens no socket in another network namespace';
  if (events === true && allNamespaces === true && transport.allNamespaces !== true)
    cannot = 'has no events of other network namespaces';
  if (cannot === undefined) return transport;
  transport.close();
  throw new UnsupportedError(`the transport '${transport.name}' ${cannot}`);
}

/** What a program's own function gave. @throws TypeError for what is no transport */
function checkTransport(transport: Transport): Transport {
  const given = transport as Partial<Transport> | null | undefined;
  const missing = METHODS.find((method) => typeof given?.[method] !== 'function');
  if (missing === undefined) return transport;
  throw new TypeError(`options.transport must give a Transport, not ${describe(given)} without ${missing}()`);
}

/**
 * Opens a socket as Conntrack.open does: for a program that uses netlink itself (ctnetlink/netlink), or nfct_open_nfnl.
 * @throws UnsupportedError when nothing can be opened here, with what was tried and why each failed
 * @throws TransportError
 * @throws TypeError, RangeError naming the option; UnsupportedError for an unknown name in the environment
 */
export async function openTransport(options: OpenOptions = {}): Promise<Transport> {
  const checked = checkOpenOptions(options);
  const { transport, netns } = checked;
  if (netns !== undefined && !isHeld(netns)) return await openTransport({ ...checked, netns: held(netns) });
  if (typeof transport === 'function') return checkNamespaces(checkTransport(await transport(checked)), checked);
  if (transport !== undefined) return checkNamespaces(await ADAPTERS[transport](checked), checked);
  const wanted = environmentVariable('CTNETLINK_TRANSPORT');
  if (wanted !== undefined && wanted !== '') {
    if (isAdapter(wanted)) return checkNamespaces(await ADAPTERS[wanted](checked), checked);
    // Not a mistake of the program, but of the person who runs it.
    throw new UnsupportedError(`$CTNETLINK_TRANSPORT must be ${NAMES}, not ${describe(wanted)}`);
  }
  const refusals: Error[] = [];
  const names = candidates();
  for (const name of names) {
    try {
      return checkNamespaces(await ADAPTERS[name](checked), checked);
    } catch (error) {
      // Not by its class: a loader that runs TypeScript may have loaded it twice.
      if ((error as UnsupportedError).code !== UNSUPPORTED) throw error;
      refusals.push(error as Error);
    }
  }
  const tried = refusals.map(({ message }, index) => `${names[index]}: ${message}`).join('; ');
  throw new UnsupportedError(`no netlink socket can be opened here. Tried: ${tried}. ${remedy(refusals)}`);
}
