// The object API of libnetfilter_conntrack: objects.c, asked.

import { type Attr, attributeList } from './oracle.ts';
import { hex, OracleProgram } from './program.ts';

/** What is set, as `ID=HEX` (HEX as objects.c says), and what nfct_nlmsg_build makes of it: hex, or `error ERRNO`. */
export type State = { set: string[]; built: string };

/** nfct_attr_grp_is_set, and nfct_get_attr_grp: 0 and the memory, or -errno. */
export type GroupState = { isSet: number; result: number; memory: string };

type Pair = readonly [readonly Attr[], readonly Attr[]];

const program = new OracleProgram('objects');

function pairLine([one, two]: Pair): string {
  return `${attributeList(one)} | ${attributeList(two)}`;
}

function stateOf(line: string): State {
  const [set, built] = line.split('/ ');
  if (built === undefined) throw new Error(`the oracle refuses an object: ${line}`);
  return { set: set.split(' ').filter((each) => each !== ''), built };
}

/** The object after these settings, options among them. */
export function state(lists: readonly (readonly Attr[])[]): State[] {
  return program.ask(['state'], lists.map(attributeList)).map(stateOf);
}

/** nfct_cmp of each pair under the flags 0 to 127, a digit each, a space, and nfct_compare. */
export function cmp(pairs: readonly Pair[]): string[] {
  return program.ask(['cmp'], pairs.map(pairLine));
}

/** The same of the objects that nfct_nlmsg_parse reads from whole messages. */
export function cmpMessages(pairs: readonly (readonly [Uint8Array, Uint8Array])[]): string[] {
  return program.ask(
    ['cmpmsg'],
    pairs.map(([one, two]) => `${hex(one)} | ${hex(two)}`),
  );
}

/** The first of each pair after nfct_copy from the second. */
export function copy(cases: readonly { flags: number; pair: Pair }[]): State[] {
  const lines = cases.map(({ flags, pair }) => `${flags} ${pairLine(pair)}`);
  return program.ask(['copy'], lines).map(stateOf);
}

/** The same after nfct_copy_attr. */
export function copyAttr(cases: readonly { id: number; pair: Pair }[]): State[] {
  const lines = cases.map(({ id, pair }) => `${id} ${pairLine(pair)}`);
  return program.ask(['copyattr'], lines).map(stateOf);
}

/** nfct_getobjopt of the options 0 to 3, a digit each. */
export function getobjopt(lists: readonly (readonly Attr[])[]): string[] {
  return program.ask(['getobjopt'], lists.map(attributeList));
}

/** Each group, and the object, after setting (memory) and unsetting (undefined) groups. */
export function groups(
  cases: readonly { list: readonly Attr[]; ops: readonly { group: number; memory?: Uint8Array }[] }[],
): { groups: GroupState[]; state: State }[] {
  const lines = cases.map(({ list, ops }) => {
    const words = ops.map(({ group, memory }) => (memory === undefined ? `-${group}` : `+${group}=${hex(memory)}`));
    return `${attributeList(list)} | ${words.join(' ')}`;
  });
  return program.ask(['groups'], lines).map((line) => {
    const words = line.split(' ');
    const groups = words.slice(0, 16).map((word) => {
      const [isSet, result, memory] = word.split('/');
      return { isSet: Number(isSet), result: Number(result), memory };
    });
    return { groups, state: stateOf(words.slice(16).join(' ')) };
  });
}

/** nfct_attr_is_set_array of these ATTR_. */
export function isSetArray(cases: readonly { list: readonly Attr[]; ids: readonly number[] }[]): number[] {
  return program
    .ask(
      ['array'],
      cases.map(({ list, ids }) => `${attributeList(list)} | ${ids.join(' ')}`),
    )
    .map(Number);
}

/** Lines of `MAXBIT OP ...` as objects.c has them: a number for each OP; undefined where there is no such bitmask. */
export function bitmask(lines: readonly string[]): (number[] | undefined)[] {
  return program
    .ask(['bitmask'], lines)
    .map((line) => (line.startsWith('error') ? undefined : line.trim().split(' ').map(Number)));
}

/** Answers to `bit NAME` (a number) and `name N` (`=NAME` or NULL) about a file; undefined when it makes no map. */
export function labelmap(file: string, questions: readonly string[]): string[] | undefined {
  const answers = program.ask(['labelmap', file], questions);
  return answers[0] === 'no map' ? undefined : answers;
}

export function labelsPath(): string {
  return program.ask(['path'])[0];
}
