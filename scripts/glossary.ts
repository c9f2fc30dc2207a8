/** Words that a reader stumbles over, and what to write instead: the English of CONTRIBUTING.md as rules. */
export interface Rule {
  /** How the rule is called in a finding. */
  readonly name: string;
  /** A regular expression. A space also matches the end of a line of a comment. */
  readonly pattern: string;
  readonly instead: string;
}

/** "The last of which" and the like are English; "of which nothing is known" is not. */
const QUANTITY = 'all|any|both|each|either|few|first|half|last|many|most|neither|none|one|part|second|some|three|two';

export const RULES: readonly Rule[] = [
  { name: 'who', pattern: String.raw`(?<=^|[.:;] )who (?!else\b)`, instead: 'callers that ..., a program that ...' },
  {
    name: 'for who',
    pattern: String.raw`\b(?:for|from|of|than|to|wakes?|with) who\b`,
    instead: 'for callers that ...',
  },
  { name: 'stands', pattern: String.raw`\b(?:stands?|stood)\b(?! for\b| alone\b|-)`, instead: 'is, is in' },
  { name: 'told', pattern: String.raw`\b(?:told|tells?)\b(?! (?:\w+ ){0,4}apart)`, instead: 'reports, returns, says' },
  { name: 'turned round', pattern: String.raw`\bturn(?:s|ed)? round\b`, instead: 'inverted, reversed' },
  { name: 'anew', pattern: String.raw`\banew\b`, instead: 'again' },
  { name: 'face', pattern: String.raw`\bfaces?\b`, instead: 'API' },
  { name: 'some hundred', pattern: String.raw`\bsome hundreds?\b`, instead: 'several hundred' },
  { name: 'of which', pattern: String.raw`(?<!\b(?:${QUANTITY}) )\bof which\b`, instead: 'two sentences' },
  { name: 'what of', pattern: String.raw`\bwhat of (?:an?|the|it|its)\b`, instead: 'the parts of ... that' },
  { name: 'none such', pattern: String.raw`\bnone such\b`, instead: 'none' },
  { name: 'all the same', pattern: String.raw`\ball the same\b`, instead: 'anyway' },
  { name: 'for want of', pattern: String.raw`\bfor want of\b`, instead: 'for lack of' },
  { name: 'hence', pattern: String.raw`\bhence\b`, instead: 'so' },
  { name: 'goes again', pattern: String.raw`\bgo(?:es)? again\b`, instead: 'is sent again, runs again' },
  { name: 'has it whole', pattern: String.raw`\bha(?:s|ve) (?:it|them) whole\b`, instead: 'has all of it' },
  { name: 'as it comes', pattern: String.raw`\bas (?:it comes|they come)\b`, instead: 'when it arrives' },
  { name: 'is nothing to', pattern: String.raw`\bis nothing to\b`, instead: 'say what happens' },
  { name: 'its like', pattern: String.raw`\band (?:its|their) like\b`, instead: 'name them, or: and similar' },
  { name: 'says of', pattern: String.raw`\bsa(?:ys?|id) of\b`, instead: 'says about, reports about' },
  { name: 'hears of', pattern: String.raw`\bhears? of\b`, instead: 'is notified' },
  { name: 'to be had', pattern: String.raw`\bto be had\b`, instead: 'available' },
];

/** Uses that are right. Each is a file, the text around the match and the reason. */
export const EXCEPTIONS: readonly { readonly file: string; readonly text: string; readonly reason: string }[] = [
  { file: 'test/transport/conformance/workers.ts', text: 'let told = 0', reason: 'code of a worker, in a string' },
  { file: 'test/transport/conformance/workers.ts', text: '++told === 2', reason: 'code of a worker, in a string' },
];
