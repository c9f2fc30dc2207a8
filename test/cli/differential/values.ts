import type { Topic } from './topic.ts';

const UDP = '-I -s 1.1.1.1 -d 2.2.2.2 -p udp -t 5000';
const PORTS = '--sport 1 --dport 2';

const NUMBERS: readonly string[] = [
  ...['0', '1', '0x10', '010', '08', '0x', '99999', '65536', '-1', ' 7', '7x', 'x', '+5', '- 1', '', '1 2'],
  ...[
    '4294967295',
    '4294967296',
    '18446744073709551615',
    '99999999999999999999',
    '-99999999999999999999',
    '0b11',
    '1e3',
  ],
];

/** The like of them, none of which is a few seconds: a flow must not end before both tables are listed. */
const TIMEOUTS: readonly string[] = [
  ...['0', '1000', '0x1000', '01000', '08', '0x', '99999', '65536', '-1', ' 7000', '7000x', 'x', '+5000', '- 1', ''],
  ...['1000 2', '0b11', '1000e3'],
  ...NUMBERS.filter((number) => number.length > 9),
];

const ADDRESSES: readonly string[] = [
  ...[
    '1.1.1',
    '1.257',
    '0x1.2.3.4',
    '010.1.1.1',
    '16843009',
    '1.1.1.1.1',
    '1.1.1.256',
    '1.1.1.1 ',
    '1.1.1.1x',
    ' 1.1.1.1',
  ],
  ...[
    '1.1.1.',
    '.1.1.1',
    '',
    '0',
    '08.1.1.1',
    '0x.1.1.1',
    '4294967296',
    '1.16777216',
    '-1',
    '+1.1.1.1',
    '1..1',
    '::',
    '::1',
  ],
  ...[
    'fd00::1%lo',
    'fd00:::1',
    'fd00::1::2',
    '::1.2.3.4',
    '::ffff:1.2.3.4',
    '[::1]',
    'FD00::A',
    'fd00::12345',
    '1:2:3:4:5:6:7:8',
  ],
  ...['1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::', 'foo', 'localhost', '1.1.1.1\t2'],
];

const NETWORKS: readonly string[] = [
  ...['1.1.1.1/24', '1.1.1.1/0', '1.1.1.1/032', '1.1.1.1/-1', '1.1.1.1/33', '1.1.1.1/24x', '1.1.1.1/255.255.0.0'],
  ...['1.1.1.1/', '1.1.1.1/ 8', '1.1.1.1/+8', '1.1.1.1//8', '1.1.1.1/0x8', '/8', '1.1.1.1/8/8', '1.1.1.1/4294967304'],
  ...['fd00::1/0', 'fd00::1/64', 'fd00::1/128', 'fd00::1/129', 'fd00::1/', 'foo/8', 'fd00::1/7x', '1.1.1.1/32', '1/8'],
];

const NAT: readonly string[] = [
  ...['9.9.9.9', '9.9.9.9:', '9.9.9.9:0', '9.9.9.9:65535', '9.9.9.9:65536', '9.9.9.9:80', '9.9.9.9:80:90', '9.9.9.9:x'],
  ...[
    '9.9.9.9-9.9.9.10',
    '[fd00::1]',
    '[fd00::1]:',
    '[fd00::1',
    '[fd00::1]:80',
    '[fd00::1]80',
    '9.9.9',
    ':80',
    'fd00::1',
  ],
  ...[
    '9.9.9.9:80-90',
    '9.9.9.9: 80',
    '9.9.9.9:+80',
    '9.9.9.9:0x50',
    '9.9.9.9:-1',
    '[9.9.9.9]:80',
    '9.9.9.9:99999999999',
    '',
  ],
  ...['9.9.9.9:010', 'foo', 'foo:80', '[]', '9.9.9.9:08', '9.9.9.9/8'],
];

const MARKS: readonly string[] = [
  '1/',
  '/1',
  '0x10/0xf',
  '1/x',
  'x/1',
  '1/2/3',
  '1 /2',
  '1/ 2',
  '-1/1',
  '1/-1',
  '010/010',
];

const over = (values: readonly string[], line: (value: string) => readonly string[]): Topic['lines'] =>
  values.map(line);

const create = (...words: string[]): readonly string[] => [...`${UDP} ${PORTS}`.split(' '), ...words];
const flow = (line: string, ...words: string[]): readonly string[] => [...line.split(' '), ...words];

/** What stands for `value` in `over(values, ...)`: a line of a topic, and whether ours takes the value there. */
interface Numeric {
  readonly values: readonly string[];
  readonly line: (value: string) => readonly string[];
  readonly taken: (value: string) => boolean;
}

const upTo =
  (max: number, form: RegExp) =>
  (value: string): boolean =>
    form.test(value) && (/^0[0-7]+$/.test(value) ? true : Number(value) <= max);
const C_NUMBER = /^(0x[\da-f]+|0[0-7]*|[1-9]\d*)$/i;
const DECIMAL = /^\d+$/;
const isMark = (value: string): boolean => value.split('/').every(upTo(0xffffffff, C_NUMBER)) && !/\/.*\//.test(value);

/** Options that take a number and create a flow by it. */
const CREATING: readonly Numeric[] = [
  { values: NUMBERS, line: (value) => flow(UDP, '--sport', value, '--dport', '2'), taken: upTo(65535, DECIMAL) },
  { values: TIMEOUTS, line: (value) => create('-t', value), taken: upTo(0xffffffff, DECIMAL) },
  { values: NUMBERS, line: (value) => create('-w', value), taken: upTo(65535, C_NUMBER) },
  { values: NUMBERS, line: (value) => create('-m', value), taken: isMark },
  { values: NUMBERS, line: (value) => create('--orig-zone', value), taken: upTo(65535, C_NUMBER) },
  {
    values: NUMBERS,
    line: (value) => flow('-I -s 1.1.1.1 -d 2.2.2.2 -p icmp -t 100 --icmp-code 0', '--icmp-type', value),
    taken: upTo(255, DECIMAL),
  },
  {
    values: NUMBERS,
    line: (value) =>
      flow('-I -s 1.1.1.1 -d 2.2.2.2 -p icmp -t 100 --icmp-type 8', '--icmp-code', value, '--icmp-id', value),
    taken: upTo(255, DECIMAL),
  },
  {
    values: NUMBERS,
    line: (value) => flow('-I -s 1.1.1.1 -d 2.2.2.2 -p gre -t 100 --srckey 1', '--dstkey', value),
    taken: upTo(65535, C_NUMBER),
  },
  { values: MARKS, line: (value) => create('-m', value), taken: isMark },
];

/** Those that select by it. */
const NUMBERS_TO_SELECT_BY: readonly Numeric[] = [
  { values: NUMBERS, line: (value) => ['-L', '-w', value], taken: upTo(65535, C_NUMBER) },
  { values: NUMBERS, line: (value) => ['-L', '-c', value], taken: upTo(0xffffffff, C_NUMBER) },
  { values: [...NUMBERS, ...MARKS], line: (value) => ['-L', '-m', value], taken: isMark },
  { values: NUMBERS, line: (value) => ['-D', '-i', value, '-p', 'tcp'], taken: upTo(0xffffffff, C_NUMBER) },
  { values: NUMBERS, line: (value) => ['-D', '-p', 'tcp', '-t', value], taken: upTo(0xffffffff, DECIMAL) },
];

const linesOf = (rows: readonly Numeric[]): Topic['lines'] => rows.flatMap(({ values, line }) => values.map(line));

/** Lines with a word that is no number in range: conntrack(8) takes them. */
export const NO_NUMBERS: readonly string[] = [...CREATING, ...NUMBERS_TO_SELECT_BY].flatMap(({ values, line, taken }) =>
  values.filter((value) => !taken(value)).map((value) => line(value).join(' ')),
);

export const VALUES: Topic[] = [
  {
    title: 'numbers',
    changes: true,
    lines: [...linesOf(CREATING), ...over(NUMBERS, (value) => flow('-I -s 1.1.1.1 -d 2.2.2.2 -t 100', '-p', value))],
  },
  {
    title: 'addresses',
    changes: true,
    lines: [
      ...over(ADDRESSES, (value) => flow('-I -d 2.2.2.2 -p udp -t 100 --sport 1 --dport 2', '-s', value)),
      ...over(NAT, (value) => create('-n', value)),
      ...over(['9.9.9.9', '9.9.9.9:53', 'fd00::1'], (value) => create('-g', value)),
      create('-n', '9.9.9.9', '-g', '8.8.8.8:53'),
      create('-n'),
      create('-g'),
    ],
  },
  {
    title: 'networks, and numbers to select by',
    state: [
      `-A${UDP.slice(2)} ${PORTS}`,
      `-A -s 1.1.1.1 -d 2.2.2.2 -p udp -t 5000 --sport 1 --dport 1 -m 1`,
      '-A -s fd00::1 -d fd00::2 -p udp -t 5000 --sport 1 --dport 2',
    ],
    lines: [
      ...over(ADDRESSES, (value) => ['-L', '-d', value]),
      ...over(NETWORKS, (value) => ['-L', '-s', value]),
      ...over(NETWORKS.slice(0, 9), (value) => ['-L', '-d', value]),
      ...over(['24', 'foo', '255.255.255.0', 'ffff::', '0', ''], (value) => [
        '-L',
        '-s',
        '1.1.1.1',
        '--mask-src',
        value,
      ]),
      ...over(NAT, (value) => ['-L', '-n', value]),
      ...linesOf(NUMBERS_TO_SELECT_BY),
      ...over(NUMBERS, (value) => ['-L', '-p', value]),
      ...over(['TCP', 'Udp', 'tc', 'ip', 'ipv6-icmp', 'icmp6', 'ICMPV6', 'ospf', '256', '255', '58'], (value) => [
        '-L',
        '-p',
        value,
      ]),
    ],
  },
];
