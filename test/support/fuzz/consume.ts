/** Everything that reads what comes from outside, on one datagram. What it throws, other than DecodeError, is a bug. */
import { readAttributes } from '../../../src/ctnetlink/codec/read.ts';
import { Flow, flowCodec } from '../../../src/ctnetlink/flow.ts';
import { decodeExpectation, decodeFlow, eventTypeOf, expectationEventTypeOf } from '../../../src/ctnetlink/message.ts';
import { decodeCpuStats, decodeExpectationCpuStats, decodeGlobalStats } from '../../../src/ctnetlink/stats.ts';
import { DecodeError, NetlinkError } from '../../../src/netlink/errors.ts';
import { newNlmsghdr, type nlmsghdr, walkDatagram } from '../../../src/netlink/nlmsg.ts';
import { readErrno, readExtendedAck } from '../../../src/netlink/nlmsgerr.ts';
import { SequenceTracker } from '../../../src/netlink/sequence.ts';
import { Writer } from '../../../src/netlink/writer.ts';
import { written } from '../requests.ts';

/** How often each end was reached: a run that only ever meets broken headers would test nothing. */
export interface Outcome {
  flows: number;
  expectations: number;
  stats: number;
  acks: number;
  refusals: number;
}

function orDecodeError<T>(outcome: Outcome, read: () => T): T | DecodeError {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    outcome.refusals++;
    return error;
  }
}

const header = newNlmsghdr();

export function consume(view: DataView, outcome: Outcome): void {
  const most = view.byteLength / 16;
  let visited = 0;
  const walked = orDecodeError(outcome, () =>
    walkDatagram(
      view,
      (each, _view, offset, end) => {
        if (++visited > most) throw new Error(`${visited} messages in ${view.byteLength} bytes`);
        consumeMessage(each, view, offset, end, outcome);
      },
      header,
    ),
  );
  if (walked instanceof DecodeError) checkOffset(walked, 0, view.byteLength);
  track(view);
}

function checkOffset(error: DecodeError, from: number, to: number): void {
  if (error.offset < from || error.offset > to) throw new Error(`${error.message}: not within ${from} to ${to}`);
}

function consumeMessage(each: nlmsghdr, view: DataView, offset: number, end: number, outcome: Outcome): void {
  eventTypeOf(each);
  expectationEventTypeOf(each);
  const { nlmsg_type, nlmsg_flags } = each;
  // By type, as the callers do, and now and then all that there is: a type may be the mutation.
  if (nlmsg_type < 16) {
    const done = nlmsg_type === 3;
    const read = orDecodeError(outcome, () => {
      readErrno(view, offset, end, done);
      return readExtendedAck(view, offset, end, nlmsg_flags, done);
    });
    if (read instanceof DecodeError) checkOffset(read, offset, end);
    else outcome.acks++;
    if (view.byteLength % 16 !== 0) return;
  }
  const flow = orDecodeError(outcome, () => decodeFlow(view, offset, end));
  if (flow instanceof DecodeError) checkOffset(flow, offset, end);
  else outcome.flows++;
  const expectation = orDecodeError(outcome, () => decodeExpectation(view, offset, end));
  if (expectation instanceof DecodeError) checkOffset(expectation, offset, end);
  else outcome.expectations++;
  if ((nlmsg_type & 0xff) < 4) return;
  for (const decode of [decodeCpuStats, decodeGlobalStats, decodeExpectationCpuStats]) {
    const stats = orDecodeError(outcome, () => decode(view, offset, end));
    if (stats instanceof DecodeError) checkOffset(stats, offset, end);
    else outcome.stats++;
  }
}

/** Whatever comes, dispatch itself throws nothing, and requests end with an error of the family. */
function track(view: DataView): void {
  const tracker = new SequenceTracker();
  const sink = {
    message(_header: nlmsghdr, _view: DataView, offset: number, end: number): void {
      decodeFlow(view, offset, end);
    },
  };
  const check = (error: Error | undefined): void => {
    if (error !== undefined && !(error instanceof NetlinkError)) throw error;
  };
  tracker.events = { ...sink, overrun: check, end: check };
  const request = (dump: boolean) => written(() => {}, { operation: 'fuzz', dump });
  for (let sequence = 1; sequence <= 4; sequence++) {
    tracker.register(sequence, { request: request(sequence === 1), sink, settle: check });
  }
  // The numbers of a capture are random: its first message names the request.
  if (view.byteLength >= 16) {
    const sequence = view.getUint32(8, true);
    if (sequence > 4) tracker.register(sequence, { request: request(false), sink, settle: check });
  }
  tracker.dispatch({ bytes: BYTES, view, sender: 0, truncated: view.byteLength % 64 === 0 });
}

const BYTES = new Uint8Array(0);

/** All that can be seen of a datagram, as text: to compare two readings of it. */
export function picture(view: DataView): string {
  const lines: string[] = [];
  const note = (read: () => unknown): void => {
    try {
      lines.push(JSON.stringify(read()) ?? 'undefined');
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      lines.push(error.message);
    }
  };
  note(() =>
    walkDatagram(view, ({ nlmsg_flags, nlmsg_type }, _view, offset, end) => {
      note(() => decodeFlow(view, offset, end));
      note(() => decodeExpectation(view, offset, end));
      note(() => decodeCpuStats(view, offset, end));
      note(() => decodeGlobalStats(view, offset, end));
      note(() => readErrno(view, offset, end, nlmsg_type === 3));
      note(() => readExtendedAck(view, offset, end, nlmsg_flags, nlmsg_type === 3));
    }),
  );
  return lines.join('\n');
}

/** What was read can be written, and reading that gives the same; each message alone is what it was among others. */
export function checkMessages(view: DataView): void {
  const writer = new Writer();
  try {
    walkDatagram(view, (_header, _view, offset, end) => {
      const alone = new Uint8Array(end - offset);
      for (let i = 0; i < alone.length; i++) alone[i] = view.getUint8(offset + i);
      const among = jsonOf(view, offset, end);
      const apart = jsonOf(new DataView(alone.buffer), 0, alone.length);
      if ((among.flow === undefined) !== (apart.flow === undefined) || among.json !== apart.json) {
        throw new Error(`a message reads ${among.json} among others and ${apart.json} alone`);
      }
      if (among.flow === undefined) return;
      writer.reset();
      flowCodec.write(writer, among.flow);
      const again = new Flow();
      readAttributes(flowCodec.tables, writer.view, 0, writer.length, again);
      const { bytes, length } = writer;
      const first = bytes.slice(0, length);
      writer.reset();
      flowCodec.write(writer, again);
      if (Buffer.compare(first, writer.finish()) !== 0)
        throw new Error(
          `written as ${Buffer.from(first).toString('hex')} and again as ${Buffer.from(writer.finish()).toString('hex')}`,
        );
    });
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
}

function jsonOf(view: DataView, offset: number, end: number): { flow: Flow | undefined; json: string } {
  try {
    const flow = decodeFlow(view, offset, end);
    return { flow, json: JSON.stringify(flow) };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    // Without the offset, which is another one.
    return { flow: undefined, json: error.message.replace(/ at byte \d+$/, '').replace(/^\d+ bytes/, '') };
  }
}
