/** The manual page, made of the tables: `npm run man` writes it to man/ctnetlink.8. */
import { COMMANDS, TABLES } from '../options/commands.ts';
import type { Commands, Option } from '../options/option.ts';
import { OPTIONS } from '../options/options.ts';
import { OUTPUTS } from '../options/outputs.ts';
import { TOOLS, type ToolRow } from '../options/tools.ts';
import { NAME } from '../version.ts';
import { FILTER_RULES, FILTER_TERMS } from './filters.ts';
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
connections that helpers, such as that of FTP, expect; and two that can only be listed,
.B dying
and
.BR unconfirmed .
You may shorten the name of a table (${TABLES.map((table) => roff(table.slice(0, 1))).join(', ')}), and that of a long option if it remains unambiguous.
.SH COMMANDS
${commands.join('')}.SH OPTIONS
The letters in parentheses are the commands that take an option. The letters after
.B expect
are the commands that take it on that table.
${OPTIONS.filter(({ ours }) => ours !== true)
  .map(optionEntry)
  .join('')}.SS Options that conntrack(8) does not have
${OPTIONS.filter(({ ours }) => ours === true)
  .map(optionEntry)
  .join('')}.SH FILTERS
${FILTER_RULES.map(roff).join('\n.PP\n')}
${FILTER_TERMS.map(([names, values, help]) => filterEntry(names, values, help)).join('')}.SH "OTHER COMMANDS"
These words, in place of a command, work on the table in ways that conntrack(8) does not have.
${TOOLS.filter(({ onCaptures }) => onCaptures !== true)
  .map(toolEntry)
  .join('')}.SH CAPTURES
These words, in place of a command, process a capture, for example one of
.BR \\-\\-record .
${TOOLS.filter(({ onCaptures }) => onCaptures === true)
  .map(toolEntry)
  .join('')}.SH PROTOCOLS
After
.B \\-p
you can use the options of that protocol.
${behind.join('')}.SH OUTPUT
Each flow is one line, as conntrack(8) prints it. The number of flows is printed on standard error.
.B \\-o
takes one or more of these outputs, separated by commas:
${Object.entries(OUTPUTS)
  .map(([name, help]) => `.TP\n.B ${name}\n${roff(capital(help))}.\n`)
  .join('')}.SH "EXIT STATUS"
.TP
.B 0
Success.
.TP
.B 1
Failure, or nothing matched (\\-D, \\-U and \\-G).
.TP
.B 2
The command line is wrong.
.SH ENVIRONMENT
.TP
.B CTNETLINK_DEBUG
If it is set, failures are printed with the place in the program where they happened.
.SH FILES
.TP
.I /etc/xtables/connlabel.conf
Names of labels.
.SH EXAMPLES
${EXAMPLES.map(([line, what]) => `.TP\n.B ${roff(line)}\n${roff(what)}\n`).join('')}.SH DIFFERENCES
This program differs from
.BR conntrack (8)
1.4.9 in these points:
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
  'A failure may print one more line before its last one, which explains the error and says what to do.',
  'If a flow ends while -D or -U works on it, that is no failure.',
  'With -U -t 0 the kernel deletes the flows, as with conntrack(8), and both print that 0 flows have been updated. Use -D.',
  '-U changes flows of both families if no option names one.',
  '-U --state of SCTP keeps the verification tags of the flow. 1.4.9 fails with EINVAL.',
  'With -I expect, the expected flow has the protocol of -p.',
  'A number, an address or a prefix length must be a whole word and in range. 1.4.9 accepts some wrong ones, and uses their valid beginning or 0.',
  'Options that select by a port take ranges and lists, such as 53:54,80. 1.4.9 reads the first port and ignores the rest. -I, -A and -G, which describe one flow, refuse them.',
  'A line of -R without --timeout, as -o save writes it for an offloaded flow, is valid: TCP gets 3600 seconds and, without --state, ESTABLISHED; other protocols get 120 seconds. A warning reports it.',
  'A line of -R with a NUL character is refused. conntrack(8) ignores the rest of the line, such as the address of a -D.',
  'If -I or -A creates a flow with labels and the kernel drops them, a warning reports it.',
  'If -F fails, it does not first print that the table has been emptied.',
  'If -C or -S fails, it prints no numbers.',
  'On SIGINT and SIGTERM, -E prints the events that had arrived, and then ends. A second signal ends it at once.',
] as const;

const EXAMPLES = [
  ['ctnetlink -L', 'List all flows, one on each line.'],
  ['ctnetlink -L -p tcp --dport 443 -o id,extended', 'List TCP flows to port 443, with more details.'],
  ['ctnetlink -L -p udp --dport 53:54,80', 'List UDP flows to any of these ports.'],
  ['ctnetlink -L -o json', 'List all flows as JSON, for programs.'],
  ["ctnetlink -L --filter 'host 10.0.0.0/8 and not port 53'", 'List the flows from or to there, without DNS.'],
  ['ctnetlink -D -s 10.0.0.0/8', 'Delete the flows that come from there.'],
  ['ctnetlink -U -p tcp --dport 22 -m 7', 'Mark the flows to port 22.'],
  ['ctnetlink -E -e NEW', 'Show new flows until Ctrl-C.'],
  ['ctnetlink -L -o save > flows; ctnetlink -R flows', 'Save the table, and restore it.'],
  [
    'ctnetlink convert trace.log flows.pcap',
    'Make a capture of a log of strace -e trace=network -e read=all -e write=all.',
  ],
  ['ctnetlink anonymize flows.pcap report.pcap', 'Make a capture with other addresses, for a public report.'],
  ['ctnetlink -L --record flows.pcap', 'Record the messages of the kernel, for --replay and Wireshark.'],
] as const;

function capital(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}

function optionEntry(option: Option): string {
  const lines = [`${capital(option.help)} (${lettersOf(option.with)}).`];
  if (option.needed !== undefined) lines.push(`Needed by ${lettersOf(option.needed)}.`);
  return entry(option, argumentOf(option), lines);
}

function filterEntry(names: string, values: string, help: string): string {
  const bold = names.split(', ').map((name) => `\\fB${roff(name)}\\fR`);
  return `.TP\n${bold.join(', ')}${values === '' ? '' : ` \\fI${roff(values)}\\fR`}\n${roff(capital(help))}.\n`;
}

function toolEntry({ name, operands, help, about, options }: ToolRow): string {
  const values = options.map(({ long, short, placeholder, help: what }) =>
    entry({ short, long: [long] }, placeholder, [`${what}.`]),
  );
  return `.SS "${`${name} [OPTION...] ${operands}`.trimEnd()}"\n${[`${help}.`, ...about].map((text) => `${roff(text)}\n`).join('')}${values.join('')}`;
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
