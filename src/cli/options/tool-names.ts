/** Words in place of a command. Apart from what the tools are and do, so that a command loads none of it. */
export const TOOL_NAMES = ['snapshot', 'restore', 'watch', 'cut', 'convert', 'anonymize'] as const;

export type ToolName = (typeof TOOL_NAMES)[number];

export function isToolName(word: string | undefined): word is ToolName {
  return TOOL_NAMES.some((name) => name === word);
}
