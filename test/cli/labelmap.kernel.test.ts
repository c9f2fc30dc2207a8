import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from '../../src/cli/options/parse.ts';
import { ctnetlink } from '../support/command.ts';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';

const FLOW = '-s 10.0.0.1 -d 10.0.0.2 -p udp --sport 1 --dport 2';

describe('cli/labelmap', () => {
  let folder: string;
  let map: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    map = join(folder, 'labels.conf');
    writeFileSync(map, '3 three\n40 forty\n');
  });
  after(() => rmSync(folder, { recursive: true }));

  it('is where names are looked up, wherever the option is on the command line', () => {
    for (const option of [['--labelmap', map], ['-M', map], [`--labelm=${map}`]]) {
      expect(parse(['-L', ...option, '-l', 'three,forty']).labels).to.deep.equal([3, 40]);
      expect(parse(['-L', '-l', 'forty', ...option]).labels).to.deep.equal([40]);
      expect(parse(['-U', '--label-add', 'three', ...option]).labelsAdd).to.deep.equal([3]);
      expect(parse(['-U', '--label-del=three', ...option]).labelsDelete).to.deep.equal([3]);
    }
    // It is of one command line.
    expect(() => parse(['-L', '-l', 'three'])).to.throw("unknown label 'three'");
    expect(() => parse(['-C', '--labelmap', map])).to.throw("Illegal option `--labelmap' with this command");
    expect(() => parse(['-L', '--labelmap'])).to.throw("option `--labelmap' requires an argument");
  });

  describeKernel('of a kernel', ['nft', 'conntrack'], () => {
    it('names what is shown, and is that of every line of -R', () => {
      resetNamespace();
      sh('nft', 'add table t; add chain t c { type filter hook output priority 0; }; add rule t c ct label set 5');
      const lines = join(folder, 'lines');
      writeFileSync(lines, `-A ${FLOW} -t 100 --label-add three\n-U ${FLOW} --label-add forty\n`);
      expect(ctnetlink('-R', lines, '--labelmap', map)).to.include({ status: 0, stderr: '' });
      const { stdout } = ctnetlink('-L', '--labelmap', map, '-o', 'labels');
      expect(stdout).to.match(/ labels=three,forty\n$/);
      const deleted = ctnetlink('-D', '-M', map, '-l', 'forty');
      expect(deleted.stderr).to.include('1 flow entries have been deleted.');
      resetNamespace();
    });

    it('that is not there names nothing, as the usual one', () => {
      const missing = join(folder, 'none');
      const { stderr, status } = ctnetlink('-L', '-o', 'labels', '--labelmap', missing);
      expect(stderr).to.include('nfct_labelmap_new: No such file or directory');
      expect(status).to.equal(0);
      expect(ctnetlink('-L', '-l', 'three', '--labelmap', missing)).to.include({ status: 2 });
    });
  });
});
