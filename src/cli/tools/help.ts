import { row, wrap } from '../help/help.ts';
import type { ToolRow } from '../options/tools.ts';

const WIDTH = 79;

/** What --help prints behind the name of a tool. */
export function toolHelp({ name, operands, help, about, options }: ToolRow): string {
  const rows = options.map(({ long, short, placeholder = '', help: what }) =>
    row(`${short === undefined ? '    ' : `-${short}, `}--${long} ${placeholder}`.trimEnd(), what),
  );
  return `Usage: ctnetlink ${name} [OPTION...]${` ${operands}`.trimEnd()}\n\n${wrap([`${help}.`, ...about].join(' '), WIDTH).join('\n')}\n\nOptions:\n${[...rows, row('-h, --help', 'Show this help')].join('\n')}\n`;
}
