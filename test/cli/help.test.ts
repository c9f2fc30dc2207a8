import { expect } from 'chai';
import { helpText } from '../../src/cli/help/help.ts';
import { COMMANDS, TABLE_HELP } from '../../src/cli/options/commands.ts';
import { OPTIONS } from '../../src/cli/options/options.ts';
import { OUTPUTS } from '../../src/cli/options/outputs.ts';
import { parse } from '../../src/cli/options/parse.ts';
import { PROTOCOL_OPTIONS } from '../../src/cli/options/protocols.ts';
import { TOOLS } from '../../src/cli/options/tools.ts';

describe('cli/help', () => {
  const help = helpText();

  it('has every command, option and protocol', () => {
    for (const { letter, long } of COMMANDS)
      expect(help).to.match(new RegExp(`^ {2}${letter === undefined ? '   ' : `-${letter},`} --${long}\\b`, 'm'));
    for (const { short, long } of OPTIONS)
      expect(help).to.match(new RegExp(`^ {2}${short === undefined ? '   ' : `-${short},`} --${long[0]}( |$)`, 'm'));
    for (const { name, operands } of TOOLS) expect(help).to.include(`\n      ${name} ${operands} `);
    for (const name of Object.keys(PROTOCOL_OPTIONS)) expect(help).to.match(new RegExp(`^ .*\\b${name}\\b`, 'm'));
  });

  it('fits 80 columns, and a screen or two', () => {
    const lines = [undefined, 6, 47, 132].map(helpText).join('\n').split('\n');
    for (const line of lines) expect(line).to.have.length.below(80);
    for (const line of lines) expect(line).to.equal(line.trimEnd());
    expect(help.split('\n')).to.have.length.below(135);
  });

  it('has every table and output with what it is, and the commands that take an option', () => {
    for (const [name, text] of [...Object.entries(TABLE_HELP), ...Object.entries(OUTPUTS)])
      expect(help.replace(/\n {16}/g, ' ')).to.match(new RegExp(`^ {2}${name} +${text}$`, 'm'));
    for (const [name, letters] of [
      ['--src', 'LGDIAUE'],
      ['--id', 'GDU'],
      ['--protonum', 'LGDIAUE'],
      ['--tuple-src', 'I expect'],
    ])
      expect(help.replace(/\n {30}/g, ' ')).to.match(new RegExp(` ${name} .*\\(${letters}\\)$`, 'm'));
    expect(help).to.match(/ --replay FILE(?!.*\([A-Z]+\)$)/m);
  });

  it('adds in detail what a protocol brings, as conntrack(8) does', () => {
    expect(helpText(6).startsWith(help)).to.equal(true);
    const tcp = helpText(6).slice(help.length);
    expect(tcp.replace(/\n {30}/g, ' ')).to.match(
      /^\nOptions of tcp:\n {6}--sport PORTS +source port in original direction; selections also take ranges and lists: 53:54,80 \(LGDIAUE\)\n/,
    );
    for (const { long } of PROTOCOL_OPTIONS.tcp.options) expect(tcp).to.match(new RegExp(` --${long[0]} `));
    expect(helpText(89).slice(help.length)).to.equal('\nOptions of protocol 89: none\n');
    expect(parse(['-h', '-p', 'tcp'])).to.include({ command: 'help' });
  });

  it('lists our options apart from those of conntrack(8)', () => {
    const ours = help.slice(help.indexOf('that conntrack(8) does not have'), help.indexOf('Options of protocols'));
    for (const { long, ours: isOurs = false } of OPTIONS)
      expect(new RegExp(`^ +(-\\w, )?--${long[0]}( |$)`, 'm').test(ours), long[0]).to.equal(isOurs);
  });
});
