/** Whether two programs sent the same, but for the differences that have a rule. */
import type { Answer, Case } from './case.ts';
import { requestsIn, textOf } from './message.ts';
import { type Both, RULES, type Rule } from './rules.ts';

export interface Finding {
  /** How they differ, for people; undefined: they do not. */
  readonly difference: string | undefined;
  /** The rules without which they would. */
  readonly needed: ReadonlySet<Rule>;
}

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

export function compare({ argv }: Case, answer: Answer): Finding {
  const line = argv.join(' ');
  const both: Both = {
    theirs: requestsIn(answer.theirs.datagrams.map(bytes)),
    ours: requestsIn(answer.ours.datagrams.map(bytes)),
    theirGroups: answer.theirs.groups,
    ourGroups: answer.ours.groups,
  };
  const none = new Set<Rule>();
  if (isAlike(both, line, [])) return { difference: undefined, needed: none };
  const rules = RULES.filter(({ of }) => of.test(line));
  if (isAlike(both, line, rules)) {
    const needed = rules.filter(
      (rule) =>
        !isAlike(
          both,
          line,
          rules.filter((other) => other !== rule),
        ),
    );
    return { difference: undefined, needed: new Set(needed) };
  }
  return { difference: describe(line, answer, apply(both, line, rules)), needed: none };
}

function apply(both: Both, line: string, rules: readonly Rule[]): Both {
  return rules.reduce((made, { alike }) => alike(made, line), both);
}

function isAlike(both: Both, line: string, rules: readonly Rule[]): boolean {
  const { theirs, ours, theirGroups, ourGroups } = apply(both, line, rules);
  return (
    theirGroups === ourGroups &&
    theirs.length === ours.length &&
    theirs.every((request, at) => textOf(request) === textOf(ours[at]))
  );
}

/** The lines that only one has of the first requests that differ, behind - theirs, behind + ours. */
function describe(line: string, { theirs, ours }: Answer, both: Both): string {
  const found = [line];
  const last = (text: string): string => text.trimEnd().split('\n').at(-1)!;
  if (both.theirGroups !== both.ourGroups) found.push(`  groups ${both.theirGroups}, ours ${both.ourGroups}`);
  found.push(`  conntrack(8): ${theirs.status} ${last(theirs.stderr)}`, `  ours: ${ours.status} ${last(ours.stderr)}`);
  found.push(`  ${both.theirs.length} requests, ours ${both.ours.length}`);
  const differing = Array.from({ length: Math.max(both.theirs.length, both.ours.length) }, (_, at) => at).filter(
    (at) => text(both.theirs[at]) !== text(both.ours[at]),
  );
  for (const at of differing.slice(0, 2)) {
    const [their, our] = [both.theirs[at], both.ours[at]].map((request) => text(request).split('\n'));
    found.push(`  request ${at}: ${their[0] || '(none)'}`);
    found.push(...their.filter((each) => !our.includes(each)).map((each) => `    - ${each.trim()}`));
    found.push(...our.filter((each) => !their.includes(each)).map((each) => `    + ${each.trim()}`));
  }
  return found.join('\n');
}

const text = (request: Both['ours'][number] | undefined): string => (request === undefined ? '' : textOf(request));
