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
  help: 'pcap, pcapng or hex, where the end of the name of OUT does not say (.pcap, .pcapng, .hex, .txt)',
};

export const TOOLS: readonly ToolRow[] = [
  {
    name: 'convert',
    operands: 'IN OUT',
    help: 'Write a capture as pcap, pcapng or text',
    about: [
      'IN may be pcap, pcapng, a log of strace -e trace=network -e read=all -e write=all, or the bytes of datagrams as text; each also compressed by gzip.',
      'What of it is no netlink of netfilter is left out; standard error says how much.',
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
      'Each address is replaced by another, always by the same; addresses that share n leading bits share n afterwards, and what OUT replays to is the same but for addresses.',
      'Special addresses stay, multicast and link-local ones stay that.',
      'Security contexts become x, what is unknown zeros.',
      'Other families and subsystems, and what cannot be decoded, are left out; standard error says how much.',
      'Ports, times, marks, ids, labels and names of helpers stay.',
    ],
    options: [
      FORMAT,
      {
        long: 'key-file',
        placeholder: 'FILE',
        file: true,
        help: 'Bytes that decide about the mapping, so that several captures get the same; without it a random one',
      },
      {
        long: 'keep',
        placeholder: 'WHAT,...',
        values: KEEP_WORDS,
        list: true,
        help: 'private (that an address is private, not which), secctx, unknown, or prefixes whose addresses stay',
      },
      {
        long: 'drop',
        placeholder: 'WHAT,...',
        values: DROP_WORDS,
        list: true,
        help: 'Connection labels (labels) and names of helpers (helper) go too',
      },
    ],
  },
];
