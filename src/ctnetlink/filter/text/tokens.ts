/** The words of the text of a filter. */
import { FilterSyntaxError } from './syntax-error.ts';

export interface Token {
  /** 'word' is a name or a value, 'quoted' a value in double quotes; others are themselves. */
  readonly kind:
    | 'word'
    | 'quoted'
    | 'and'
    | 'or'
    | 'not'
    | '('
    | ')'
    | ','
    | '='
    | '!='
    | '<'
    | '<='
    | '>'
    | '>='
    | 'end';
  /** Without quotes. */
  readonly text: string;
  readonly offset: number;
  /** In the text, with quotes. */
  readonly length: number;
}

const TOKEN = /\s*(?:("(?:[^"\\]|\\.)*")|(&&|\|\||!=|<=|>=|[(),=<>!])|([^\s()",=<>!&|]+))/suy;
const SYNONYMS: Readonly<Record<string, Token['kind']>> = {
  '&&': 'and',
  '||': 'or',
  '!': 'not',
  and: 'and',
  or: 'or',
  not: 'not',
};

/** @throws FilterSyntaxError */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  for (let at = 0; at < end; at = TOKEN.lastIndex) {
    const found = TOKEN.exec(text);
    if (found === null) {
      const offset = at + (text.slice(at).length - text.slice(at).trimStart().length);
      const reason = text[offset] === '"' ? 'a " has no partner' : `${text[offset]} means nothing here`;
      throw new FilterSyntaxError(reason, text, offset);
    }
    const [whole, quoted, sign, word] = found;
    const raw = (quoted ?? sign ?? word)!;
    const offset = at + whole.length - raw.length;
    const kind = quoted !== undefined ? 'quoted' : (SYNONYMS[raw] ?? (sign as Token['kind'] | undefined) ?? 'word');
    const shown = quoted === undefined ? raw : raw.slice(1, -1).replace(/\\(.)/gsu, '$1');
    tokens.push({ kind, text: shown, offset, length: raw.length });
  }
  tokens.push({ kind: 'end', text: '', offset: end, length: 1 });
  return tokens;
}
