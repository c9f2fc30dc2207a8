/**
 * The programs of README, tour and examples run on the fake kernel, without privilege and on any system. Each runs as
 * it is in the document, but for the transport that it opens: the sources are imported, and
 * `{ transport: kernel.transport }` is put into the calls that open something.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { expect } from 'chai';
import { formatExpectation, formatFlow } from '../../src/format/index.ts';
import { Conntrack } from '../../src/index.ts';
import { type FakeKernel, fakeKernel } from '../../src/testing/index.ts';
import { EXAMPLES, lines, steady } from '../support/examples.ts';
import { until } from '../support/kernel.ts';
import { local, programsOf } from '../support/programs.ts';
import { PRINTS } from '../support/readme.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join(ROOT, `test/.snippets-fake-${process.pid}`);

/** Programs that cannot run on it, with the reason. */
const NOT_ON_IT: Readonly<Record<string, string>> = {
  'docs/tour.md 7': 'opens a capture, and needs no kernel',
};

const given = globalThis as { fakeTransport?: FakeKernel['transport'] };
let programs = 0;

/** The program with the calls that open a socket on the kernel of this test. */
function onFake(code: string): string {
  const option = '{ transport: globalThis.fakeTransport }';
  return local(code)
    .replaceAll('Conntrack.open()', `Conntrack.open(${option})`)
    .replace(/nfct_open\(([^()]+)\)/g, (_whole, args) => `nfct_open(${args}, ${option})`);
}

/** Runs a program in this process. @returns what it printed */
async function run(
  code: string,
  kernel: FakeKernel,
  args: readonly string[] = [],
  meanwhile?: () => Promise<void>,
): Promise<string> {
  const path = join(FOLDER, `${++programs}.mts`);
  const text = onFake(code);
  expect(text, 'no call was found that opens something').to.include('globalThis.fakeTransport');
  writeFileSync(path, text);
  const { argv } = process;
  const { log } = console;
  let output = '';
  let happening: Promise<void> | undefined;
  process.argv = [...argv.slice(0, 2), ...args];
  given.fakeTransport = kernel.transport;
  console.log = (...values: unknown[]): void => {
    output += `${format(...values)}\n`;
    happening ??= meanwhile?.();
  };
  try {
    await import(pathToFileURL(path).href);
    await happening;
    // One that has a server goes on behind its last line.
    await until(() => kernel.sockets === 0, { what: 'the end of the program' });
  } finally {
    console.log = log;
    process.argv = argv;
    given.fakeTransport = undefined;
  }
  return output;
}

/** Opens the kernel for what is done before and beside a program, and closes it. */
function doing(kernel: FakeKernel, what: ((ct: Conntrack) => Promise<void>) | undefined): () => Promise<void> {
  return async () => {
    if (what === undefined) return;
    const ct = await Conntrack.open({ transport: kernel.transport });
    await what(ct);
    await ct.close();
  };
}

describe('programs on the fake kernel', () => {
  before(() => mkdirSync(FOLDER, { recursive: true }));
  after(() => rmSync(FOLDER, { recursive: true, force: true }));

  for (const [name, example] of Object.entries(EXAMPLES)) {
    const { args = [], prints, unordered, flows = [], expectations = [] } = example;
    it(`examples/${name}.ts does what it says`, async () => {
      const kernel = fakeKernel();
      await doing(kernel, example.given)();
      const meanwhile = example.meanwhile && doing(kernel, example.meanwhile);
      const output = await run(readFileSync(join(ROOT, `examples/${name}.ts`), 'utf8'), kernel, args, meanwhile);
      if (prints instanceof RegExp) expect(steady(output)).to.match(prints);
      else if (unordered) expect(lines(output)).to.have.members([...prints]);
      else expect(lines(output)).to.deep.equal(prints);
      expect(kernel.flows.flatMap((flow) => lines(formatFlow(flow)))).to.have.members([...flows]);
      expect(kernel.expectations.flatMap((each) => lines(formatExpectation(each)))).to.have.members([...expectations]);
    });
  }

  for (const [page, prints] of Object.entries(PRINTS))
    for (const [index, pattern] of prints.entries()) {
      const program = `${page} ${index + 1}`;
      if (program in NOT_ON_IT) continue;
      it(`${page}, program number ${index + 1}, prints what it prints on the running kernel`, async () => {
        const orig = { src: '192.0.2.7', dst: '192.0.2.8', proto: 'udp', sport: 5000, dport: 53 } as const;
        const kernel = fakeKernel({ flows: [{ orig, timeout: 60 }] });
        expect(await run(programsOf(page, 'js')[index], kernel)).to.match(pattern);
      });
    }
});
