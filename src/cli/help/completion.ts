/** The scripts that teach shells to complete, made of the tables. */
import { COMMANDS, SHELLS, TABLES } from '../options/commands.ts';
import type { Option } from '../options/option.ts';
import { OPTIONS, PROTOCOL } from '../options/options.ts';
import { PROTOCOL_OPTIONS } from '../options/protocols.ts';
import type { Shell } from '../options/settings.ts';
import { TOOLS, type ToolOption, type ToolRow } from '../options/tools.ts';

/** A command or an option, as the shells see it. */
interface Entry {
  /** Letter and long names, with their dashes. */
  names: readonly string[];
  help: string;
  argument: Option['argument'];
  placeholder: string;
  values: readonly string[];
  file: boolean;
  /** Several values, with commas between. */
  list: boolean;
}

const GENERAL: readonly Entry[] = [
  ...COMMANDS.map(({ letter, long, argument, help }): Entry => {
    const values = argument === 'table' ? TABLES : argument === 'shell' ? SHELLS : [];
    const kind = argument === undefined ? undefined : argument === 'table' ? 'optional' : 'required';
    const names = namesOf({ short: letter, long: [long] });
    return { names, help, argument: kind, placeholder: argument ?? '', values, file: argument === 'file', list: false };
  }),
  ...OPTIONS.map(entryOf),
];

const BY_PROTOCOL = Object.entries(PROTOCOL_OPTIONS).map(
  ([protocol, { options }]) => [protocol, options.map(entryOf)] as const,
);

const PROTOCOL_NAMES = namesOf(PROTOCOL);

export function completionScript(shell: Shell): string {
  return shell === 'bash' ? bash() : shell === 'zsh' ? zsh() : fish();
}

function entryOf(option: Option): Entry {
  const { help, argument, placeholder = '', values = [] } = option;
  const list = placeholder.endsWith(',...');
  return { names: namesOf(option), help, argument, placeholder, values, file: placeholder === 'FILE', list };
}

function namesOf({ short, long }: Pick<Option, 'short' | 'long'>): string[] {
  return [...(short === undefined ? [] : [`-${short}`]), ...long.map((name) => `--${name}`)];
}

function bash(): string {
  const all = (entries: readonly Entry[]): string => entries.flatMap(({ names }) => names).join(' ');
  const cases = (entries: readonly Entry[], indent: string): string =>
    entries
      .filter(({ argument, values }) => argument === 'required' || values.length > 0)
      .map((entry) => `${indent}${entry.names.join('|')}) ${bashAction(entry)} ;;\n`)
      .join('');
  const protocols = BY_PROTOCOL.map(
    ([protocol, entries]) =>
      `    ${protocol})\n      options+=" ${all(entries)}"\n      case $prev in\n${cases(entries, '        ')}      esac ;;\n`,
  ).join('');
  return `# Completion of ctnetlink for bash: source <(ctnetlink --completion bash)
_ctnetlink() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  local protocol= values= list= file= at options="${all(GENERAL)}"
  COMPREPLY=()
  # bash makes a word of the = in --name=value.
  if [[ $cur == = ]]; then cur=
  elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
      ${PROTOCOL_NAMES.join('|')})
        protocol=\${COMP_WORDS[at+1]}
        if [[ $protocol == = ]]; then protocol=\${COMP_WORDS[at+2]}; fi ;;
    esac
  done
  case $prev in
${cases(GENERAL, '    ')}  esac
  case $protocol in
${protocols}  esac
  case \${COMP_WORDS[1]} in
${TOOLS.map(bashTool).join('')}  esac
  if ((COMP_CWORD == 1)); then options+=" ${TOOLS.map(({ name }) => name).join(' ')}"; fi
  if [[ $file ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  elif [[ $list ]]; then
    local before=
    if [[ $cur == *,* ]]; then before=\${cur%,*},; fi
    mapfile -t COMPREPLY < <(compgen -P "$before" -W "$values" -- "\${cur##*,}")
  elif [[ $values && $cur != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
  fi
}
complete -F _ctnetlink ctnetlink
`;
}

/** Files, or its options. */
function bashTool(tool: ToolRow): string {
  const { name, options, optionsOf } = tool;
  if (optionsOf !== undefined) return bashTableWord(tool);
  const names = options.flatMap(toolNames).join(' ');
  return `    ${name})
      if ((COMP_CWORD > 1)); then
        options="${names} --help"
        case $prev in
${bashArguments(options, 8)}          *) if [[ $cur != -* ]]; then file=1; fi ;;
        esac
      fi ;;
`;
}

/** The options of commands too, and behind restore first a file. */
function bashTableWord({ name, options, ...tool }: ToolRow): string {
  if (options.length === 0) return '';
  const names = options.map(({ long }) => `--${long}`).join(' ');
  const file = takesFile(tool) ? '\n      if ((COMP_CWORD == 2)) && [[ $cur != -* ]]; then file=1; fi' : '';
  return `    ${name})
      if ((COMP_CWORD > 1)); then options+=" ${names}"; fi${file}
      case $prev in
${bashArguments(options, 8)}      esac ;;
`;
}

/** What the options take, as branches of a case. */
function bashArguments(options: readonly ToolOption[], indent: number): string {
  return options
    .filter(({ placeholder }) => placeholder !== undefined)
    .map((option) => `${' '.repeat(indent)}${toolNames(option).join('|')}) ${bashAction(toolArgument(option))} ;;\n`)
    .join('');
}

/** Of those that take the options of a command, only restore takes one. */
function takesFile({ optionsOf }: Pick<ToolRow, 'optionsOf'>): boolean {
  return optionsOf === undefined || optionsOf === 'R';
}

function toolNames({ long, short }: ToolOption): string[] {
  return [...(short === undefined ? [] : [`-${short}`]), `--${long}`];
}

/** What completion asks of an option's argument. */
function toolArgument({
  values = [],
  file = false,
  list = false,
}: Pick<ToolOption, 'values' | 'file' | 'list'>): Argument {
  return { values, file, list };
}

type Argument = Pick<Entry, 'values' | 'file' | 'list'>;

/** What the word behind an option is. */
function bashAction({ values, file, list }: Argument): string {
  if (file) return 'file=1';
  if (values.length === 0) return 'return';
  return `values="${values.join(' ')}"${list ? ' list=1' : ''}`;
}

function zsh(): string {
  const specs = (entries: readonly Entry[], indent: string): string =>
    entries.flatMap((entry) => entry.names.map((name) => `${indent}${quote(zshSpec(entry, name))}\n`)).join('');
  const protocols = BY_PROTOCOL.map(
    ([protocol, entries]) => `  ${protocol}) specs+=(\n${specs(entries, '    ')}  ) ;;\n`,
  ).join('');
  return `#compdef ctnetlink
# Completion of ctnetlink for zsh: ctnetlink --completion zsh > a folder of $fpath/_ctnetlink
local protocol at
local -a specs
for ((at = 1; at < CURRENT; at++)); do
  case $words[at] in
    ${PROTOCOL_NAMES.join('|')}) protocol=$words[at+1] ;;
    ${PROTOCOL_NAMES.filter((name) => name.startsWith('--'))
      .map((name) => `${name}=*`)
      .join('|')}) protocol=\${words[at]#*=} ;;
  esac
done
case $words[2] in
${TOOLS.filter(({ optionsOf }) => optionsOf === undefined)
  .map(zshTool)
  .join('')}esac
specs=(
${specs(GENERAL, '  ')}  '1::tool:(${TOOLS.map(({ name }) => name).join(' ')})'
)
case $words[2] in
${TOOLS.filter(({ optionsOf, options }) => optionsOf !== undefined && options.length > 0)
  .map(zshTableWord)
  .join('')}esac
case $protocol in
${protocols}esac
_arguments -s : $specs
`;
}

function zshTableWord({ name, options, ...tool }: ToolRow): string {
  const specs = options.map((option) => quote(zshToolSpec(option, `--${option.long}`)));
  return `  ${name}) specs+=(${specs.join(' ')}${takesFile(tool) ? " '*:file:_files'" : ''}) ;;\n`;
}

function zshTool({ name, options }: ToolRow): string {
  const specs = options.flatMap((option) => toolNames(option).map((each) => quote(zshToolSpec(option, each))));
  return `  ${name}) _arguments '1:tool:(${name})' ${specs.join(' ')} '*:file:_files'; return ;;\n`;
}

function zshToolSpec({ placeholder, help, ...option }: ToolOption, name: string): string {
  const text = `[${help.replace(/[[\]\\]/g, '\\$&')}]`;
  if (placeholder === undefined) return `${name}${text}`;
  const what = placeholder.replaceAll(':', '\\:');
  return `${name}${name.startsWith('--') ? '=' : '+'}${text}:${what}:${zshAction(toolArgument(option), placeholder)}`;
}

function zshSpec({ names, help, argument, placeholder, values, file, list }: Entry, name: string): string {
  const others = names.length > 1 ? `(${names.join(' ')})` : '';
  const takes = argument === undefined ? '' : name.startsWith('--') ? '=' : '+';
  const what = placeholder.replaceAll(':', '\\:');
  const action = zshAction({ values, file, list }, placeholder);
  const value = argument === undefined ? '' : `${argument === 'optional' ? '::' : ':'}${what}:${action}`;
  // A list is given in pieces, or more than once.
  return `${list ? '*' : others}${name}${takes}[${help.replace(/[[\]\\]/g, '\\$&')}]${value}`;
}

function zshAction({ values, file, list }: Argument, placeholder: string): string {
  if (file) return '_files';
  if (list) return ` _values -s , ${placeholder.replace(',...', '')} ${values.join(' ')}`;
  return values.length > 0 ? `(${values.join(' ')})` : ' ';
}

function fish(): string {
  const lines = (entries: readonly Entry[], condition = ''): string =>
    entries.map((entry) => `complete -c ctnetlink${condition}${fishOptions(entry)}\n${fishNext(entry)}`).join('');
  const protocols = BY_PROTOCOL.map(([protocol, entries]) =>
    lines(entries, ` -n '__ctnetlink_protocol ${protocol}'`),
  ).join('');
  return `# Completion of ctnetlink for fish: ctnetlink --completion fish | source
function __ctnetlink_protocol
  string match -qr -- '(^| )(-p ?|--proto(num)?[= ])'$argv[1]'( |$)' (commandline -cp)
end
complete -c ctnetlink -f
${TOOLS.map(fishTool).join('')}${lines(GENERAL)}${protocols}`;
}

function fishTool({ name, help, options, ...tool }: ToolRow): string {
  const seen = `complete -c ctnetlink -n '__fish_seen_subcommand_from ${name}'`;
  const rows = options.map(
    ({ long, short, placeholder, help: what, ...option }) =>
      `${seen} -l ${long}${short === undefined ? '' : ` -s ${short}`}${placeholder === undefined ? '' : fishArgument(toolArgument(option))} -d ${quote(what)}\n`,
  );
  const files = takesFile(tool) ? `${seen} -F\n` : '';
  return `complete -c ctnetlink -n 'test (count (commandline -opc)) -eq 1' -a ${name} -d ${quote(help)}\n${files}${rows.join('')}`;
}

/** To fish what an option may do without is in its word only; here it may be the next one. */
function fishNext({ names, argument, values }: Entry): string {
  if (argument !== 'optional' || values.length === 0) return '';
  return `complete -c ctnetlink -n '__fish_prev_arg_in ${names.join(' ')}' -a ${quote(values.join(' '))}\n`;
}

function fishOptions({ names, help, argument, values, file, list }: Entry): string {
  const options = names.map((name) => (name.startsWith('--') ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`));
  const takes = fishArgument({ values, file, list }, argument === 'required');
  return `${options.join('')}${takes} -d ${quote(help)}`;
}

function fishArgument({ values, file, list }: Argument, required = true): string {
  if (file) return ' -r -F';
  const takes = required ? ' -x' : '';
  if (list) return `${takes} -a "(__fish_append , ${values.join(' ')})"`;
  return values.length > 0 ? `${takes} -a ${quote(values.join(' '))}` : takes;
}

/**
 * A word of any of the three; no text of the tables has a backslash in front of a quote, which only fish would mind.
 */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
