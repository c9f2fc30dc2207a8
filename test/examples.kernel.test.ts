/**
 * Every example is run as its reader would, from the built package, and conntrack(8) is the witness of what it did to
 * the tables. `npm test` builds; a run of this file alone takes what dist/ has.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Conntrack } from '../src/conntrack/conntrack.ts';
import { createHttps, EXAMPLES, lines, steady } from './support/examples.ts';
import { describeKernel, describeUnless, resetNamespace, sh } from './support/kernel.ts';
import { RUNTIMES, type RuntimeName, runtime, whyNoRuntime } from './support/runtimes.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = join(ROOT, 'examples');

function flows(): string[] {
  return [...lines(sh('conntrack', '-L', '-f', 'ipv4')), ...lines(sh('conntrack', '-L', '-f', 'ipv6'))];
}

/** Runs an example to its end and gives what it printed. */
async function run(command: string, args: readonly string[], meanwhile?: () => Promise<void>): Promise<string> {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], timeout: 100_000 });
  try {
    const closed = once(child, 'close');
    let errors = '';
    child.stderr.on('data', (data) => {
      errors += data;
    });
    let output = '';
    let waits = meanwhile;
    for await (const data of child.stdout) {
      output += data;
      if (waits === undefined || !output.includes('\n')) continue;
      await waits();
      waits = undefined;
    }
    const [code, signal] = await closed;
    expect(code, `${signal ?? ''}${errors}`).to.equal(0);
    return output;
  } finally {
    child.kill();
  }
}

/** How a runtime runs TypeScript: as it is, or by tsx. */
function flags(name: RuntimeName): string[] {
  if (name === 'node20') return ['--import', 'tsx'];
  return name === 'deno' ? ['run', '-A'] : [];
}

/** The one that all examples run in. tsx takes a second to start. */
const MAIN = (['node22', 'node20'] as const).find((name) => runtime(name) !== undefined);
const [node, nodeFlags] = MAIN === undefined ? [process.execPath, ['--import', 'tsx']] : [runtime(MAIN)!, flags(MAIN)];

describe('examples', () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.ts'));

  it('are all run here', () => {
    expect(files.map((file) => file.slice(0, -'.ts'.length))).to.have.members(Object.keys(EXAMPLES));
  });

  it('are all in README.md, as the counterparts that they say they are', () => {
    const readme = readFileSync(join(FOLDER, 'README.md'), 'utf8');
    const rows = [...readme.matchAll(/^\| \[(.+?)\]\((.+?)\) +\| `(.+?)` +\|/gm)];
    expect(rows.map(([, name]) => name)).to.have.members(files);
    for (const [, name, link, utility] of rows) {
      expect(link).to.equal(name);
      const [head] = readFileSync(join(FOLDER, name), 'utf8').split('\nimport');
      expect(head.replaceAll('\n// ', ' ')).to.match(new RegExp(`Counterpart of ${utility}\\b`));
    }
  });
});

describeKernel('examples on the kernel', ['conntrack', 'nft'], () => {
  let ct: Conntrack;
  beforeEach(async () => {
    resetNamespace();
    ct = await Conntrack.open();
  });
  afterEach(async () => await ct.close());
  after(() => resetNamespace());

  for (const [name, example] of Object.entries(EXAMPLES)) {
    const { args = [], given, meanwhile, prints, unordered, flows: left = [], expectations = [] } = example;

    it(`${name}.ts does what it says`, async () => {
      await given?.(ct);
      const command = [...nodeFlags, `examples/${name}.ts`, ...args];
      const output = await run(node, command, meanwhile && (() => meanwhile(ct)));
      if (prints instanceof RegExp) expect(steady(output)).to.match(prints);
      else if (unordered) expect(lines(output)).to.have.members([...prints]);
      else expect(lines(output)).to.deep.equal(prints);
      expect(flows()).to.have.members([...left]);
      expect(lines(sh('conntrack', '-L', 'expect'))).to.have.members([...expectations]);
    });
  }

  for (const name of RUNTIMES) {
    describeUnless(whyNoRuntime(name), `in ${name}`, () => {
      it('run', async () => {
        const { prints, flows: left } = EXAMPLES.update;
        await createHttps(ct);
        const output = await run(runtime(name)!, [...flags(name), 'examples/update.ts']);
        expect(lines(output)).to.deep.equal(prints);
        expect(flows()).to.deep.equal(left);
      });
    });
  }
});
