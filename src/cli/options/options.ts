/**
 * The general options as data, in the order in which conntrack(8) complains about them: which commands take them on
 * which table, which cannot do without, what they set. Legality, reading, help, completion and manual are all made from
 * these rows and those of protocols.ts.
 */

import type { EventType } from '../../ctnetlink/event.ts';
import { FAMILIES, type Family } from '../../ctnetlink/names.ts';
import { ORIG, REPLY, SECMARK, TIMEOUT, ZONE } from '../../ctnetlink/slots.ts';
import { isRelease } from '../../netlink/release.ts';
import { address, expected, filter, mask, nat, replyAddress, STATUSES, setFamily, slot, status } from './apply.ts';
import { readBits, readSettableBits, useLabelMap } from './labels.ts';
import type { Alternatives, Option } from './option.ts';
import { OUTPUT_NAMES } from './outputs.ts';
import { PROTOCOL_OPTIONS, protocolOf } from './protocols.ts';
import { UsageError } from './settings.ts';
import { listed, masked, netnsOf, unsigned } from './values.ts';

const EVENTS: Readonly<Record<string, readonly EventType[]>> = {
  ALL: ['new', 'update', 'destroy'],
  NEW: ['new'],
  UPDATES: ['update'],
  DESTROY: ['destroy'],
};

const SELECTING = 'LGDIAUE';

/** In the order in which conntrack(8) complains about them. */
export const OPTIONS: readonly Option[] = [
  {
    short: 's',
    long: ['src', 'orig-src'],
    argument: 'required',
    placeholder: 'IP[/LENGTH]',
    help: 'source address in original direction',
    with: { conntrack: SELECTING, expect: 'GDI' },
    needed: { expect: 'GDI' },
    apply: address('src'),
  },
  {
    short: 'd',
    long: ['dst', 'orig-dst'],
    argument: 'required',
    placeholder: 'IP[/LENGTH]',
    help: 'destination address in original direction',
    with: { conntrack: SELECTING, expect: 'GDI' },
    needed: { expect: 'GDI' },
    apply: address('dst'),
  },
  {
    short: 'r',
    long: ['reply-src'],
    argument: 'required',
    placeholder: 'IP',
    help: 'source address in reply direction',
    with: { conntrack: SELECTING, expect: 'GDI' },
    apply: replyAddress('src'),
  },
  {
    short: 'q',
    long: ['reply-dst'],
    argument: 'required',
    placeholder: 'IP',
    help: 'destination address in reply direction',
    with: { conntrack: SELECTING, expect: 'GDI' },
    apply: replyAddress('dst'),
  },
  {
    short: 'p',
    long: ['protonum', 'proto'],
    argument: 'required',
    placeholder: 'PROTOCOL',
    values: Object.keys(PROTOCOL_OPTIONS),
    help: 'layer 4 protocol, by name or number',
    with: { conntrack: `${SELECTING}h`, expect: 'GDIh' },
    needed: { conntrack: 'GIA', expect: 'GDI' },
    apply: ({ flow }, value) => {
      flow.slots[ORIG.proto] = protocolOf(value!).number;
    },
  },
  {
    short: 't',
    long: ['timeout'],
    argument: 'required',
    placeholder: 'SECONDS',
    help: 'seconds until it expires',
    with: { conntrack: 'DIAU', expect: 'I' },
    needed: { conntrack: 'IA', expect: 'I' },
    apply: slot(TIMEOUT, 32, 10),
  },
  {
    short: 'u',
    long: ['status'],
    argument: 'required',
    placeholder: 'STATUS,...',
    values: STATUSES,
    help: `status bits: ${STATUSES.join(', ')}`,
    with: { conntrack: 'LDIAU', expect: 'I' },
    apply: status,
  },
  {
    short: 'z',
    long: ['zero'],
    help: 'also set the counters to zero, even of flows that other options leave out',
    with: { conntrack: 'L' },
    apply: (settings) => {
      settings.zero = true;
    },
  },
  {
    short: 'e',
    long: ['event-mask'],
    argument: 'required',
    placeholder: 'TYPE,...',
    values: Object.keys(EVENTS),
    help: `only these events: ${Object.keys(EVENTS).join(', ')}`,
    with: { conntrack: 'E' },
    apply: (settings, value) => {
      for (const name of listed(value!, Object.keys(EVENTS)))
        for (const type of EVENTS[name]) settings.events.add(type);
    },
  },
  {
    long: ['tuple-src'],
    argument: 'required',
    placeholder: 'IP[/LENGTH]',
    help: 'expected source address',
    with: { expect: 'I' },
    needed: { expect: 'I' },
    apply: expected('src'),
  },
  {
    long: ['tuple-dst'],
    argument: 'required',
    placeholder: 'IP[/LENGTH]',
    help: 'expected destination address',
    with: { expect: 'I' },
    needed: { expect: 'I' },
    apply: expected('dst'),
  },
  {
    long: ['mask-src'],
    argument: 'required',
    placeholder: 'MASK',
    help: 'bits of the source address that count',
    with: { conntrack: 'LDUE', expect: 'I' },
    needed: { expect: 'I' },
    apply: mask('src'),
  },
  {
    long: ['mask-dst'],
    argument: 'required',
    placeholder: 'MASK',
    help: 'bits of the destination address that count',
    with: { conntrack: 'LDUE', expect: 'I' },
    needed: { expect: 'I' },
    apply: mask('dst'),
  },
  {
    short: 'm',
    long: ['mark'],
    argument: 'required',
    placeholder: 'MARK[/MASK]',
    help: 'mark; with a mask, only the bits of the mask',
    with: { conntrack: 'LDIAUE' },
    apply: (settings, value) => {
      settings.mark = masked(value!);
    },
  },
  {
    short: 'i',
    long: ['id'],
    argument: 'required',
    placeholder: 'ID',
    help: 'id, as -o id shows it',
    with: { conntrack: 'GDU' },
    apply: (settings, value) => {
      settings.id = unsigned(value!, 32);
    },
  },
  {
    short: 'f',
    long: ['family'],
    argument: 'required',
    placeholder: 'FAMILY',
    values: Object.keys(FAMILIES),
    help: 'layer 3 protocol: ipv4 or ipv6',
    with: { conntrack: 'LDUEF', expect: 'L' },
    apply: (settings, value) => {
      if (!Object.hasOwn(FAMILIES, value!)) throw new UsageError(`\`${value}' unsupported protocol`);
      setFamily(settings, value as Family);
    },
  },
  {
    short: 'n',
    long: ['src-nat'],
    argument: 'optional',
    placeholder: 'IP[:PORT]',
    help: 'source NAT: any, or to this address',
    with: { conntrack: 'LDIAUE' },
    apply: nat('src'),
  },
  {
    short: 'g',
    long: ['dst-nat'],
    argument: 'optional',
    placeholder: 'IP[:PORT]',
    help: 'destination NAT: any, or to this address',
    with: { conntrack: 'LDIAUE' },
    apply: nat('dst'),
  },
  {
    short: 'o',
    long: ['output'],
    argument: 'required',
    placeholder: 'TYPE,...',
    values: OUTPUT_NAMES,
    help: 'what to show, see Outputs',
    with: { conntrack: 'LGDUECS', expect: 'LECS' },
    apply: ({ output }, value) => {
      for (const name of listed(value!, OUTPUT_NAMES)) output.add(name);
    },
  },
  {
    short: 'c',
    long: ['secmark'],
    argument: 'required',
    placeholder: 'SECMARK',
    help: 'security mark',
    with: { conntrack: 'LE' },
    apply: slot(SECMARK, 32),
  },
  {
    short: 'b',
    long: ['buffer-size'],
    argument: 'required',
    placeholder: 'BYTES',
    help: 'size of the buffer for events that wait',
    with: { conntrack: 'E' },
    apply: (settings, value) => {
      // What SO_RCVBUFFORCE takes is an int.
      settings.bufferSize = unsigned(value!, 31);
    },
  },
  {
    short: 'j',
    long: ['any-nat'],
    argument: 'optional',
    placeholder: 'IP[:PORT]',
    help: 'source or destination NAT: any, or to this address',
    with: { conntrack: 'LE' },
    apply: nat('any'),
  },
  {
    short: 'w',
    long: ['zone'],
    argument: 'required',
    placeholder: 'ZONE',
    help: 'zone of both directions',
    with: { conntrack: 'LDIAE' },
    apply: slot(ZONE, 16),
  },
  {
    short: 'l',
    long: ['label'],
    argument: 'required',
    placeholder: 'LABEL,...',
    help: 'labels that must all be set',
    with: { conntrack: 'LGDUE' },
    namesLabels: true,
    apply: (settings, value) => {
      settings.labels = [...(settings.labels ?? []), ...readBits(value!)];
    },
  },
  {
    long: ['label-add'],
    argument: 'required',
    placeholder: 'LABEL,...',
    help: 'labels to set',
    with: { conntrack: 'IAU' },
    namesLabels: true,
    apply: (settings, value) => {
      settings.labelsAdd = [...(settings.labelsAdd ?? []), ...readSettableBits(value!)];
    },
  },
  {
    long: ['label-del'],
    argument: 'optional',
    placeholder: 'LABEL,...',
    help: 'labels to remove; all if none is named',
    with: { conntrack: 'U' },
    namesLabels: true,
    apply: (settings, value) => {
      settings.labelsDelete = [
        ...(settings.labelsDelete ?? []),
        ...(value === undefined ? [] : readSettableBits(value)),
      ];
    },
  },
  {
    short: 'M',
    long: ['labelmap'],
    argument: 'required',
    placeholder: 'FILE',
    ofRun: true,
    help: 'names of labels, instead of /etc/xtables/connlabel.conf',
    with: { conntrack: `${SELECTING}R` },
    apply: (_settings, value) => useLabelMap(value),
  },
  {
    long: ['orig-zone'],
    argument: 'required',
    placeholder: 'ZONE',
    help: 'zone of the original direction',
    with: { conntrack: 'LDIAE' },
    apply: slot(ORIG.zone, 16),
  },
  {
    long: ['reply-zone'],
    argument: 'required',
    placeholder: 'ZONE',
    help: 'zone of the reply direction',
    with: { conntrack: 'LDIAE' },
    apply: slot(REPLY.zone, 16),
  },
  {
    short: 'a',
    long: ['nat-range'],
    argument: 'required',
    placeholder: 'RANGE',
    help: 'has no effect any more',
    with: { conntrack: `${SELECTING}FCSR`, expect: 'LGDIAUEFCSR' },
    apply: ({ warnings }) => {
      warnings.push('WARNING: ignoring -a, deprecated option.');
    },
  },

  // Ours; without short names, so that conntrack(8) keeps those it may still want.
  {
    long: ['filter'],
    argument: 'required',
    placeholder: 'FILTER',
    ours: true,
    namesLabels: true,
    help: "select by this too, such as 'host 10.0.0.0/8 and not port 53' (FILTERS in man ctnetlink); -C counts what matches",
    with: { conntrack: 'LDUEC' },
    apply: filter,
  },
  {
    long: ['netns'],
    argument: 'required',
    placeholder: 'NAME',
    ours: true,
    ofRun: true,
    help: 'work in this network namespace: a name of ip netns, or a path; -L, -C, -S and -E take several and print the name',
    with: { conntrack: `${SELECTING}FCSR`, expect: 'LGDIEFCS' },
    apply: (settings, value) => {
      const netns = netnsOf(value!);
      if (!settings.netns.includes(netns)) settings.netns = [...settings.netns, netns];
    },
  },
  {
    long: ['replay'],
    argument: 'required',
    placeholder: 'FILE',
    ours: true,
    ofRun: true,
    help: 'ask this capture instead of the kernel, without privilege; - is standard input',
    with: { conntrack: `${SELECTING}FCSR`, expect: 'LGDIEFCS' },
    apply: (settings, value) => {
      settings.replay = value;
    },
  },
  {
    long: ['replay-release'],
    argument: 'required',
    placeholder: 'RELEASE',
    ours: true,
    ofRun: true,
    help: 'release of the captured kernel, such as 6.1.0',
    with: { conntrack: `${SELECTING}FCSR`, expect: 'LGDIEFCS' },
    apply: (settings, value) => {
      if (!isRelease(value!)) throw new UsageError(`'${value}' is no release, such as 6.1.0`);
      settings.replayRelease = value;
    },
  },
  {
    long: ['record'],
    argument: 'required',
    placeholder: 'FILE',
    ours: true,
    ofRun: true,
    help: 'write the messages of the kernel to a capture, for --replay and Wireshark',
    with: { conntrack: `${SELECTING}FCSR`, expect: 'LGDIEFCS' },
    apply: (settings, value) => {
      settings.record = value;
    },
  },
  {
    long: ['resync'],
    ours: true,
    ofRun: true,
    help: 'list the table again after lost events',
    with: { conntrack: 'E', expect: 'E' },
    apply: (settings) => {
      settings.resync = true;
    },
  },
  {
    long: ['events-may-abort'],
    ours: true,
    ofRun: true,
    help: 'take events over the addon, although it aborts this program (SIGABRT) if events arrive faster than it reads them',
    with: { conntrack: 'E', expect: 'E' },
    apply: (settings) => {
      settings.eventsMayAbort = true;
    },
  },
];

/** -p: which options there are depends on its value. */
export const PROTOCOL = OPTIONS.find(({ short }) => short === 'p')!;

/** One direction of the flow must be there whole. */
export const ADDRESSES: Alternatives = {
  pairs: [
    ['src', 'dst'],
    ['reply-src', 'reply-dst'],
  ],
  needed: { conntrack: 'GIA' },
};
