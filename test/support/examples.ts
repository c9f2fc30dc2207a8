/** What each example does: the tables before, its output, and what conntrack(8) lists afterwards. */
import type { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { ExpectationInit } from '../../src/ctnetlink/attributes/expectation-properties.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';

interface Example {
  args?: string[];
  /** What is in the tables before. */
  given?(ct: Conntrack): Promise<void>;
  /** What happens when it has printed its first line. */
  meanwhile?(ct: Conntrack): Promise<void>;
  /** All of it, or what must be in it; as `steady` makes it. */
  prints: readonly string[] | RegExp;
  /** Its lines come from two sockets, or out of a hash table. */
  unordered?: boolean;
  /** What conntrack(8) lists afterwards; default: nothing. */
  flows?: readonly string[];
  expectations?: readonly string[];
}

const HTTPS = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 40000, dport: 443 } as const;
const FTP = { ...HTTPS, sport: 40021, dport: 21 } as const;
const DATA = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', dport: 5000 } as const;

const CREATED: FlowInit = { orig: HTTPS, timeout: 100, mark: 7, tcp: { state: 'SYN_SENT' } };
const MASTER: FlowInit = { orig: FTP, timeout: 600, tcp: { state: 'ESTABLISHED' }, helper: { name: 'ftp' } };
const EXPECTED: ExpectationInit = { tuple: DATA, master: FTP, timeout: 300 };

export const createHttps = (ct: Conntrack): Promise<void> => ct.create(CREATED);
async function createAll(ct: Conntrack): Promise<void> {
  await createHttps(ct);
  await ct.create({ ...CREATED, orig: { ...HTTPS, dport: 80 }, mark: 8 });
  await ct.create({ ...CREATED, orig: { ...HTTPS, src: '2001:db8::1', dst: '2001:db8::2' }, mark: 1 });
}
async function expectData(ct: Conntrack): Promise<void> {
  await ct.create(MASTER);
  await ct.expectations.create(EXPECTED);
}

/** A flow of 192.0.2.1 to 198.51.100.2 that nobody answered, as conntrack(8) prints it. */
function unreplied(ports: string, state: string, rest = 'mark=0 use=#', source = '192.0.2.1'): string {
  const [sport, dport] = ports.split(' ');
  return (
    `tcp      6 ${state} src=192.0.2.1 dst=198.51.100.2 sport=${sport} dport=${dport} [UNREPLIED] ` +
    `src=198.51.100.2 dst=${source} sport=${dport} dport=${sport} ${rest}`
  );
}

const HTTPS_LINE = unreplied('40000 443', '100 SYN_SENT', 'mark=7 use=#');
const HTTP_LINE = unreplied('40000 80', '100 SYN_SENT', 'mark=8 use=#');
const UPDATED_LINE =
  'tcp      6 1000 ESTABLISHED src=192.0.2.1 dst=198.51.100.2 sport=40000 dport=443 ' +
  'src=198.51.100.2 dst=192.0.2.1 sport=443 dport=40000 [ASSURED] mark=39 use=#';
const IPV6_LINE =
  'tcp      6 100 SYN_SENT src=2001:db8::1 dst=2001:db8::2 sport=40000 dport=443 [UNREPLIED] ' +
  'src=2001:db8::2 dst=2001:db8::1 sport=443 dport=40000 mark=1 use=#';
const MASTER_LINE = unreplied('40021 21', '600 ESTABLISHED', 'mark=0 helper=ftp use=#');
const expectation = (addresses: string, sport: number): string =>
  `300 proto=6 ${addresses} mask-src=255.255.255.255 mask-dst=255.255.255.255 sport=0 dport=65535 ` +
  `master-src=192.0.2.1 master-dst=198.51.100.2 sport=${sport} dport=21 class=0 helper=ftp`;
const DATA_LINE = expectation('src=192.0.2.1 dst=198.51.100.2 sport=0 dport=5000', 40021);

export const EXAMPLES: Readonly<Record<string, Example>> = {
  create: {
    prints: /reply: \{[^}]*dport: 40000[^}]*\}[\s\S]*state: 'SYN_SENT'[\s\S]*mark: 7/,
    flows: [HTTPS_LINE],
  },
  'create-nat': {
    prints: ['192.0.2.1 is 203.0.113.1 to 198.51.100.2: CONFIRMED, SRC_NAT, SRC_NAT_DONE, DST_NAT_DONE'],
    flows: [unreplied('40001 443', '100 SYN_SENT', undefined, '203.0.113.1')],
  },
  'create-groups': {
    prints: /^reply: \{[^}]*dst: '2001:db8::1'[^}]*\}\ntcp.state: SYN_SENT\nsnat: undefined\n$/,
    flows: [
      'tcp      6 100 SYN_SENT src=2001:db8::1 dst=2001:db8:1::2 sport=40000 dport=443 [UNREPLIED] ' +
        'src=2001:db8:1::2 dst=2001:db8::1 sport=443 dport=40000 mark=0 use=#',
    ],
  },
  get: { given: createHttps, prints: /sport: 40000[\s\S]*mark: 7/, flows: [HTTPS_LINE] },
  update: { given: createHttps, prints: [UPDATED_LINE], flows: [UPDATED_LINE] },
  delete: {
    given: createAll,
    prints: ['deleted 192.0.2.1:40000 -> 198.51.100.2:443, mark 7'],
    flows: [HTTP_LINE, IPV6_LINE],
  },
  dump: {
    given: createAll,
    prints: [
      `ipv4     2 ${HTTPS_LINE}`,
      `ipv4     2 ${HTTP_LINE}`,
      `ipv6     10 ${IPV6_LINE}`,
      '{ entries: 3, maxEntries: # }',
    ],
    unordered: true,
    flows: [HTTPS_LINE, HTTP_LINE, IPV6_LINE],
  },
  'dump-filter': {
    given: createAll,
    prints: ['tcp 192.0.2.1 -> 198.51.100.2, mark 7, expires in 100 s'],
    flows: [HTTPS_LINE, HTTP_LINE, IPV6_LINE],
  },
  'dump-filter-tuple': {
    given: createAll,
    prints: ['192.0.2.1:40000 -> 198.51.100.2:443 SYN_SENT'],
    flows: [HTTPS_LINE, HTTP_LINE, IPV6_LINE],
  },
  flush: { given: createAll, prints: ['3 flows before, 0 after'] },
  'flush-filter': { given: createAll, prints: ['3 flows before, 2 after'], flows: [HTTP_LINE, IPV6_LINE] },
  events: {
    args: ['3'],
    async meanwhile(ct) {
      await createHttps(ct);
      await ct.update({ orig: HTTPS, mark: 9 });
      await ct.delete({ orig: HTTPS });
    },
    prints: [
      'events to wait for: 3',
      `    [NEW] ${unreplied('40000 443', '100 SYN_SENT', 'mark=7 [USERSPACE] portid=#')}`,
      ` [UPDATE] ${unreplied('40000 443', '100 SYN_SENT', 'mark=9 [USERSPACE] portid=#')}`,
      `[DESTROY] ${unreplied('40000 443', '100 SYN_SENT', 'mark=9 [USERSPACE] portid=#')}`,
    ],
  },
  'events-filter': {
    args: ['2'],
    async meanwhile(ct) {
      await createAll(ct);
      await ct.flushAll();
    },
    prints: ['events to wait for: 2', 'new 192.0.2.1 -> 198.51.100.2', 'destroy 192.0.2.1 -> 198.51.100.2'],
  },
  master: {
    prints: /^master: \{[^}]*sport: 40002,\n {2}dport: 21\n\}\nstatus: EXPECTED, CONFIRMED\n$/,
    flows: [
      unreplied('40002 21', '600 ESTABLISHED'),
      'tcp      6 100 SYN_SENT src=198.51.100.2 dst=192.0.2.1 sport=20 dport=40003 [UNREPLIED] ' +
        'src=192.0.2.1 dst=198.51.100.2 sport=40003 dport=20 mark=0 use=#',
    ],
  },
  'expect-create': { prints: [DATA_LINE], flows: [MASTER_LINE], expectations: [DATA_LINE] },
  'expect-create-nat': {
    prints: /nat: \{[^}]*src: '192\.0\.2\.1'[^}]*sport: 5001[^}]*\}[\s\S]*fn: 'nat-follow-master'/,
    flows: [unreplied('40022 21', '600 ESTABLISHED', 'mark=0 helper=ftp use=#', '203.0.113.1')],
    expectations: [expectation('src=198.51.100.2 dst=203.0.113.1 sport=0 dport=5001', 40022)],
  },
  'expect-create-userspace': {
    prints: /timeout: 300,\n {2}flags: 0,\n {2}helper: 'ftp',\n {2}class: 0/,
    flows: [unreplied('40023 21', '600 ESTABLISHED', 'mark=0 helper=ftp use=#')],
    expectations: [expectation('src=192.0.2.1 dst=198.51.100.2 sport=0 dport=5002', 40023)],
  },
  'expect-get': {
    given: expectData,
    prints: /tuple: \{[^}]*dport: 5000[^}]*\}[\s\S]*helper: 'ftp'/,
    flows: [MASTER_LINE],
    expectations: [DATA_LINE],
  },
  'expect-dump': { given: expectData, prints: [DATA_LINE], flows: [MASTER_LINE], expectations: [DATA_LINE] },
  'expect-delete': {
    given: expectData,
    prints: ['198.51.100.2 port 5000 is not expected any more'],
    flows: [MASTER_LINE],
  },
  'expect-flush': { given: expectData, prints: ['1 expectations before, 0 after'], flows: [MASTER_LINE] },
  'expect-events': {
    args: ['2'],
    async meanwhile(ct) {
      await expectData(ct);
      await ct.expectations.flushAll();
    },
    prints: ['events to wait for: 2', `    [NEW] ${DATA_LINE}`, `[DESTROY] ${DATA_LINE}`],
    flows: [MASTER_LINE],
  },
  'all-events': {
    args: ['4'],
    async meanwhile(ct) {
      await expectData(ct);
      await ct.expectations.flushAll();
      await ct.flushAll();
    },
    prints: [
      'events to wait for: 4',
      `    [NEW] ${unreplied('40021 21', '600 ESTABLISHED', 'mark=0 helper=ftp [USERSPACE] portid=#')}`,
      `[DESTROY] ${unreplied('40021 21', '600 ESTABLISHED', '[USERSPACE] portid=#')}`,
      `    [NEW] ${DATA_LINE} (expectation)`,
      `[DESTROY] ${DATA_LINE} (expectation)`,
    ],
    unordered: true,
  },
  'nfct-dump': {
    given: createAll,
    prints: [`ipv4     2 ${HTTPS_LINE}`, `ipv4     2 ${HTTP_LINE}`],
    unordered: true,
    flows: [HTTPS_LINE, HTTP_LINE, IPV6_LINE],
  },
  'nfct-filter': {
    args: ['1'],
    async meanwhile(ct) {
      const established = { timeout: 600, tcp: { state: 'ESTABLISHED' } } as const;
      await createAll(ct);
      await ct.create({ orig: { ...HTTPS, proto: 'udp' }, timeout: 600 });
      await ct.create({ orig: { ...HTTPS, src: '192.0.2.9' }, ...established });
      await ct.create({ orig: FTP, ...established });
      await ct.flushAll();
    },
    prints: ['events to wait for: 1', `    [NEW] ${unreplied('40021 21', '600 ESTABLISHED', 'mark=0')}`],
  },
  'nfct-grp-create': {
    prints: [`    [NEW] ${unreplied('40004 443', '100 SYN_SENT', '').replace('[UNREPLIED] ', '').trim()}`],
    flows: [unreplied('40004 443', '100 SYN_SENT')],
  },
};

/**
 * Timeouts go up to the hundred that they were set to, since the clock runs. Opaque numbers and reference counts have
 * no digits.
 */
export function steady(text: string): string {
  return text
    .replace(/(?<=tcp {6}6 |timeout: |expires in )\d+|\b\d+(?= proto=)/g, (seconds) =>
      String(Math.ceil(Number(seconds) / 100) * 100),
    )
    .replace(/(?<=use=|id=|id: |maxEntries: )\d+/g, '#');
}

export function lines(text: string): string[] {
  return steady(text)
    .split('\n')
    .filter((line) => line !== '');
}
