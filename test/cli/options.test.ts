import { expect } from 'chai';
import { helpText, OPTIONS, parse, UsageError } from '../../src/cli/options.ts';

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
    for (const argv of [['-L', 'dying'], ['-Ld'], ['--dump', 'dying'], ['--dum=dy'], ['-f', 'ipv4', '-L', 'dying']]) {
      expect(parse(argv)).to.include({ command: 'list', table: 'dying' });
    }
    expect(parse(['-L', 'unconfirmed'])).to.include({ command: 'list', table: 'unconfirmed' });
    expect(parse(['-E'])).to.include({ command: 'event' });
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
    expect(refusal('-h', 'bogus')).to.equal("unknown type `bogus'");
    expect(refusal('-L', '')).to.equal("unknown type `'");
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

  it('refuses a buffer size that is no size, which conntrack(8) takes for 0', () => {
    for (const value of ['abc', '-5', '', '1e9', '4294967296']) {
      expect(refusal('-E', '-b', value)).to.equal(`Bad parameter \`${value}'`);
    }
  });

  it('knows what is not there yet from what is unknown', () => {
    for (const { short, long, help } of OPTIONS) {
      if (help !== undefined) continue;
      for (const text of [`--${long[0]}`, ...(short === undefined ? [] : [`-${short}`])]) {
        expect(refusal(text, 'x')).to.equal(`the option \`${text}' of conntrack(8) is not there yet`);
      }
    }
    expect(refusal('-L', 'expect')).to.equal("the table `expect' is not there yet");
    expect(refusal('-L', '-o', 'xml')).to.equal("the output `xml' is not there yet");
  });

  it('has no name twice', () => {
    const names = OPTIONS.flatMap(({ short, long }) => [...(short === undefined ? [] : [short]), ...long]);
    expect(new Set(names)).to.have.lengthOf(names.length);
  });

  it('helps on every option it has, in 80 columns', () => {
    const help = helpText();
    for (const { long, help: lines } of OPTIONS) {
      if (lines !== undefined) expect(help).to.contain(`--${long[0]}`);
      for (const line of lines ?? []) expect(help).to.contain(line);
    }
    for (const line of help.split('\n')) expect(line).to.have.length.below(80);
  });
});
