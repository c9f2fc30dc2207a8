/** What the program does with captures, by a word in place of a command, as data. */
import { DROP_WORDS, KEEP_WORDS } from '../../anonymize/options.ts';
import { WRITTEN_FORMATS } from '../../capture/writers.ts';
import type { ToolName } from './tool-names.ts';

export interface ToolOption {
  readonly long: string;
  readonly placeholder?: string;
  readonly values?: readonly string[];
  /** Several of the values, with commas between. */
  readonly list?: boolean;
  /** The value is a file. */
  readonly file?: boolean;
  readonly help: string;
}

export interface ToolRow {
  readonly name: ToolName;
  readonly operands: string;
  readonly help: string;
  /** Sentences for its own help and the manual. */
  readonly about: readonly string[];
  readonly options: readonly ToolOption[];
}

const FORMAT: ToolOption = {
  long: 'format',
  placeholder: 'FORMAT',
  values: WRITTEN_FORMATS,
  help: 'pcap, pcapng or hex, if the name of OUT does not end with .pcap, .pcapng, .hex or .txt',
};

export const TOOLS: readonly ToolRow[] = [
  {
    name: 'convert',
    operands: 'IN OUT',
    help: 'Write a capture as pcap, pcapng or text',
    about: [
      'IN may be pcap, pcapng, a log of strace -e trace=network -e read=all -e write=all, or the bytes of datagrams as text. Each may be compressed by gzip.',
      'Everything that is not netlink of netfilter is left out; standard error reports how much.',
      '- is standard input or output.',
    ],
    options: [FORMAT],
  },
  {
    name: 'anonymize',
    operands: 'IN OUT',
    help: 'Write a capture with other addresses, for a public report',
    about: [
      'IN and OUT are as for convert.',
      'Each address is replaced by another, always by the same one. Addresses that share n leading bits also share n afterwards. OUT replays to the same text except for the addresses.',
      'Special addresses stay. Multicast and link-local addresses remain multicast and link-local.',
      'Security contexts become x; unknown attributes become zeros.',
      'Other families and subsystems, and messages that cannot be decoded, are left out; standard error reports how much.',
      'Ports, times, marks, ids, labels and names of helpers stay.',
    ],
    options: [
      FORMAT,
      {
        long: 'key-file',
        placeholder: 'FILE',
        file: true,
        help: 'Bytes that determine the mapping, so that several captures get the same one; without it the mapping is random',
      },
      {
        long: 'keep',
        placeholder: 'WHAT,...',
        values: KEEP_WORDS,
        list: true,
        help: 'private (private addresses become other private ones), secctx, unknown, or prefixes whose addresses stay',
      },
      {
        long: 'drop',
        placeholder: 'WHAT,...',
        values: DROP_WORDS,
        list: true,
        help: 'Also remove connection labels (labels) and names of helpers (helper)',
      },
    ],
  },
];
