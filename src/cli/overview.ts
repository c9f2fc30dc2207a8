/** Ten flows of a table in lines that fit a terminal, and how many of which kind there are. */
import { describeTuple } from '../ctnetlink/describe-tuple.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { ORIG } from '../ctnetlink/slots.ts';
import { escapeControls } from '../netlink/escape.ts';
import { IPS_NAT_MASK, IPS_SEEN_REPLY } from '../uapi/nf_conntrack_common.ts';

/** Columns of a line, at the most. */
const WIDTH = 100;
const STATE_WIDTH = 18;
const TIMEOUT_WIDTH = 10;
const TUPLE_WIDTH = WIDTH - STATE_WIDTH - TIMEOUT_WIDTH - 2;

const FEW = 10;

/** A line for each of the first flows, then one for all of them. */
export async function overview(batches: AsyncIterable<readonly Flow[]>): Promise<string> {
  const lines: string[] = [];
  const protocols = new Map<string, number>();
  let [count, ipv6, translated] = [0, 0, 0];
  for await (const batch of batches)
    for (const flow of batch) {
      if (lines.length < FEW) lines.push(lineOf(flow));
      const { proto } = flow.orig;
      const protocol = typeof proto === 'string' ? proto : `of protocol ${proto ?? '?'}`;
      protocols.set(protocol, (protocols.get(protocol) ?? 0) + 1);
      count++;
      if (flow.family === 'ipv6') ipv6++;
      if (((flow.status ?? 0) & IPS_NAT_MASK) !== 0) translated++;
    }
  if (count > lines.length) lines.push(`... and ${count - lines.length} more`);
  const kinds = [...protocols].sort((a, b) => b[1] - a[1]).map(([name, each]) => `${each} ${name}`);
  lines.push('', `${count} ${count === 1 ? 'flow' : 'flows'}: ${wrap(kinds)}`);
  lines.push(`${count - ipv6} IPv4, ${ipv6} IPv6, ${translated} with NAT`);
  return `${lines.map(escapeControls).join('\n')}\n`;
}

/** As many as fit the line. */
function wrap(kinds: readonly string[]): string {
  const room = WIDTH - 30;
  let text = '';
  for (const kind of kinds) {
    if (text.length + kind.length > room) return `${text}, and others`;
    text += text === '' ? kind : `, ${kind}`;
  }
  return text;
}

/** A flow: its original tuple, its state, and when it expires. */
function lineOf(flow: Flow): string {
  const tuple = describeTuple(flow.slots, ORIG);
  const shown = tuple.length > TUPLE_WIDTH ? `${tuple.slice(0, TUPLE_WIDTH - 3)}...` : tuple.padEnd(TUPLE_WIDTH);
  const timeout = flow.timeout === undefined ? '' : `${flow.timeout} s`;
  return `${shown} ${stateOf(flow).padEnd(STATE_WIDTH)} ${timeout.padStart(TIMEOUT_WIDTH)}`.trimEnd();
}

function stateOf({ tcp, sctp, dccp, status = 0 }: Flow): string {
  const state = tcp?.state ?? sctp?.state ?? dccp?.state;
  if (state !== undefined) return String(state);
  return (status & IPS_SEEN_REPLY) !== 0 ? 'answered' : 'not answered';
}
