import { expect } from 'chai';
import { COMMANDS } from '../../src/cli/options/commands.ts';
import { OPTIONS } from '../../src/cli/options/options.ts';
import { parse } from '../../src/cli/options/parse.ts';
import { PROTOCOL_OPTIONS } from '../../src/cli/options/protocols.ts';
import { Settings, UsageError } from '../../src/cli/options/settings.ts';
import { ORIG, REPLY } from '../../src/ctnetlink/slots.ts';

function refused(argv: readonly string[]): UsageError {
  try {
    parse(argv);
  } catch (error) {
    expect(error).to.be.instanceOf(UsageError);
    return error as UsageError;
  }
  throw new Error(`${argv.join(' ')} was accepted`);
}

/** What the error says. */
function refusal(...argv: string[]): string {
  return refused(argv).message;
}

const noNumber = (): undefined => undefined;

/** The greatest number that an option takes, by what the help calls its argument; a new name must be put here. */
const TAKEN: Readonly<Record<string, (long: string) => number | undefined>> = {
  SECONDS: () => 4294967295,
  'MARK[/MASK]': () => 4294967295,
  ID: () => 4294967295,
  SECMARK: () => 4294967295,
  BYTES: () => 2147483647,
  ZONE: () => 65535,
  PORT: () => 65535,
  PORTS: () => 65535,
  KEY: () => 65535,
  NUMBER: (long) => (/vtag/.test(long) ? 4294967295 : /-id$/.test(long) ? 65535 : 255),
  ...Object.fromEntries(
    ['IP[/LENGTH]', 'IP', 'IP[:PORT]', 'MASK', 'PROTOCOL', 'STATUS,...', 'TYPE,...', 'FAMILY'].map((name) => [
      name,
      noNumber,
    ]),
  ),
  ...Object.fromEntries(
    ['LABEL,...', 'RANGE', 'RELEASE', 'FILE', 'FILTER', 'NAME', 'STATE', 'ROLE'].map((name) => [name, noNumber]),
  ),
};

describe('cli/options', () => {
  it('reads commands with their table, in any form', () => {
    for (const argv of [['-L'], ['--dump'], ['-L', 'conntrack'], ['--dump=conntrack'], ['-L', 'con']]) {
      expect(parse(argv)).to.include({ command: 'list', table: 'conntrack' });
    }
    for (const argv of [
      ['-L', 'dying'],
      ['-L', 'd'],
      ['--dump', 'dying'],
      ['--dum', 'dy'],
      ['-f', 'ipv4', '-L', 'dying'],
    ]) {
      expect(parse(argv)).to.include({ command: 'list', table: 'dying' });
    }
    expect(parse(['-L', 'unconfirmed'])).to.include({ command: 'list', table: 'unconfirmed' });
    expect(parse(['-E'])).to.include({ command: 'event' });
    expect(parse(['-L', ''])).to.include({ command: 'list', table: 'expect' });
    expect(parse(['--count'])).to.include({ command: 'count' });
    expect(parse(['-S', 'conntrack'])).to.include({ command: 'stats' });
    expect(parse(['--ver'])).to.include({ command: 'version' });
    expect(parse([]).command).to.equal(undefined);
    expect(parse(['--', '-L']).command).to.equal(undefined);
  });

  it('reads options attached, behind =, in the next word, and abbreviated', () => {
    for (const argv of [['-fipv6'], ['-f', 'ipv6'], ['--family=ipv6'], ['--family', 'ipv6'], ['--fam=ipv6']]) {
      expect(parse(['-L', ...argv]).family).to.equal('ipv6');
      expect(parse([...argv, '-L', 'conntrack', 'extra', '-']).family).to.equal('ipv6');
    }
    expect([...parse(['-L', '-oid,ext', '-o', 'KTIME']).output]).to.deep.equal(['id', 'extended', 'ktimestamp']);
    expect([...parse(['-L', '-o', 'i']).output]).to.deep.equal(['id']);
    expect([...parse(['-E', '-e', 'new,DESTROY']).events]).to.deep.equal(['new', 'destroy']);
    expect([...parse(['-E', '-e', 'UPDATE']).events]).to.deep.equal(['update']);
    expect(parse(['-E', '-b', '1000', '--events-may-abort'])).to.include({ bufferSize: 1000, eventsMayAbort: true });
    expect(parse(['-C', '--replay', 'a', '--record=b'])).to.include({ replay: 'a', record: 'b' });
    expect(parse(['-L', '--replay', '-f']).replay).to.equal('-f');
  });

  it('reads clusters of letters, those of commands too', () => {
    expect([...parse(['-Lo', 'extended']).output]).to.deep.equal(['extended']);
    expect([...parse(['-Loid,labels']).output]).to.deep.equal(['id', 'labels']);
    expect(parse(['-Lz'])).to.include({ command: 'list', zero: true });
    const { command, flow } = parse(['-Dp', 'tcp', '--dport', '80']);
    expect(command).to.equal('delete');
    expect(flow.orig).to.include({ proto: 'tcp', dport: 80 });
    expect(parse(['-zL', 'dying'])).to.include({ command: 'list', table: 'dying', zero: true });
    // Only behind the last letter a table is looked for.
    expect(parse(['-Lz', 'dying'])).to.include({ command: 'list', table: 'conntrack' });
    expect(refusal('-LD')).to.equal('Invalid commands combination');
    expect(refusal('-Lx')).to.equal("unknown option `-x'");
    expect(refusal('-Lo')).to.equal("option `-o' requires an argument");
  });

  it('lists what a list takes, before what conntrack(8) says', () => {
    expect(refused(['-L', '-o', 'jsn']).hint).to.equal(
      'it takes xml, extended, timestamp, id, ktimestamp, labels, userspace, save, json, ndjson',
    );
    expect(refused(['-E', '-e', 'nwe']).hint).to.equal('it takes ALL, NEW, UPDATES, DESTROY');
  });

  it('needs an argument behind --id', () => {
    expect(refusal('-D', '--id')).to.equal("option `--id' requires an argument");
    expect(refusal('-D', '-i')).to.equal("option `-i' requires an argument");
  });

  it('refuses with the words of conntrack(8)', () => {
    expect(refusal('-L', '-E')).to.equal('Invalid commands combination');
    expect(refusal('list')).to.equal("unknown command `list': commands begin with a dash, such as -L or --dump");
    expect(refusal('-L', '-L')).to.equal('Invalid commands combination');
    expect(refusal('-L', '-f')).to.equal("option `-f' requires an argument");
    expect(refusal('-L', '--output')).to.equal("option `--output' requires an argument");
    expect(refusal('-L', '-f', 'inet')).to.equal("`inet' unsupported protocol");
    expect(refusal('-L', '-f', 'toString')).to.equal("`toString' unsupported protocol");
    expect(refusal('-L', '-f', 'ipv4', '-f', 'ipv6')).to.equal('mismatched address family');
    for (const value of ['bogus', '', 'zone']) {
      expect(refusal('-L', '-o', value)).to.equal(`Bad parameter \`${value}'`);
      expect(refusal('-E', '-e', value)).to.equal(`Bad parameter \`${value}'`);
    }
    expect(refusal('-L', '-o', 'id,')).to.equal("Bad parameter `'");
    expect(refusal('-L', 'bogus')).to.equal("unknown type `bogus'");
    expect(refusal('-E', 'dying')).to.equal("Can't do that command with tables `dying' and `unconfirmed'");
    expect(refusal('--bogus')).to.equal("unknown option `--bogus'");
    expect(refusal('-L', '-ZL')).to.equal("unknown option `-Z'");
    expect(refusal('-L', '--d')).to.equal("unknown option `--d'");
    expect(refusal('--help=3')).to.equal("unknown option `--help=3'");
    for (const [option, ...rest] of [
      ['--family', 'ipv4'],
      ['--output', 'id'],
      ['--buffer-size', '5'],
      ['--replay', 'x'],
    ]) {
      for (const command of [['-V'], ['-h'], []]) {
        expect(refusal(...command, option, ...rest)).to.equal(`Illegal option \`${option}' with this command`);
      }
    }
    expect(refusal('-L', '-b', '5')).to.equal("Illegal option `--buffer-size' with this command");
    for (const command of ['-C', '-S']) {
      expect(refusal(command, '-o', 'id')).to.equal("Illegal option `--output' with this command");
      expect(refused([command, '-o', 'json,xml']).hint).to.equal('-C and -S take -o json and -o ndjson only');
      expect([...parse([command, '-o', 'json']).output]).to.deep.equal(['json']);
      expect([...parse([command, 'expect', '-o', 'ndjson']).output]).to.deep.equal(['ndjson']);
    }
  });

  it('reads whole numbers in any form that C has', () => {
    for (const [text, bytes] of [
      ['0', 0],
      ['0x10', 16],
      ['010', 8],
      ['2147483647', 2147483647],
    ] as const)
      expect(parse(['-E', '-b', text]).bufferSize, text).to.equal(bytes);
    expect(parse(['-L', '-m', '0x10/0xF']).mark).to.deep.equal({ value: 16, mask: 15 });
    expect(parse(['-L', '-m', '4294967295']).mark).to.deep.equal({ value: 0xffffffff, mask: 0xffffffff });
    expect(refusal('-L', '-w', 'abc')).to.equal(
      "Invalid number `abc': it takes a whole number from 0 to 65535: decimal, hexadecimal behind 0x, or octal behind 0",
    );
    expect(refusal('-L', '-p', 'tcp', '--dport', '65589')).to.equal(
      "Invalid ports `65589': it takes whole numbers from 0 to 65535, in decimal, ranges such as 53:54 with the lower port in front, and both with commas between: 53:54,80",
    );
  });

  it('refuses words that are not numbers for every option that takes a number', () => {
    const general = OPTIONS.map((row) => ({ row, before: [] as string[] }));
    const rows = Object.entries(PROTOCOL_OPTIONS).flatMap(([name, { options }]) =>
      options.map((row) => ({ row, before: ['-p', name] })),
    );
    let tried = 0;
    for (const { row, before } of [...general, ...rows]) {
      if (row.argument === undefined) continue;
      expect(TAKEN, `${row.long[0]} takes ${row.placeholder}`).to.include.keys(row.placeholder!);
      const max = TAKEN[row.placeholder!](row.long[0]);
      if (max === undefined) continue;
      const words = ['abc', '', ' 1', '1 ', '1000abc', '-1', '+1', '0x', '1e3', '1.5', '0b1', '１', String(max + 1)];
      if (row.placeholder === 'MARK[/MASK]')
        words.push('5/zz', '5/', '/5', '5/ 1', '5 /1', '1/2/3', `1/${max + 1}`, 'x/1');
      // Of a single port these are no ports either.
      if (/^PORTS?$/.test(row.placeholder!)) {
        words.push('53:', ':54', ':', ',', '53,', ',53', '53,,54', '53:54,', '54:53', '53-54', '53:54:55', '1:65536');
        words.push(
          '65536,1',
          '53: 54',
          '53 :54',
          '53, 54',
          '53;54',
          '+1:2',
          '1:-2',
          'a:b',
          '53,http',
          '0x1:0x2',
          '1:2/3',
        );
      }
      if (row.placeholder === 'PORT') words.push('53:54', '53,80', '53:54,80');
      for (const name of [
        ...row.long.map((long) => `--${long}`),
        ...(row.short === undefined ? [] : [`-${row.short}`]),
      ]) {
        for (const word of words) {
          const error = refused([...before, name, word]);
          expect(error.status, `${name} ${word}`).to.equal(2);
          expect(error.message).to.include(`from 0 to ${max}`);
          tried++;
        }
      }
      expect(() => row.apply(new Settings(), String(max))).not.to.throw();
    }
    expect(tried).to.be.greaterThan(1000);
  });

  const PORT_OPTIONS: Readonly<Record<string, number>> = {
    '--sport': ORIG.sport,
    '--orig-port-src': ORIG.sport,
    '--dport': ORIG.dport,
    '--orig-port-dst': ORIG.dport,
    '--reply-port-src': REPLY.sport,
    '--reply-port-dst': REPLY.dport,
  };
  const WITH_PORTS = ['tcp', 'udp', 'udplite', 'sctp', 'dccp'];

  it('reads ranges and lists of ports where flows are selected', () => {
    for (const [option, slot] of Object.entries(PORT_OPTIONS)) {
      for (const protocol of WITH_PORTS) {
        for (const command of ['-L', '-D', '-U', '-E']) {
          const { ports, flow } = parse([command, '-p', protocol, option, '53:54,80']);
          expect(ports.map(([at, set]) => [at, set.bounds])).to.deep.equal([[slot, [53, 54, 80, 80]]]);
          expect(flow.slots[slot]).to.equal(undefined);
        }
      }
      const boundsOf = (...texts: string[]): unknown => {
        const { ports, flow } = parse(['-L', '-p', 'udp', ...texts.flatMap((text) => [option, text])]);
        return ports.length === 0 ? flow.slots[slot] : ports.map(([, set]) => set.bounds);
      };
      expect(boundsOf('0:65535')).to.deep.equal([[0, 65535]]);
      expect(boundsOf('80,1,2,3,60:70,65:80')).to.deep.equal([[1, 3, 60, 80]]);
      expect(boundsOf('053:0054,00000000080')).to.deep.equal([[53, 54, 80, 80]]);
      for (const one of ['53', '53:53', '53,53', '053']) expect(boundsOf(one)).to.equal(53);
      // The last counts, as conntrack(8) has it with one port.
      expect(boundsOf('1:2', '5')).to.equal(5);
      expect(boundsOf('5', '1:2')).to.deep.equal([[1, 2]]);
      expect(boundsOf('1:2', '4:5')).to.deep.equal([[4, 5]]);
    }
  });

  it('refuses a timeout of 0 of -U, with which the kernel would delete what matches', () => {
    for (const words of [
      ['-U', '-t', '0'],
      ['-U', '-s', '10.0.0.1', '--timeout', '00'],
      ['-t', '0', '-m', '3', '-U'],
    ]) {
      const error = refused(words);
      expect(error.status).to.equal(2);
      expect(error.message).to.equal('a timeout of 0 would delete what matches: that is --delete');
    }
    // That selects, and that creates.
    parse(['-D', '-t', '0']);
    parse('-I -s 10.0.0.1 -d 10.0.0.2 -p udp --sport 1 --dport 2 -t 0'.split(' '));
  });

  it('refuses ranges and lists of ports where a flow or an expectation is described', () => {
    const flow = '-s 10.0.0.1 -d 10.0.0.2 -p udp --sport 1 --dport 2 -t 10';
    const expectation = '--tuple-src 10.0.0.1 --tuple-dst 10.0.0.2 --tuple-port-src 1 --tuple-port-dst 2';
    const masks = '--mask-src 0.0.0.0 --mask-dst 0.0.0.0 --mask-port-src 0 --mask-port-dst 0';
    const ofReply = '--reply-port-src 1 --reply-port-dst 2';
    let tried = 0;
    for (const [command, rest] of [
      ['-I', `${flow} ${ofReply}`],
      ['-A', `${flow} ${ofReply}`],
      ['-G', `${flow.replace(/ -t .*/, '')} ${ofReply}`],
      ['-I expect', `${flow} ${expectation} ${masks}`],
      ['-G expect', `${flow.replace(/ -t .*/, '')} ${ofReply}`],
      ['-D expect', `${flow.replace(/ -t .*/, '')} ${ofReply}`],
    ]) {
      const words = `${command} ${rest}`.split(' ');
      parse(words);
      for (const option of words.filter((word) => /port/.test(word))) {
        for (const several of ['53:54', '53,80', '53:53', '53:54,80']) {
          const argv = [...words];
          argv[argv.indexOf(option) + 1] = several;
          const error = refused(argv);
          expect(error.status, argv.join(' ')).to.equal(2);
          expect(error.message, argv.join(' ')).to.equal(
            /mask|tuple/.test(option)
              ? `Invalid number \`${several}': it takes a whole number from 0 to 65535, in decimal`
              : `\`${option}' takes one port with this command, which is about one flow: ranges and lists are for -L, -D, -U and -E`,
          );
          // The command may come behind.
          const [letter, ...behind] = argv;
          if (command.length === 2) expect(refused([...behind, letter]).message).to.equal(error.message);
          tried++;
        }
      }
    }
    expect(tried).to.equal(4 * (4 + 4 + 4 + 6 + 4 + 4));
    expect(refusal('-F', '-p', 'udp', '--dport', '53:54')).to.equal("Illegal option `--protonum' with this command");
    expect(refusal('-p', 'udp', '--dport', '53:54')).to.equal("Illegal option `--protonum' with this command");
  });

  it('knows the shells, and lets --co be --count as conntrack(8) does', () => {
    expect(parse(['--completion', 'zsh'])).to.include({ command: 'completion', shell: 'zsh' });
    expect(parse(['--comp=fish'])).to.include({ command: 'completion', shell: 'fish' });
    expect(parse(['--co'])).to.include({ command: 'count' });
    expect(refusal('--completion', 'csh')).to.equal("unknown shell `csh'");
    expect(refusal('--completion')).to.equal("unknown option `--completion'");
    expect(refusal('--completion', 'bash', '-s', '1.1.1.1')).to.equal("Illegal option `--src' with this command");
  });

  it('has no name twice', () => {
    for (const { options } of [{ options: [] }, ...Object.values(PROTOCOL_OPTIONS)]) {
      const rows = [...COMMANDS.map(({ letter, long }) => ({ short: letter, long: [long] })), ...OPTIONS, ...options];
      const names = rows.flatMap(({ short, long }) => [...(short === undefined ? [] : [short]), ...long]);
      expect(new Set(names)).to.have.lengthOf(names.length);
    }
  });
});
