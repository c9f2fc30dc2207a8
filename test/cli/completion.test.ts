import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { completionScript } from '../../src/cli/help/completion.ts';
import { COMMANDS, SHELLS, TABLES } from '../../src/cli/options/commands.ts';
import { OPTIONS } from '../../src/cli/options/options.ts';
import { PROTOCOL_OPTIONS } from '../../src/cli/options/protocols.ts';
import { onPath } from '../support/kernel.ts';

describe('cli/completion', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-completion-'));
    for (const shell of SHELLS) writeFileSync(join(folder, shell), completionScript(shell));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const shell of SHELLS) {
    it(`${shell}: has every name, and the shell reads it where it is installed`, () => {
      const script = completionScript(shell);
      const rows = [...OPTIONS, ...Object.values(PROTOCOL_OPTIONS).flatMap(({ options }) => options)];
      const names = [...COMMANDS.map(({ long }) => long), ...rows.flatMap(({ long }) => long)];
      for (const name of names)
        expect(script).to.match(new RegExp(shell === 'fish' ? ` -l ${name} ` : `[\\s'|"]?--${name}[=\\s|)["]`));
      if (!onPath(shell)) return;
      const { stderr, status } = spawnSync(shell, ['-n', join(folder, shell)], { encoding: 'utf8' });
      expect([stderr, status]).to.deep.equal(['', 0]);
    });
  }

  describe('bash', () => {
    before(function () {
      if (!onPath('bash')) this.skip();
    });

    /** What bash offers for the last word, in its own splitting of words. */
    function offered(...words: string[]): string[] {
      const script = `source "$1"; shift; COMP_WORDS=(ctnetlink "$@"); COMP_CWORD=$#; _ctnetlink; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', join(folder, 'bash'), ...words], {
        encoding: 'utf8',
        cwd: folder,
      });
      expect(stderr).to.equal('');
      return stdout.split('\n').filter((word) => word !== '');
    }

    it('offers commands and options', () => {
      expect(offered('')).to.include.members(['-L', '--dump', '-R', '--src', '--orig-src', '--completion']);
      expect(offered('--reply-')).to.have.members(['--reply-src', '--reply-dst', '--reply-zone']);
    });

    it('offers the words for captures, with their options and files', () => {
      expect(offered('')).to.include('convert');
      expect(offered('-L', 'c')).not.to.include('convert');
      expect(offered('convert', '--')).to.have.members(['--format', '--help']);
      expect(offered('convert', '--format', 'p')).to.have.members(['pcap', 'pcapng']);
      expect(offered('convert', '--format', '=', 'h')).to.have.members(['hex']);
      expect(offered('convert', '')).to.include('bash');
      expect(offered('anonymize', '--')).to.have.members(['--format', '--key-file', '--keep', '--drop', '--help']);
      expect(offered('anonymize', '--keep', 'private,s')).to.deep.equal(['private,secctx']);
      expect(offered('anonymize', '--key-file', '')).to.include('bash');
    });

    it('offers options of the table behind snapshot and restore, and behind restore files', () => {
      expect(offered('')).to.include.members(['snapshot', 'restore']);
      expect(offered('snapshot', '--reply-')).to.have.members(['--reply-src', '--reply-dst', '--reply-zone']);
      expect(offered('snapshot', '-f', '')).to.have.members(['ipv4', 'ipv6']);
      expect(offered('restore', '')).to.include('bash');
      expect(offered('restore', 'bash', '--strict-')).to.deep.equal(['--strict-windows']);
      expect(offered('snapshot', '--strict-')).to.deep.equal([]);
    });

    it('offers the options of events behind watch, its own with their values, and no files', () => {
      expect(offered('')).to.include('watch');
      expect(offered('watch', '--reply-')).to.have.members(['--reply-src', '--reply-dst', '--reply-zone']);
      expect(offered('watch', '--sum')).to.deep.equal(['--summary']);
      expect(offered('watch', '--follow', '')).to.have.members(['all', 'lifecycle']);
      expect(offered('watch', '--follow', '=', 'l')).to.deep.equal(['lifecycle']);
      expect(offered('watch', 'ba')).to.deep.equal([]);
    });

    it('offers tables, shells and names, several with commas', () => {
      expect(offered('-L', '')).to.have.members([...TABLES]);
      expect(offered('--dump', '=', 'd')).to.deep.equal(['dying']);
      expect(offered('--completion', '')).to.have.members([...SHELLS]);
      expect(offered('-L', '-f', '')).to.have.members(['ipv4', 'ipv6']);
      expect(offered('-L', '-o', 'x')).to.deep.equal(['xml']);
      expect(offered('-L', '-o', 'id,kt')).to.deep.equal(['id,ktimestamp']);
      expect(offered('-E', '-e', '')).to.have.members(['ALL', 'NEW', 'UPDATES', 'DESTROY']);
      expect(offered('-L', '-u', 'ASSURED,F')).to.deep.equal(['ASSURED,FIXED_TIMEOUT']);
      expect(offered('-L', '-p', 'udp')).to.have.members(['udp', 'udplite']);
    });

    it('offers options where a table may be left out, and nothing where only the user knows', () => {
      expect(offered('-L', '--fam')).to.deep.equal(['--family']);
      expect(offered('-L', '-s', '')).to.deep.equal([]);
      expect(offered('-L', '-p', 'tcp', '--sport', '')).to.deep.equal([]);
    });

    it('offers what a protocol brings, behind -p in any form', () => {
      expect(offered('-L', '--sp')).to.deep.equal([]);
      for (const form of [
        ['-p', 'tcp'],
        ['--protonum', '=', 'tcp'],
        ['--proto', 'tcp'],
      ]) {
        expect(offered('-L', ...form, '--sp')).to.deep.equal(['--sport']);
        expect(offered('-L', ...form, '--state', 'EST')).to.deep.equal(['ESTABLISHED']);
      }
      expect(offered('-I', '-p', 'sctp', '--state', 'COOKIE')).to.have.members(['COOKIE_WAIT', 'COOKIE_ECHOED']);
      expect(offered('-I', '-p', 'dccp', '--role', 'c')).to.deep.equal(['client']);
      expect(offered('-I', '-p', 'icmp', '--icmp-t')).to.deep.equal(['--icmp-type']);
    });

    it('offers files', () => {
      for (const option of ['-R', '--replay', '--record', '--load-file'])
        expect(offered('-L', option, 'fi')).to.deep.equal(['fish']);
    });
  });

  it('fish: offers names, tables and what a protocol brings', function () {
    if (!onPath('fish')) this.skip();
    const lines = ['-L -o id,js', '-p tcp --state EST', '-L co', '-p tcp --spor', '-L --spor'];
    const commands = lines.map((line) => `complete -C "ctnetlink ${line}" | string replace -r "\\t.*" ""; echo .`);
    const { stdout } = spawnSync('fish', ['-N', '-c', `source ${join(folder, 'fish')}; ${commands.join('; ')}`], {
      encoding: 'utf8',
      env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    });
    expect(stdout.split('.\n').slice(0, 5)).to.deep.equal([
      'id,json\n',
      'ESTABLISHED\n',
      'conntrack\n',
      '--sport\n',
      '',
    ]);
  });
});
