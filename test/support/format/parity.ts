/** Our texts of flows against those of libnetfilter_conntrack. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Flow } from '../../../src/ctnetlink/flow.ts';
import { decodeFlow } from '../../../src/ctnetlink/message.ts';
import * as format from '../../../src/format/index.ts';
import { formatFlow } from '../../../src/format/plain.ts';
import { formatFlowXML } from '../../../src/format/xml.ts';
import { viewOf } from '../../../src/netlink/byteorder.ts';
import { type PrintOptions, print } from '../oracle/oracle.ts';
import type { Random } from '../random.ts';
import { messageOf, randomSample } from './flows.ts';

/**
 * When everything is printed: between the starts of the flows that have not stopped, so that some of those lie ahead of
 * it.
 */
export const NOW = Date.UTC(2023, 10, 15, 7, 5, 9, 999);

/** Every combination of NFCT_OF_*, and of bits that mean nothing. */
export const FLAGS: readonly number[] = [...Array(16).keys(), 0xfffffff0];

export const TYPES: readonly number[] = [
  format.NFCT_T_UNKNOWN,
  format.NFCT_T_NEW,
  format.NFCT_T_UPDATE,
  format.NFCT_T_DESTROY,
];

export const decode = (message: Uint8Array): Flow => decodeFlow(viewOf(message), 0, message.length);

/** So many random flows, as messages and as they are read from them. */
export function randomFlows(random: Random, count: number): [messages: Uint8Array[], flows: Flow[]] {
  const messages = Array.from({ length: count }, () => messageOf(randomSample(random, random.percent(10))));
  return [messages, messages.map(decode)];
}

/**
 * What nfct_snprintf prints of each message at NOW, but for what is different on purpose: plain text that it fails for
 * is empty here, and the context of flows.ts that is no XML is escaped.
 */
export function expected(messages: readonly Uint8Array[], options: PrintOptions): string[] {
  return print(messages, { now: NOW, ...options }).map((text) => {
    if (options.type !== format.NFCT_O_XML) return text === 'error 5' ? '' : text;
    return text.replace('<secctx>a b<&"</secctx>', '<secctx>a b&lt;&amp;"</secctx>');
  });
}

/** Every message under these options, against libnetfilter_conntrack. */
export function compare(messages: readonly Uint8Array[], flows: readonly Flow[], options: PrintOptions): void {
  const { flags = 0, msgType, type, now = NOW, timeZone = 'UTC' } = options;
  const ours = { ...format.formatOptions(flags, msgType), now };
  const formatter = type === format.NFCT_O_XML ? formatFlowXML : formatFlow;
  const texts = inTimeZone(timeZone, () => flows.map((flow) => formatter(flow, ours)));
  expectSame(texts, expected(messages, options));
}

/** Text by text: the difference of two long lists takes chai minutes. */
export function expectSame(ours: readonly string[], theirs: readonly string[]): void {
  expect(ours.length).to.equal(theirs.length);
  for (const [at, text] of ours.entries()) if (text !== theirs[at]) expect(text).to.equal(theirs[at]);
}

/** Zones of the machine's beside UTC: half an hour, and summer time. */
export const TIME_ZONES: readonly string[] = ['Asia/Kolkata', 'America/New_York'].filter((zone) =>
  existsSync(`/usr/share/zoneinfo/${zone}`),
);

/** Runs in the local time of this zone. */
export function inTimeZone<T>(zone: string, body: () => T): T {
  const { TZ } = process.env;
  process.env.TZ = zone;
  try {
    return body();
  } finally {
    if (TZ === undefined) delete process.env.TZ;
    else process.env.TZ = TZ;
  }
}

/** Runs with a file of this text, which is removed behind it. */
export function withFile<T>(text: string, body: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
  try {
    const path = join(folder, 'connlabel.conf');
    writeFileSync(path, text);
    return body(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
