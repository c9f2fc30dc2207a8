import { DecodeError, UnsupportedError } from '../netlink/errors.ts';
import { builtin } from '../netlink/platform.ts';
import { memorySource, type Source } from './source.ts';

const SMALLEST = 18;

export function isGzip(start: Uint8Array): boolean {
  return start.length >= 2 && start[0] === 0x1f && start[1] === 0x8b;
}

/** A file that is decompressed into memory. */
export interface Decompressed {
  source: Source;
  /** The compressed file ends early: what there is of it was decompressed. */
  cut: boolean;
}

/**
 * Decompresses a gzip file into memory, also one that ends early.
 *
 * @throws DecodeError for a broken one
 * @throws UnsupportedError where the runtime has no decompression that answers at once, as in a browser
 */
export function gunzip(source: Source): Decompressed {
  const zlib = builtin('node:zlib');
  if (zlib === undefined) {
    const remedy = "decompress it first, in a browser by new DecompressionStream('gzip')";
    throw new UnsupportedError(`the capture is compressed by gzip, which is not read here; ${remedy}`);
  }
  if (source.size < SMALLEST) throw new DecodeError('the gzip file ends inside its header', 0);
  const bytes = source.read(0, source.size);
  const unzip = (options?: { finishFlush: number }): Source => memorySource(zlib.gunzipSync(bytes, options));
  try {
    return { source: unzip(), cut: false };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE')
      throw new UnsupportedError('the capture is too large when decompressed; decompress it into a file first');
    // The runtimes have their own codes for the end of a file.
    try {
      return { source: unzip({ finishFlush: zlib.constants.Z_SYNC_FLUSH }), cut: true };
    } catch {
      throw new DecodeError(`the gzip file is broken: ${message}`, 0);
    }
  }
}
