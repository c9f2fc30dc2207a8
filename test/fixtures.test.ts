/** Every recorded scenario, held against all that reads it: replay, decoder, encoder, formats, and Wireshark. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { SCENARIOS } from '../fixtures/scenarios.ts';
import { expectationCodec } from '../src/ctnetlink/expectation.ts';
import { flowCodec } from '../src/ctnetlink/flow.ts';
import { decodeExpectation, decodeFlow } from '../src/ctnetlink/message.ts';
import {
  type FormatFlowOptions,
  formatExpectation,
  formatExpectationXML,
  formatFlow,
  formatFlowXML,
  XML_BEGIN,
  XML_END,
} from '../src/format/index.ts';
import { Conntrack } from '../src/index.ts';
import { viewOf } from '../src/netlink/byteorder.ts';
import { DecodeError } from '../src/netlink/errors.ts';
import { walkAttributes } from '../src/netlink/nlattr.ts';
import { walkDatagram } from '../src/netlink/nlmsg.ts';
import { Writer } from '../src/netlink/writer.ts';
import { attributesOf, nfnlMessage, nfnlSubsystem } from '../src/nfnetlink/nfgenmsg.ts';
import { type CapturedDatagram, readCapture, replay } from '../src/replay.ts';
import { NFCT_O_PLAIN, NFCT_O_XML } from '../src/uapi/libnetfilter_conntrack.ts';
import { NLMSG_MIN_TYPE } from '../src/uapi/netlink.ts';
import { NFNL_SUBSYS_CTNETLINK, NFNL_SUBSYS_CTNETLINK_EXP } from '../src/uapi/nfnetlink.ts';
import {
  IPCTNL_MSG_CT_GET_STATS,
  IPCTNL_MSG_CT_GET_STATS_CPU,
  IPCTNL_MSG_EXP_GET_STATS_CPU,
} from '../src/uapi/nfnetlink_conntrack.ts';
import { compare, decode, FLAGS, TYPES } from './support/format/parity.ts';
import { describeUnless, onPath } from './support/kernel.ts';
import { describeOracle } from './support/oracle.ts';

interface Facts {
  now: number;
  oracle?: Record<string, string[]>;
}

const path = (name: string, file: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}/${file}`, import.meta.url));
const text = (name: string, file: string): string => readFileSync(path(name, file), 'utf8');
const capture = (name: string): CapturedDatagram[] => readCapture(readFileSync(path(name, 'capture.pcap'))).datagrams;

interface Captured {
  view: DataView;
  offset: number;
  end: number;
}

/** Messages about flows: their bytes with offset and end, as they lie in their datagram. */
function flowMessages(name: string, fromKernel: boolean): Captured[] {
  // Of the last the kernel says that it is about flows: statistics of expectations (Linux 6.18).
  const stats: number[] = [IPCTNL_MSG_CT_GET_STATS, IPCTNL_MSG_CT_GET_STATS_CPU];
  if (fromKernel) stats.push(IPCTNL_MSG_EXP_GET_STATS_CPU);
  return messagesOf(name, fromKernel, NFNL_SUBSYS_CTNETLINK, stats);
}

function expectationMessages(name: string, fromKernel: boolean): Captured[] {
  return messagesOf(name, fromKernel, NFNL_SUBSYS_CTNETLINK_EXP, [IPCTNL_MSG_EXP_GET_STATS_CPU]);
}

function messagesOf(name: string, fromKernel: boolean, subsystem: number, without: readonly number[]): Captured[] {
  const messages: Captured[] = [];
  for (const datagram of capture(name)) {
    if (datagram.fromKernel !== fromKernel) continue;
    walkDatagram(viewOf(datagram.bytes), (header, view, offset, end) => {
      if (nfnlSubsystem(header.nlmsg_type) !== subsystem) return;
      if (!without.includes(nfnlMessage(header.nlmsg_type))) messages.push({ view, offset, end });
    });
  }
  return messages;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** What conntrack -o says, as our option. */
const OUTPUT: Record<string, FormatFlowOptions> = {
  extended: { layer3: true },
  id: { id: true },
  ktimestamp: { timestamp: true },
  xml: {},
};

/** A listing in XML is one document, or nothing. */
function listing(lines: readonly string[], xml: boolean, table: keyof typeof XML_BEGIN = 'conntrack'): string {
  const text = lines.map((line) => `${line}\n`).join('');
  return xml && text !== '' ? XML_BEGIN[table] + text + XML_END[table] : text;
}

for (const scenario of SCENARIOS) {
  const { name } = scenario;
  describe(`fixture ${name}`, () => {
    it('replays to what was recorded', async () => {
      await using ct = await Conntrack.open({ transport: replay(path(name, 'capture.pcap')) });
      const result = await scenario.run(ct, async () => {});
      expect(JSON.parse(JSON.stringify(result))).to.deep.equal(JSON.parse(text(name, 'expected.json')));
    });

    it('what was sent is encoded again byte for byte', () => {
      for (const { view, offset, end } of expectationMessages(name, false)) {
        const writer = new Writer();
        expectationCodec.write(writer, decodeExpectation(view, offset, end));
        const start = attributesOf(offset, end);
        expect(hex(writer.finish())).to.equal(hex(new Uint8Array(view.buffer, view.byteOffset + start, end - start)));
      }
      for (const { view, offset, end } of flowMessages(name, false)) {
        // What that scenario sends has attributes that are too short, on purpose.
        if (name === 'extended-ack' && isTooShort(view, offset, end)) continue;
        const start = attributesOf(offset, end);
        const writer = new Writer();
        flowCodec.write(writer, decodeFlow(view, offset, end));
        const sent = new Uint8Array(view.buffer, view.byteOffset + start, end - start);
        expect(hex(writer.finish())).to.equal(hex(sent));
      }
    });

    it('what came is the same flow when it is encoded and decoded again', () => {
      for (const { view, offset, end } of flowMessages(name, true)) {
        const flow = decodeFlow(view, offset, end);
        // The nlmsghdr and nfgenmsg of the original: the family is not among the attributes.
        const header = new Uint8Array(view.buffer, view.byteOffset + offset, attributesOf(offset, end) - offset);
        const writer = new Writer();
        writer.bytes.set(header, writer.reserve(header.length));
        flowCodec.write(writer, flow);
        expect(decodeFlow(viewOf(writer.finish()), 0, writer.length)).to.deep.equal(flow);
      }
    });

    const messages = flowMessages(name, true).map(({ view, offset, end }) =>
      new Uint8Array(view.buffer, view.byteOffset + offset, end - offset).slice(),
    );
    if (messages.length > 0) {
      describeOracle('against libnetfilter_conntrack', () => {
        it('prints what came, plain and as XML', () => {
          const flows = messages.map(decode);
          for (const type of [NFCT_O_PLAIN, NFCT_O_XML]) {
            for (const flags of FLAGS) for (const msgType of TYPES) compare(messages, flows, { type, flags, msgType });
          }
        });
      });
    }

    const { now, oracle = {} } = JSON.parse(text(name, 'scenario.json')) as Facts;
    for (const [file, args] of Object.entries(oracle)) {
      if (args[0] !== '-L') continue;
      it(`prints as conntrack ${args.join(' ')} did`, async () => {
        const options: FormatFlowOptions = { now };
        const outputs = args.includes('-o') ? args[args.indexOf('-o') + 1].split(',') : [];
        for (const output of outputs) Object.assign(options, OUTPUT[output]);
        await using ct = await Conntrack.open({ transport: replay(path(name, 'capture.pcap')) });
        const xml = outputs.includes('xml');
        if (args[1] === 'expect') {
          // conntrack(8) lists those of IPv4 when no family is given.
          const expectations = (await ct.expectations.dump().toArray()).filter(({ family }) => family === 'ipv4');
          const lines = expectations.map((each) => (xml ? formatExpectationXML(each) : formatExpectation(each)));
          expect(listing(lines, xml, 'expect')).to.equal(text(name, file));
          return;
        }
        const format = xml ? formatFlowXML : formatFlow;
        const lines: string[] = [];
        for await (const flow of ct.dump()) {
          if (!args.includes('ipv6') || flow.family === 'ipv6') lines.push(format(flow, options));
        }
        expect(listing(lines, xml)).to.equal(inLocalTime(text(name, file)));
      });
    }
  });
}

function isTooShort(view: DataView, offset: number, end: number): boolean {
  try {
    decodeFlow(view, offset, end);
    return false;
  } catch (error) {
    expect(error).to.be.instanceOf(DecodeError);
    return true;
  }
}

/** conntrack prints local time, and this was recorded in UTC. */
function inLocalTime(recorded: string): string {
  return recorded.replace(/\[start=([^\]]+)\]/g, (_whole, utc: string) => {
    const [day, date] = [new Date(`${utc} UTC`), (n: number) => `${n}`.padStart(2)];
    const [weekday, month] = day.toString().split(' ');
    return `[start=${weekday} ${month} ${date(day.getDate())} ${day.toTimeString().slice(0, 8)} ${day.getFullYear()}]`;
  });
}

describe('fixture mixed', () => {
  it('has flows of every kind', () => {
    const flows = flowMessages('mixed', true).map(({ view, offset, end }) => decodeFlow(view, offset, end));
    expect(flows.length).to.be.at.least(30);
    const states = new Set(flows.map((flow) => flow.tcp?.state).filter((state) => state !== undefined));
    expect([...states]).to.include.members([
      ...['NONE', 'SYN_SENT', 'SYN_RECV', 'ESTABLISHED', 'FIN_WAIT'],
      ...['CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT', 'CLOSE', 'SYN_SENT2'],
    ]);
    for (const proto of ['tcp', 'udp', 'udplite', 'icmp', 'icmpv6', 'sctp', 'gre', 89]) {
      expect(flows.some((flow) => flow.orig.proto === proto)).to.equal(true, String(proto));
    }
    const has: Record<string, boolean> = {
      ipv4: flows.some((flow) => flow.family === 'ipv4'),
      ipv6: flows.some((flow) => flow.family === 'ipv6'),
      snat: flows.some((flow) => flow.reply.dst !== flow.orig.src),
      dnat: flows.some((flow) => flow.reply.src !== flow.orig.dst),
      zone: flows.some((flow) => flow.zone !== undefined),
      'zone of a direction': flows.some((flow) => flow.orig.zone !== undefined),
      mark: flows.some((flow) => flow.mark === 0xffffffff),
      labels: flows.some((flow) => flow.labels !== undefined),
      helper: flows.some((flow) => flow.helper?.name === 'ftp'),
      master: flows.some((flow) => flow.master !== undefined),
      'sequence adjustment': flows.some((flow) => flow.seqadjReply !== undefined),
      counters: flows.some((flow) => (flow.countersOrig?.bytes ?? 0n) > 0n),
      timestamp: flows.some((flow) => flow.timestamp?.start !== undefined),
    };
    for (const [kind, there] of Object.entries(has)) expect(there).to.equal(true, kind);
    expect(flows.every((flow) => flow.unknown === undefined)).to.equal(true);
  });
});

describeUnless(onPath('tshark') ? undefined : 'needs tshark on PATH', 'Wireshark reads the captures', () => {
  for (const { name } of SCENARIOS) {
    it(`and names what we name in ${name}`, () => {
      const attributeFields = ['netlink-netfilter.ct.attr', 'netlink-netfilter.exp.attr'];
      const fields = ['netlink.hdr_type', 'netlink-netfilter.subsys', ...attributeFields];
      const args = ['-r', path(name, 'capture.pcap'), '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
      const output = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      const theirs = output.split('\n').slice(0, -1);
      // The capture's first datagram, the note of the release, is left out by nobody: it is an NLMSG_NOOP.
      const ours = capture(name).map(({ bytes }) => {
        const types: string[] = [];
        const subsystems: number[] = [];
        const attributes: number[] = [];
        walkDatagram(viewOf(bytes), (header, view, offset, end) => {
          types.push(`0x${header.nlmsg_type.toString(16).padStart(4, '0')}`);
          // Of an echoed request in an NLMSG_ERROR it shows the header only, as another type.
          if (header.nlmsg_type < NLMSG_MIN_TYPE) return;
          subsystems.push(nfnlSubsystem(header.nlmsg_type));
          walkAttributes(view, attributesOf(offset, end), end, (type) => attributes.push(type));
        });
        return { types, subsystems, attributes };
      });
      expect(theirs).to.have.length(ours.length);
      for (const [index, line] of theirs.entries()) {
        const [types, subsystems = '', ofFlows = '', ofExpectations = ''] = line.split('\t');
        const list = (field: string): number[] => (field === '' ? [] : field.split(',').map(Number));
        expect(types.split(',').slice(0, ours[index].types.length)).to.deep.equal(ours[index].types);
        expect(list(subsystems)).to.deep.equal(ours[index].subsystems);
        // A datagram is of one of the two.
        expect([...list(ofFlows), ...list(ofExpectations)]).to.deep.equal(ours[index].attributes);
      }
    });
  }
});
