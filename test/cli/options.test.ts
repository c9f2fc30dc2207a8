import { expect } from 'chai';
import { COMMANDS } from '../../src/cli/commands.ts';
import { OPTIONS } from '../../src/cli/options.ts';
import { parse } from '../../src/cli/parse.ts';
import { PROTOCOL_OPTIONS } from '../../src/cli/protocols.ts';
import { UsageError } from '../../src/cli/settings.ts';

/** What the error says. */
function refusal(...argv: string[]): string {
  try {
    parse(argv);
  } catch (error) {
    expect(error).to.be.instanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error(`${argv.join(' ')} was accepted`);
}

describe('cli/options', () => {
  it('reads commands with their table, in any form', () => {
    for (const argv of [
      ['-L'],
      ['--dump'],
      ['-L', 'conntrack'],
      ['-Lconntrack'],
      ['--dump=conntrack'],
      ['-L', 'con'],
    ]) {
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
    expect(parse(['extra']).command).to.equal(undefined);
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

  it('refuses with the words of conntrack(8)', () => {
    expect(refusal('-L', '-E')).to.equal('Invalid commands combination');
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
    expect(refusal('-C', '-b', '5', '-o', 'id')).to.equal("Illegal option `--output' with this command");
  });

  it('reads numbers as strtoul(3) does, whatever they are', () => {
    for (const [text, bytes] of [
      ['abc', 0],
      ['', 0],
      ['1e9', 1],
      ['0x10', 16],
    ] as const)
      expect(parse(['-E', '-b', text]).bufferSize, text).to.equal(bytes);
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
