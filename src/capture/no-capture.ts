import { DecodeError, type NetlinkError, UnsupportedError } from '../netlink/errors.ts';

/** How files begin that somebody may take for a capture, in hexadecimal; and what they are, with what to do. */
const KNOWN: readonly (readonly [start: string, what: string])[] = [
  ['28b52ffd', 'compressed by zstd; decompress it first'],
  ['fd377a585a00', 'compressed by xz; decompress it first'],
  ['425a68', 'compressed by bzip2; decompress it first'],
  ['04224d18', 'compressed by lz4; decompress it first'],
  ['504b0304', 'a zip archive; take the capture out of it first'],
  ['34cdb2a1', 'a modified pcap file; convert it by `editcap -F pcapng IN OUT`'],
  ['a1b2cd34', 'a modified pcap file; convert it by `editcap -F pcapng IN OUT`'],
  ['474d4255', 'a capture of Microsoft Network Monitor, which has no netlink'],
  ['736e6f6f70', 'a capture of snoop, which has no netlink'],
  ['7f454c46', 'an executable'],
  ['7b22736e61707368', 'a snapshot, which `ctnetlink restore` reads'],
];

/** The error for what begins like this. */
export function noCapture(start: Uint8Array): NetlinkError {
  if (start.length === 0) return new DecodeError('an empty file is no capture', 0);
  const hex = Array.from(start.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const known = KNOWN.find(([first]) => hex.startsWith(first));
  if (known !== undefined) return new UnsupportedError(`the file is ${known[1]}`);
  const formats = 'there are pcap, pcapng, logs of strace and hexadecimal text';
  return new DecodeError(`no capture: it begins with the bytes ${hex}; ${formats}`, 0);
}
