/** What the program does by a word in place of a command, beside what conntrack(8) does, as data. */
import { DROP_WORDS, KEEP_WORDS } from '../../anonymize/options.ts';
import { WRITTEN_FORMATS } from '../../capture/writers.ts';
import type { ToolName } from './tool-names.ts';

export interface ToolOption {
  readonly long: string;
  /** A letter. */
  readonly short?: string;
  /** Of its argument. Without one, the option takes none. */
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
  /** It works with captures, not with the table. */
  readonly onCaptures?: boolean;
  /** It also takes the options of this command. */
  readonly optionsOf?: 'L' | 'R' | 'E';
}

const FORMAT: ToolOption = {
  long: 'format',
  placeholder: 'FORMAT',
  values: WRITTEN_FORMATS,
  help: 'pcap, pcapng or hex, if the name of OUT does not end with .pcap, .pcapng, .hex or .txt',
};

export const TOOLS: readonly ToolRow[] = [
  {
    name: 'snapshot',
    operands: '> FILE',
    optionsOf: 'L',
    help: 'Write flows and what their helpers expect',
    about: [
      'It takes the options that select flows, as -L, and one --netns.',
      'The file has a header, a line of JSON for each flow and each expectation, and a last line with their numbers.',
      'Stop the traffic before, and start it after restore: a packet that comes meanwhile creates its flow again without NAT.',
    ],
    options: [],
  },
  {
    name: 'restore',
    operands: 'FILE',
    optionsOf: 'R',
    help: 'Create what a snapshot has, as it was',
    about: [
      'FILE may be - for standard input. If it is not whole, nothing is restored.',
      'It takes one --netns. Load the rules before: labels and helpers depend on them.',
      'Each flow and each expectation that comes back in part, or not at all, is a line on standard error with the line of the file and the reasons.',
      'The exit status is 1 if anything did not come back, and 0 if all came back, some of it perhaps in part.',
      'SIGINT and SIGTERM stop it after the batches under way. It then says what was restored, and the status is 130 or 143.',
    ],
    options: [
      {
        long: 'strict-windows',
        help: 'Set TCP flags as they were; by default the kernel becomes liberal about windows, which a snapshot does not have',
      },
    ],
  },
  {
    name: 'watch',
    operands: '',
    optionsOf: 'E',
    help: 'Show each change of the table until Ctrl-C',
    about: [
      'It keeps a copy of the table, which stays true also if events are lost or never sent.',
      'It takes the options that select flows, as -E, and several --netns. -o takes ndjson, extended, id, labels, ktimestamp and timestamp.',
      'Each insert, update and delete is a line: the flow, the cause (event, resync or expiry), the generation, which is another number for each flow, and exact=no where another flow may have taken its place.',
      'STATE lines say what is known: synced, resyncing, stale or full, with the numbers of flows, resyncs, lost events and ambiguous flows. The first one says that the table has been read; what it has then is not printed.',
      'GAP is a line where the reader was too slow, and changes are missing.',
      'The status is 0 after SIGINT and SIGTERM. docs/table.md says what cannot be known.',
    ],
    options: [
      {
        long: 'follow',
        placeholder: 'EVENTS',
        values: ['all', 'lifecycle'],
        help: 'lifecycle: only begins and ends of flows, a hundredth of the events; all is the default',
      },
      {
        long: 'summary',
        help: 'One line in place of all: on a terminal renewed every second; else a line in each second that changed something',
      },
    ],
  },
  {
    name: 'cut',
    operands: '[HOST[/LEN]...]',
    help: 'Delete the flows of these hosts',
    about: [
      'HOST is any address of a flow: source or destination, of either direction. The table is dumped once, for any number of hosts.',
      'Deleting does not cut a TCP connection while nf_conntrack_tcp_loose is 1: its next packet creates the flow again. Block the traffic first, then cut.',
      'The status is 0 also if no flow matched, and 1 if some could not be deleted.',
    ],
    options: [
      {
        long: 'from',
        placeholder: 'FILE',
        file: true,
        help: 'Read hosts from a file, one in a line; - is standard input',
      },
      { long: 'proto', short: 'p', placeholder: 'PROTO', help: 'Only flows of this protocol' },
      { long: 'port', placeholder: 'N[:M]', help: 'Only flows with one of these ports, source or destination' },
      {
        long: 'filter',
        placeholder: 'FILTER',
        help: "Only flows that match, such as 'nat dst and not port 53' (FILTERS in man ctnetlink); also without hosts",
      },
      { long: 'netns', placeholder: 'NAME', help: 'Work in this network namespace' },
      { long: 'dry-run', help: 'Only count' },
      { long: 'exact', help: 'Ask for each flow first, and compare its start with that of the dumped one' },
      {
        long: 'verify',
        placeholder: 'TIME',
        help: 'Listen until so long after the last delete (500ms, 2s, 1m), and count the flows that came back',
      },
      { long: 'limit', placeholder: 'N', help: 'Delete nothing if more than N flows match; the status is 1 then' },
      { long: 'require', help: 'The status is 1 if no flow matched' },
      { long: 'output', short: 'o', placeholder: 'FORMAT', values: ['json'], help: 'json: print the whole result' },
    ],
  },
  {
    name: 'convert',
    operands: 'IN OUT',
    onCaptures: true,
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
    onCaptures: true,
    help: 'Write a capture with other addresses',
    about: [
      'For a public report. IN and OUT are as for convert.',
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
