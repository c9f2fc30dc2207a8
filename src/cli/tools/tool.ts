/** Reads and carries out the command line of a tool. */

import { UsageError } from '../options/settings.ts';
import type { ToolName } from '../options/tool-names.ts';
import { TOOLS, type ToolOption, type ToolRow } from '../options/tools.ts';
import { anonymizeFile } from './anonymize.ts';
import { convert, convertSettings } from './convert.ts';
import { cut } from './cut.ts';
import { toolHelp } from './help.ts';

type Run = (operands: readonly string[], values: ReadonlyMap<string, string>) => Promise<number>;

/** The others work with the table: see ../options/table-words.ts. */
const RUN: Readonly<Partial<Record<ToolName, Run>>> = {
  convert: (operands, values) => convert(convertSettings('convert', operands, values.get('format'))),
  anonymize: anonymizeFile,
  cut,
};

/** @returns the exit status @throws UsageError */
export async function runTool(name: ToolName, args: readonly string[]): Promise<number> {
  const tool = TOOLS.find((each) => each.name === name)!;
  // Options of a command are not among those of the tool.
  const { operands, values, help } = tool.optionsOf === undefined ? read(tool, args) : ONLY_HELP;
  if (help) {
    process.stdout.write(toolHelp(tool));
    return 0;
  }
  return await RUN[name]!(operands, values);
}

interface ToolArguments {
  operands: string[];
  values: Map<string, string>;
  help: boolean;
}

const ONLY_HELP: ToolArguments = { operands: [], values: new Map(), help: true };

function read({ options }: ToolRow, args: readonly string[]): ToolArguments {
  const found: ToolArguments = { operands: [], values: new Map(), help: false };
  let operandsOnly = false;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at];
    if (operandsOnly || !arg.startsWith('-') || arg === '-') {
      found.operands.push(arg);
    } else if (arg === '--') {
      operandsOnly = true;
    } else if (arg === '-h' || arg === '--help') {
      found.help = true;
    } else {
      const [name, attached] = split(arg);
      const option = optionOf(options, name, arg);
      if (found.values.has(option.long)) throw new UsageError(`option \`--${option.long}' is given twice`);
      if (option.placeholder === undefined) {
        if (attached !== undefined) throw new UsageError(`option \`--${option.long}' takes no argument`);
        found.values.set(option.long, '');
        continue;
      }
      const value = attached ?? args[++at];
      if (value === undefined) throw new UsageError(`option \`--${option.long}' needs an argument`);
      found.values.set(option.long, value);
    }
  }
  return found;
}

function split(arg: string): [name: string, value: string | undefined] {
  // A letter with its argument behind it, as in getopt(3).
  if (!arg.startsWith('--') && arg.length > 2) return [arg.slice(0, 2), arg.slice(2)];
  const at = arg.indexOf('=');
  return at < 0 ? [arg, undefined] : [arg.slice(0, at), arg.slice(at + 1)];
}

function optionOf(options: readonly ToolOption[], name: string, arg: string): ToolOption {
  const option = options.find(
    ({ long, short }) => `--${long}` === name || (short !== undefined && `-${short}` === name),
  );
  if (option === undefined) throw new UsageError(`unknown option \`${arg}'`);
  return option;
}
