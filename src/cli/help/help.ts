/** What -h prints, made of the tables. */
import { COMMANDS, TABLE_HELP } from '../options/commands.ts';
import type { Commands, Option } from '../options/option.ts';
import { OPTIONS } from '../options/options.ts';
import { OUTPUTS } from '../options/outputs.ts';
import { PROTOCOL_OPTIONS } from '../options/protocols.ts';
import { TOOLS } from '../options/tools.ts';
import { NAME } from '../version.ts';

const WIDTH = 79;
/** Where explanations begin. */
const COLUMN = 30;
const NARROW = 16;
/** How the letters of an option begin that all commands take. */
const EVERY = 'LGDIAUEFCS';

/** @param protocol its options are added, as conntrack(8) does with -h -p */
export function helpText(protocol?: number): string {
  const commands = COMMANDS.map(({ letter, long, argument, help }) => {
    const placeholder = argument === 'table' ? '[TABLE]' : argument?.toUpperCase();
    return row(namesOf({ short: letter, long: [long] }, placeholder), help);
  });
  return `${NAME}: the connection tracking table of the Linux kernel.
Commands, options, output and exit status are those of conntrack(8).

Usage: ctnetlink COMMAND [TABLE] [OPTION...]

Commands:
${commands.join('\n')}
${TOOLS.map(({ name, operands, help }) => row(`    ${name} ${operands}`.trimEnd(), help)).join('\n')}

Tables:
${Object.entries(TABLE_HELP)
  .sort()
  .map(([name, help]) => row(name, help, NARROW))
  .join('\n')}

Options, with the commands that take them (those of expect: man ctnetlink):
${OPTIONS.filter(({ ours }) => ours !== true)
  .map(helpOf)
  .join('\n')}

Options that conntrack(8) does not have:
${OPTIONS.filter(({ ours }) => ours === true)
  .map(helpOf)
  .join('\n')}

Options of protocols, behind -p (those of expectations: man ctnetlink):
${protocols()
  .map(([names, options]) => row(names, namesOfFlows(options), NARROW))
  .join('\n')}

Outputs, behind -o, several with commas between:
${Object.entries(OUTPUTS)
  .map(([name, help]) => row(name, help, NARROW))
  .join('\n')}

Exit status: 0 success; 1 failure, or -D, -U or -G found nothing;
2 the command line is wrong

Examples:
  ctnetlink -L                           all flows, one on each line
  ctnetlink -L -p tcp --dport 443 -o id  TCP to port 443, with ids
  ctnetlink -L -p udp --dport 53:54,80   UDP to any of these ports
  ctnetlink -L -o json                   all flows, for programs
  ctnetlink -L --filter 'host 10.0.0.1'  flows from or to this address
  ctnetlink -D -s 10.0.0.0/8             delete the flows from there
  ctnetlink -E -e NEW                    new flows, until Ctrl-C
  ctnetlink -L --record flows.pcap       record the messages of the kernel
  ctnetlink -L --replay flows.pcap       and replay them, on any machine

The live table needs root or CAP_NET_ADMIN. To try the command without them,
in an empty network of your own: unshare -rn ctnetlink -L
More: man ctnetlink
${protocol === undefined ? '' : protocolHelp(protocol)}`;
}

/** Protocols with the same options share a line. */
export function protocols(): [string, readonly Option[]][] {
  const groups = new Map<string, [string, readonly Option[]]>();
  for (const [name, { options }] of Object.entries(PROTOCOL_OPTIONS)) {
    const key = options.map(({ long, help }) => `${long[0]} ${help}`).join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [name, options]);
    else group[0] += `, ${name}`;
  }
  return [...groups.values()];
}

/** What the argument is called, with how it is given. */
export function argumentOf({ argument, placeholder }: Option): string | undefined {
  return argument === 'optional' ? `[${placeholder}]` : placeholder;
}

/** Expectations have many of their own, which few will want. */
function namesOfFlows(options: readonly Option[]): string {
  const ofFlows = options.filter((option) => option.with.conntrack !== undefined);
  return ofFlows.map(({ long }) => `--${long[0]}`).join(' ');
}

/** In detail what -p brings. */
function protocolHelp(protocol: number): string {
  const [name, options] = Object.entries(PROTOCOL_OPTIONS)
    .filter(([, { number }]) => number === protocol)
    .map(([known, found]) => [known, found.options] as const)[0] ?? [`protocol ${protocol}`, []];
  return `\nOptions of ${name}:${options.length === 0 ? ' none' : ''}\n${options.map((option) => `${helpOf(option)}\n`).join('')}`;
}

function helpOf(option: Option): string {
  const letters = lettersOf(option.with);
  return row(namesOf(option, argumentOf(option)), `${option.help}${letters === '' ? '' : ` (${letters})`}`);
}

/** The commands that take an option, as the help has them; none where all do. */
function lettersOf({ conntrack, expect }: Commands): string {
  if (conntrack === undefined) return `${expect} expect`;
  return conntrack.startsWith(EVERY) ? '' : conntrack.replace('h', '');
}

function namesOf({ short, long }: Pick<Option, 'short' | 'long'>, placeholder = ''): string {
  return `${short === undefined ? '    ' : `-${short}, `}--${long[0]} ${placeholder}`.trimEnd();
}

/** Names, and what they are in lines beside them; below them where they are too long. */
export function row(names: string, help: string, column = COLUMN): string {
  const lines = wrap(help, WIDTH - column).map((line) => ' '.repeat(column) + line);
  const first = `  ${names}`;
  if (first.length >= column) return [first, ...lines].join('\n');
  return [first.padEnd(column) + lines[0].trimStart(), ...lines.slice(1)].join('\n');
}

export function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1];
    if (last === '') lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
