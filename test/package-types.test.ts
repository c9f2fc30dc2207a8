/**
 * The types of the package where it is installed: what they take and refuse, in the TypeScript that builds it and in
 * the least that the README names.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { installPackage } from './support/package.ts';
import { TIER } from './support/tier.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const PROGRAM = `
import {
  CompiledFilter, Conntrack, type Dump, Expectation, type ExpectationInit, type ExpectationJSON, type Filter, Flow, type FlowInit, type FlowJSON,
  STATUS_BITS, statusBits, type StatusName, statusNames, type StatusText, type TupleInit,
} from 'ctnetlink';
import * as format from 'ctnetlink/format';
import * as netlink from 'ctnetlink/netlink';
import * as nfct from 'ctnetlink/nfct';
import { replay } from 'ctnetlink/replay';
import { type FakeKernel, fakeKernel, type Packet, tcpHandshake } from 'ctnetlink/testing';
import * as uapi from 'ctnetlink/uapi';

const orig = { src: '192.0.2.1', dst: '192.0.2.2', proto: 'udp', sport: 1, dport: 2 } as const;

export function kernelOf(packet: Packet): FakeKernel {
  const kernel = fakeKernel({ flows: [{ orig, timeout: 1 }], release: '6.1.0', time: new Date(0) });
  kernel.traffic(tcpHandshake(packet));
  kernel.fail('expectations.get', 'EPERM', { times: 2 });
  // @ts-expect-error there is no such operation
  kernel.fail('dumps', 'EPERM');
  return kernel;
}

export async function main(ct: Conntrack): Promise<unknown> {
  const flow = Flow.from({ orig, timeout: 1, status: ['CONFIRMED', '0x10000'], labels: undefined });
  // Taken apart, and put together again.
  const { zone, mark, tcp, unknown } = flow;
  const again: FlowInit = { orig: flow.orig, zone, mark, tcp, unknown, id: undefined, helper: { name: undefined } };
  const tuple: TupleInit = { src: undefined, sport: flow.orig.sport };
  const changed: Flow = flow.with({ mark: 4, zone: undefined, orig: tuple });
  await ct.update(changed);
  await ct.update({ ...flow, mark: 4 });
  const mask: number | undefined = flow.statusMask;
  await ct.createMany([again, flow.with(again)]);
  const key: string = flow.key();

  const json: FlowJSON = changed.toJSON();
  const back: Flow = Flow.from(json);
  const matches: boolean = new CompiledFilter({ mark: 4 }).matches(json) && new CompiledFilter({}).matches({ ...flow, mark: 4 });
  const parsed: Flow = Flow.from(JSON.parse(JSON.stringify(flow)) as FlowJSON);
  const bytes: string | number | undefined = json.countersOrig?.bytes;
  const names: StatusText[] | undefined = json.status;
  const hexadecimal: string | undefined = json.helper?.info;
  const clone: Flow = Flow.from(structuredClone(flow));

  const expected = Expectation.from({ tuple: { src: undefined }, timeout: undefined, master: flow.orig });
  const expectation: Expectation = expected.with({ timeout: 3, helper: undefined });
  const init: ExpectationInit = { master: flow.orig, zone };
  const expectationJSON: ExpectationJSON = expectation.toJSON();
  await ct.expectations.create(Expectation.from(expectationJSON));

  const assured: 4 = STATUS_BITS.ASSURED;
  const name: StatusName = 'SEEN_REPLY';
  const bits: number = statusBits([name, ...statusNames(flow.status ?? 0)]);
  const filter: Filter = { status: { value: ['ASSURED'], mask: 6 }, orig: { src: '10.0.0.0/8' } };
  for await (const each of ct.dump(filter)) if (each.tcp?.state === 'ESTABLISHED') break;

  // @ts-expect-error there is no such status
  Flow.from({ status: ['NONSENSE'] });
  // @ts-expect-error the same in a filter
  ct.dump({ status: ['NONSENSE'] });
  // @ts-expect-error a filter takes no undefined
  ct.dump({ orig: { src: undefined } });
  // @ts-expect-error nor at its top
  ct.dump({ mark: undefined });
  // @ts-expect-error nor does a mask
  Flow.from({ mark: 1, markMask: undefined });
  // @ts-expect-error there is no such property
  flow.with({ makr: 4 });
  // @ts-expect-error JSON has no bigint
  const start: bigint | undefined = json.timestamp?.start;
  // @ts-expect-error what is not set is not there
  const unset: FlowJSON = { mark: undefined };
  // @ts-expect-error a flow does not change
  flow.mark = 4;
  // @ts-expect-error where a flow keeps its values is no part of the API
  flow.slots;
  // @ts-expect-error nor is making one of them
  new Flow([]);
  // @ts-expect-error nor what errors call it
  Flow.from({ orig }, 'argument');
  // @ts-expect-error the same for expectations
  expected.slots;
  // @ts-expect-error a dump is made by calls alone
  new Dump();
  // @ts-expect-error where events go to is no part of them
  (await ct.events()).end();
  // An interface extends what it is given.
  interface Mine extends FlowInit { note?: string }
  const mine: Mine = { orig, note: '' };
  return [mask, matches, key, back, parsed, bytes, names, hexadecimal, clone, init, mine, assured, bits, start, unset, format, netlink, nfct, replay, uapi];
}
`;

/**
 * What programs make objects of: options, the properties of flows, and what is passed like them. Not filters, in which
 * undefined is a mistake.
 */
const GIVEN = /^export (?:interface|type) (\w+(?:Options|Init|Details)|Packet|Snapshot|Lookup)\b/gm;

/** A program that is right if every property of these that may be left out may also be undefined. */
function undefinedProgram(): string {
  const lines = readdirSync(join(ROOT, 'api')).flatMap((report) => {
    const entry = report.replace('.api.md', '');
    // FilterInit is a filter, or several.
    const names = [...readFileSync(join(ROOT, 'api', report), 'utf8').matchAll(GIVEN)]
      .map(([, name]) => name)
      .filter((name) => name !== 'FilterInit');
    if (names.length === 0) return [];
    const from = entry === 'ctnetlink' ? entry : `ctnetlink/${entry}`;
    const types = names.map((name) => `${name} as ${entry}_${name}`);
    const checks = names.map(
      (name) => `export const of_${entry}_${name} = (name: Refused<${entry}_${name}>): never => name;`,
    );
    return [`import type { ${types.join(', ')} } from '${from}';`, ...checks];
  });
  return `
type IsOptional<T, K extends keyof T> = {} extends Pick<T, K> ? true : false;
/** A mask that is undefined would compare all. */
type Name<T> = Exclude<keyof T, 'markMask' | 'statusMask' | 'labelsMask'>;
/** The names of the properties that may be left out, and not be undefined. */
type Refused<T> = {
  [K in Name<T>]-?: IsOptional<T, K> extends true ? (undefined extends Required<T>[K] ? never : K) : never;
}[Name<T>];
${lines.join('\n')}
`;
}

/** A program that imports all that the package has, so that every declaration is checked. */
function everythingProgram(): string {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { exports: object };
  const entries = Object.keys(exports).filter((path) => !path.endsWith('.json'));
  return entries.map((path, n) => `export * as entry${n} from '${path.replace('.', 'ctnetlink')}';`).join('\n');
}

const OPTIONS = {
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
  target: 'es2022',
  types: ['node'],
};

/** 'module' by 'moduleResolution' */
const RESOLUTIONS = { nodenext: 'nodenext', bundler: 'esnext' } as const;

function versionOf(alias: string): string {
  return (JSON.parse(readFileSync(join(ROOT, 'node_modules', alias, 'package.json'), 'utf8')) as { version: string })
    .version;
}

describe('package: types', () => {
  let app = '';
  before(() => {
    app = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    installPackage(app);
    writeFileSync(join(app, 'main.ts'), PROGRAM);
    writeFileSync(join(app, 'undefined.ts'), undefinedProgram());
    writeFileSync(join(app, 'everything.ts'), everythingProgram());
  });
  after(() => rmSync(app, { recursive: true, force: true }));

  for (const alias of ['typescript', 'typescript-least'])
    for (const [moduleResolution, module] of Object.entries(RESOLUTIONS)) {
      // The old compiler takes five seconds for each.
      if (TIER === 'quick' && alias === 'typescript-least') continue;
      it(`hold in ${alias} with moduleResolution ${moduleResolution}`, () => {
        const config = {
          compilerOptions: { ...OPTIONS, module, moduleResolution },
          files: ['main.ts', 'undefined.ts', 'everything.ts'],
        };
        writeFileSync(join(app, 'tsconfig.json'), JSON.stringify(config));
        let errors = '';
        try {
          execFileSync(process.execPath, [join(ROOT, 'node_modules', alias, 'bin/tsc')], {
            cwd: app,
            encoding: 'utf8',
          });
        } catch (error) {
          errors = (error as { stdout: string }).stdout;
        }
        expect(errors).to.equal('');
      });
    }

  it('say which TypeScript is the least: README has the release that is tested', () => {
    const [, least] = /TypeScript (\d+\.\d+) and later/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];
    expect(versionOf('typescript-least').split('.').slice(0, 2).join('.')).to.equal(least);
  });
});
