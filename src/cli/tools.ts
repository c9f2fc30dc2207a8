/** What the program does with captures, by a word in place of a command, as data. */
import { WRITTEN_FORMATS } from '../capture/writers.ts';

export interface ToolOption {
  readonly long: string;
  readonly placeholder?: string;
  readonly values?: readonly string[];
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

export type ToolName = 'convert';

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
    options: [
      {
        long: 'format',
        placeholder: 'FORMAT',
        values: WRITTEN_FORMATS,
        help: 'pcap, pcapng or hex, where the end of the name of OUT does not say (.pcap, .pcapng, .hex, .txt)',
      },
    ],
  },
];

/** The tool that a command line names. */
export function toolOf(word: string | undefined): ToolRow | undefined {
  return TOOLS.find(({ name }) => name === word);
}
