/** The manual page, made of the tables: `npm run man` writes it to man/ctnetlink.8. */
import { COMMANDS, TABLES } from '../options/commands.ts';
import { OPTIONS } from '../options/options.ts';
import { OUTPUTS } from '../options/outputs.ts';
import type { Commands, Option } from '../options/table.ts';
import { TOOLS, type ToolRow } from '../options/tools.ts';
import { NAME } from '../version.ts';
import { argumentOf, protocols } from './help.ts';

export function manualPage(): string {
  const commands = COMMANDS.map(({ letter, long, argument, help }) => {
    const placeholder = argument === 'table' ? '[TABLE]' : argument?.toUpperCase();
    return entry({ short: letter, long: [long] }, placeholder, [`${help}.`]);
  });
  const behind = protocols().map(
    ([names, options]) => `.SS ${roff(names)}\n${options.map((option) => optionEntry(option)).join('')}`,
  );
  return `.\\" Made by src/cli/help/manual.ts from the tables of the program: edit those.
.TH CTNETLINK 8 "" "${roff(NAME)}" ""
.SH NAME
ctnetlink \\- show and change the connection tracking table of the Linux kernel
.SH SYNOPSIS
.B ctnetlink
.I COMMAND
.RI [ OPTION ...]
.SH DESCRIPTION
The kernel keeps a table of the connections (flows) that pass through it, with addresses, ports and state in both directions.
.B ctnetlink
lists, creates, changes and deletes them and shows what happens to them.
Commands, options, output and exit status are those of
.BR conntrack (8).
.PP
Tables are
.BR conntrack ,
the default;
.BR expect ,
connections that helpers such as that of FTP expect; and, to be listed only,
.B dying
and
.BR unconfirmed .
Of a table's name a beginning is enough (${TABLES.map((table) => roff(table.slice(0, 1))).join(', ')}), of a long option's name as much as tells it from the others.
.SH COMMANDS
${commands.join('')}.SH OPTIONS
The letters in parentheses are the commands that take an option; of
.BR expect ,
those behind that word.
${OPTIONS.filter(({ ours }) => ours !== true)
  .map(optionEntry)
  .join('')}.SS Options that conntrack(8) does not have
${OPTIONS.filter(({ ours }) => ours === true)
  .map(optionEntry)
  .join('')}.SH CAPTURES
A word in place of a command does something with a capture, such as
.B \\-\\-record
wrote it.
${TOOLS.map(toolEntry).join('')}.SH PROTOCOLS
Behind
.B \\-p
there are options of that protocol.
${behind.join('')}.SH OUTPUT
Flows are shown one a line, as conntrack(8) shows them; how many there were stands on standard error. With
.B \\-o
there are, several with commas between:
${Object.entries(OUTPUTS)
  .map(([name, help]) => `.TP\n.B ${name}\n${roff(capital(help))}.\n`)
  .join('')}.SH "EXIT STATUS"
.TP
.B 0
It was done.
.TP
.B 1
It failed, or nothing matched (\\-D, \\-U and \\-G).
.TP
.B 2
The command line could not be understood.
.SH ENVIRONMENT
.TP
.B CTNETLINK_DEBUG
When it is set, failures are shown with where in the program they happened.
.SH FILES
.TP
.I /etc/xtables/connlabel.conf
Names of labels.
.SH EXAMPLES
${EXAMPLES.map(([line, what]) => `.TP\n.B ${roff(line)}\n${roff(what)}\n`).join('')}.SH DIFFERENCES
Where this program does otherwise than
.BR conntrack (8)
1.4.9:
${DIFFERENCES.map((text) => `.IP \\(bu 2\n${roff(text)}\n`).join('')}.SH NOTES
The live table needs root or CAP_NET_ADMIN.
In an empty network of your own it needs neither:
.BR "unshare \\-rn ctnetlink \\-L" .
.SH "SEE ALSO"
.BR conntrack (8),
.BR nft (8),
.BR unshare (1)
`;
}

const DIFFERENCES = [
  'Before the last line of a failure there may be one more, which says what the error means and what to do.',
  'Flows that went by themselves while -D or -U was at them are no failure.',
  '-U changes flows of both families where no option says one.',
  'What -I expect expects has the protocol that -p says.',
  'A number, an address or a length of a prefix is a whole word, and in range: 1.4.9 takes some that are not, as far as they go or as 0.',
  'Options that select by a port take ranges and lists, such as 53:54,80. 1.4.9 reads the first port and ignores the rest. -I, -A and -G, which describe one flow, refuse them.',
  'A line of -R without --timeout, as -o save writes it of an offloaded flow, is no mistake: with TCP it gets 3600 seconds and, without --state, ESTABLISHED; with others 120. A warning says so.',
  'Of a flow that -I or -A creates with labels a warning says when the kernel dropped them.',
  '-F that fails does not say before that the table has been emptied.',
  '-C and -S that fail print no numbers.',
  '-E prints at SIGINT and SIGTERM what had arrived, and then ends. A second signal ends it at once.',
] as const;

const EXAMPLES = [
  ['ctnetlink -L', 'All flows, one a line.'],
  ['ctnetlink -L -p tcp --dport 443 -o id,extended', 'TCP to port 443, with more about each.'],
  ['ctnetlink -L -p udp --dport 53:54,80', 'UDP to any of these ports.'],
  ['ctnetlink -L -o json', 'All flows, for programs.'],
  ['ctnetlink -D -s 10.0.0.0/8', 'Delete the flows that come from there.'],
  ['ctnetlink -U -p tcp --dport 22 -m 7', 'Mark the flows to port 22.'],
  ['ctnetlink -E -e NEW', 'Show new flows as they come, until Ctrl-C.'],
  ['ctnetlink -L -o save > flows; ctnetlink -R flows', 'Keep the table, and bring it back.'],
  [
    'ctnetlink convert trace.log flows.pcap',
    'Make a capture of a log of strace -e trace=network -e read=all -e write=all.',
  ],
  ['ctnetlink anonymize flows.pcap report.pcap', 'Make a capture with other addresses, for a public report.'],
  ['ctnetlink -L --record flows.pcap', 'Keep what the kernel said, for --replay and Wireshark.'],
] as const;

function capital(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}

function optionEntry(option: Option): string {
  const lines = [`${capital(option.help)} (${lettersOf(option.with)}).`];
  if (option.needed !== undefined) lines.push(`Needed by ${lettersOf(option.needed)}.`);
  return entry(option, argumentOf(option), lines);
}

function toolEntry({ name, operands, help, about, options }: ToolRow): string {
  const values = options.map(({ long, placeholder, help: what }) => entry({ long: [long] }, placeholder, [`${what}.`]));
  return `.SS "${name} [OPTION...] ${operands}"\n${[`${help}.`, ...about].map((text) => `${roff(text)}\n`).join('')}${values.join('')}`;
}

function lettersOf({ conntrack, expect }: Commands): string {
  return [conntrack, expect === undefined ? undefined : `expect: ${expect}`]
    .filter((part) => part !== undefined)
    .join('; ')
    .replaceAll('h', '');
}

function entry(
  { short, long }: Pick<Option, 'short' | 'long'>,
  placeholder: string | undefined,
  lines: string[],
): string {
  const names = [...(short === undefined ? [] : [`-${short}`]), ...long.map((name) => `--${name}`)];
  const argument = placeholder === undefined ? '' : ` \\fI${roff(placeholder)}\\fR`;
  const bold = names.map((name) => `\\fB${roff(name)}\\fR`).join(', ');
  return `.TP\n${bold}${argument}\n${lines.map((line) => `${roff(line)}\n`).join('')}`;
}

/** Dashes that are to be copied stay dashes; a dot in front is no request. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}
