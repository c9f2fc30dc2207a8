import { readCapture, writeCapture } from '../capture/capture.ts';
import { releaseNote, releaseOf } from '../capture/notes.ts';
import { checkSync } from '../netlink/check.ts';
import { Anonymizer, isOnlyRelease } from './anonymizer.ts';
import { type AnonymizeOptions, checkAnonymizeOptions } from './options.ts';

export type { Dropped } from './dropped.ts';
export type { AnonymizeOptions, DropWord } from './options.ts';

/**
 * A copy of a capture that may be published: its addresses are replaced, IPv4 and IPv6, wherever they are (tuples, NAT,
 * masters, expectations; requests, events, and requests that an error repeats). Two addresses that share n leading bits
 * share exactly n afterwards; one address is always replaced by the same. Message lengths, ports, times, marks, zones,
 * ids, portids, counters, connection labels, names of helpers and the kernel's release stay.
 *
 * 0.0.0.0, 255.255.255.255, 127.0.0.0/8, :: and ::1 stay. 169.254.0.0/16, 224.0.0.0/4, fe80::/64 and the first 16 bits
 * of ff00::/8 stay as prefixes. An address that shares n bits with one of these keeps n + 1. A mask stays a mask.
 *
 * Security contexts become x, payloads of unknown attributes zeros. Messages of other netlink families, of other
 * subsystems of netfilter, and what cannot be decoded are left out; the file is written again, so that its comments and
 * names of interfaces are not in it.
 *
 * Whoever knows some of the addresses, by traffic of their own, can learn prefixes of others: this is inherent in a
 * mapping that preserves prefixes.
 *
 * @param capture as readCapture() takes it
 * @returns a capture in the same format; a log of strace becomes hexadecimal text, and what was compressed by gzip is
 * no longer
 * @throws TypeError, RangeError naming the argument
 * @throws DecodeError for what is no capture, UnsupportedError for a capture that cannot be read
 *
 * @example
 * writeFileSync('report.pcap', anonymize(readFileSync('capture.pcap')));
 */
export function anonymize(capture: Uint8Array, options: AnonymizeOptions = {}): Uint8Array {
  const checked = checkAnonymizeOptions(options);
  const { datagrams, format, release } = readCapture(capture);
  const anonymizer = new Anonymizer(checked);
  const anonymised = datagrams.flatMap((datagram) => [...anonymizer.datagrams(datagram)]);
  // Of pcapng, a comment may say it alone.
  if (isOnlyRelease(release) && anonymised.every(({ bytes }) => releaseOf(bytes) === undefined))
    anonymised.unshift(releaseNote(release));
  const { dropped } = anonymizer;
  if (dropped.broken + dropped.otherSubsystems > 0) checkSync(checked.onDropped?.({ ...dropped }), 'options.onDropped');
  return writeCapture(anonymised, { format: checked.format ?? (format === 'strace' ? 'hex' : format) });
}
