/**
 * Text of the kernel, of a capture or of another program, such as the name of a helper, on its way to a terminal.
 * Characters that could drive the terminal, or hide what a line says, are shown and not sent.
 */

/**
 * C0 controls, DEL and C1 controls; marks that change the direction of text (UAX #9); separators of lines and
 * paragraphs; and surrogates that have no partner.
 */
const CONTROLS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/gu;

/** The same in what JSON.stringify returns, which has escaped C0 controls and surrogates already. */
const CONTROLS_IN_JSON = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Text without control characters: each is written as JavaScript writes it, `\x1b` or `\u202e`. Other text stays as it
 * is. So does a backslash: the result is to be looked at, not to be read back.
 */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, escaped);
}

/** JSON without control characters. They are in its strings only, where `\u009b` means the same. */
export function escapeControlsInJSON(json: string): string {
  return json.replace(CONTROLS_IN_JSON, (found) => `\\u${hex(found, 4)}`);
}

/** The characters that escapeControls escapes, each as `replace` says. */
export function replaceControls(text: string, replace: (control: string) => string): string {
  return text.replace(CONTROLS, replace);
}

function escaped(control: string): string {
  return control <= '\xff' ? `\\x${hex(control, 2)}` : `\\u${hex(control, 4)}`;
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}
