import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { manualPage } from '../../src/cli/help/manual.ts';
import { COMMANDS } from '../../src/cli/options/commands.ts';
import { OPTIONS } from '../../src/cli/options/options.ts';
import { PROTOCOL_OPTIONS } from '../../src/cli/options/protocols.ts';
import { TOOLS } from '../../src/cli/options/tools.ts';
import { ROOT } from '../support/command.ts';
import { onPath } from '../support/kernel.ts';

const FILE = join(ROOT, 'man/ctnetlink.8');

describe('cli/manual', () => {
  it('is man/ctnetlink.8 (else: npm run man)', () => {
    expect(readFileSync(FILE, 'utf8')).to.equal(manualPage());
  });

  it('has every name that a command line can have', () => {
    const page = manualPage().replaceAll('\\-', '-');
    const rows = [...OPTIONS, ...Object.values(PROTOCOL_OPTIONS).flatMap(({ options }) => options)];
    const names = [...COMMANDS.map(({ long }) => long), ...rows.flatMap(({ long }) => long)];
    for (const { options } of TOOLS) names.push(...options.map(({ long }) => long));
    for (const name of names) expect(page).to.contain(`\\fB--${name}\\fR`);
    for (const { name, operands } of TOOLS)
      expect(page).to.contain(`.SS "${`${name} [OPTION...] ${operands}`.trimEnd()}"`);
  });

  it('is without fault to groff', function () {
    if (!onPath('groff')) this.skip();
    const { stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', FILE], { encoding: 'utf8' });
    expect(stderr).to.equal('');
    expect(stdout.replace(/\s+/g, ' ')).to.contain('The live table needs root');
  });
});
