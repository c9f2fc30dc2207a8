/**
 * A capture instead of a kernel: what a program asks is looked up among the requests of the capture, and the recorded
 * answer comes back through the same tracker and decoder. Needs no privilege and no Linux.
 */
import { type FileSource, fileSource } from '../capture/file-source.ts';
import { scan } from '../capture/scan.ts';
import { memorySource, type Source } from '../capture/source.ts';
import { checkOptions, describe } from '../netlink/check.ts';
import { UnsupportedError } from '../netlink/errors.ts';
import { runtime } from '../netlink/runtime.ts';
import type { TransportFactory, TransportOptions } from '../netlink/transport.ts';
import { Cursor } from './cursor.ts';
import { REPLAY_OPTIONS, type ReplayOptions } from './options.ts';
import { Script } from './script.ts';
import { ReplayTransport } from './transport.ts';

/**
 * Opens sockets onto a capture (of record(), dumpcap, tcpdump or tshark on nlmon, strace) instead of the kernel. Every
 * recorded exchange answers one request, in the order of the capture; portids and sequence numbers are made to fit.
 * Events come to the sockets that joined their group, each once, and after the last the event stream ends. A request to
 * which the capture has no answer, or no whole one, fails with a ReplayError; everything else goes on.
 *
 * @param capture the path of a capture file, which stays open and is read as it is replayed, or its bytes
 * @throws TypeError, RangeError naming the argument
 * @throws DecodeError, UnsupportedError for what is no such capture; the errors of node:fs for a path that cannot be
 * read
 */
export function replay(capture: string | URL | Uint8Array, options: ReplayOptions = {}): TransportFactory {
  if (typeof capture !== 'string' && !(capture instanceof URL) && !(capture instanceof Uint8Array)) {
    throw new TypeError(`capture must be a path, a URL or a Uint8Array, not ${describe(capture)}`);
  }
  const checked = checkOptions(options, REPLAY_OPTIONS);
  const { script, lend } = scriptOf(capture);
  let portid = 0;
  const sharing = (cursor: Cursor): TransportFactory => {
    return async ({ netns, events = false, allNamespaces = false } = {}) => {
      if (netns !== undefined) throw new UnsupportedError('a capture is in no network namespace: leave netns out');
      return new ReplayTransport(cursor, ++portid, events && allNamespaces, lend());
    };
  };
  const shared = sharing(new Cursor(script, checked));
  if (checked.perSocket !== true) return shared;
  return Object.assign((socket?: TransportOptions): ReturnType<TransportFactory> => shared(socket), {
    forOne: () => sharing(new Cursor(script, checked)),
  });
}

/** @returns the exchanges of the capture, and what says that a socket reads them */
function scriptOf(capture: string | URL | Uint8Array): { script: Script; lend: FileSource['lend'] } {
  if (capture instanceof Uint8Array) return { script: new Script(scan(memorySource(capture))), lend: () => () => {} };
  const file: FileSource & Source = fileSource(capture);
  let script: Script;
  try {
    script = new Script(scan(file));
  } catch (error) {
    file.close();
    throw error;
  }
  runtime.onCollected(script, () => file.close(), {});
  return { script, lend: file.lend };
}
