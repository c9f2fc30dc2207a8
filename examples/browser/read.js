/** What a capture has, as lines of text. Nothing in here knows a page: it runs wherever JavaScript does. */
import { Conntrack } from 'ctnetlink';
import { formatEvent, formatExpectation, formatExpectationEvent, formatFlow } from 'ctnetlink/format';
import { messages, readCapture, replay, writeCapture } from 'ctnetlink/replay';
import {
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_GET_CTRZERO,
  IPCTNL_MSG_CT_GET_DYING,
  IPCTNL_MSG_CT_GET_UNCONFIRMED,
  IPCTNL_MSG_EXP_GET,
  NFNL_SUBSYS_CTNETLINK,
  NFNL_SUBSYS_CTNETLINK_EXP,
  NLM_F_DUMP,
  NLM_F_REQUEST,
} from 'ctnetlink/uapi';

/** Bytes of nlmsghdr and nfgenmsg: a dump of everything has no more. */
const PLAIN = 20;

/** Requests that list a table, by nlmsg_type: what they list, and the type that asks for it without side effects. */
const DUMPS = new Map(
  [
    [NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, 'flows'],
    [NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET_CTRZERO, 'flows', 'counters reset'],
    [NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET_DYING, 'flows', 'dying'],
    [NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET_UNCONFIRMED, 'flows', 'unconfirmed'],
    [NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_GET, 'expectations'],
  ].map(([subsystem, message, kind, remark]) => [
    (subsystem << 8) | message,
    { type: (subsystem << 8) | IPCTNL_MSG_CT_GET, kind, remark },
  ]),
);

/**
 * Lists the dumps and the events of a capture. `sections` has one entry for each dump and one for the events of each
 * kind, with rows of `{ time, text, type }`, time in milliseconds since 1970, and `error` where something of it is
 * missing.
 *
 * @param bytes pcap, pcapng, a log of strace or hexadecimal text; not compressed
 */
export async function readAll(bytes) {
  const { datagrams, skipped, format, release } = readCapture(bytes);
  const { dumps, plain } = withoutFilters(datagrams);
  const transport = replay(writeCapture(plain, { format: 'pcapng' }), { match: 'meaning' });
  const ct = await Conntrack.open({ transport });
  try {
    const sections = [];
    for (const dump of dumps) {
      const [list, print] =
        dump.kind === 'flows' ? [ct, formatFlow] : [ct.expectations, (expectation) => formatExpectation(expectation)];
      const section = { ...dump, rows: [], error: undefined };
      sections.push(section);
      await collect(section, list.dump(), (entry) => {
        section.time = ct.time ?? section.time;
        return { text: print(entry, { now: ct.time ?? Date.now() }), time: ct.time };
      });
    }
    for (const [kind, list, format] of [
      ['events', ct, formatEvent],
      ['events of expectations', ct.expectations, formatExpectationEvent],
    ]) {
      const section = { kind, remarks: [], time: undefined, rows: [], error: undefined };
      await collect(section, await list.events(), (event) => {
        const { type, time } = event;
        if (type !== 'overrun') return { text: format(event), time, type };
        return {
          text: event.lost === undefined ? 'events are missing here' : `${event.lost} events are missing here`,
          time,
          type,
        };
      });
      // A loss concerns both kinds. It is shown where events are, or else once.
      const losses = section.rows.every(({ type }) => type === 'overrun');
      if (section.error !== undefined || (section.rows.length > 0 && !(losses && list !== ct))) sections.push(section);
    }
    return { format, release, skipped, requests: countRequests(datagrams), sections };
  } finally {
    await ct.close();
  }
}

/** Adds a row for each entry. A part of the answer may be missing: what comes before that is listed. */
async function collect(section, entries, toRow) {
  try {
    for await (const entry of entries) section.rows.push(toRow(entry));
  } catch (error) {
    section.error = error.message;
  }
}

/**
 * A replay answers what is asked, and this page does not know what the program of the capture asked for. So every dump
 * is made one of everything: each then gives all that was recorded of it, in turn.
 */
function withoutFilters(datagrams) {
  const dumps = [];
  const plain = datagrams.flatMap((datagram) => {
    if (datagram.fromKernel) return [datagram];
    return messages(datagram.bytes).map((message) => {
      const header = new DataView(message.buffer, message.byteOffset, message.byteLength);
      const flags = header.getUint16(6, true);
      const dump = DUMPS.get(header.getUint16(4, true));
      if (dump === undefined || (flags & NLM_F_DUMP) !== NLM_F_DUMP || message.length < PLAIN)
        return { ...datagram, bytes: message };
      const { type, kind, remark } = dump;
      const filtered = message.length > PLAIN || message[16] !== 0;
      const remarks = [remark, filtered ? 'only a part was asked for' : undefined];
      const time = datagram.time === undefined ? undefined : Number(datagram.time / 1000n) / 1000;
      dumps.push({ kind, remarks: remarks.filter((each) => each !== undefined), time });
      const bytes = new Uint8Array(PLAIN);
      bytes.set(message.subarray(0, 16));
      const view = new DataView(bytes.buffer);
      view.setUint32(0, PLAIN, true);
      view.setUint16(4, type, true);
      view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
      return { ...datagram, bytes };
    });
  });
  return { dumps, plain };
}

function countRequests(datagrams) {
  return datagrams.reduce((count, { fromKernel, bytes }) => count + (fromKernel ? 0 : messages(bytes).length), 0);
}
