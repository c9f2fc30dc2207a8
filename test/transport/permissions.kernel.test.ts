/**
 * The permission models of Node.js and Deno: with whatever flags a program runs, it works, or gets an UnsupportedError
 * that names the flags that are missing, and with those it works. Never an error of the runtime, and never a prompt.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { describeKernel, describeUnless, onPath, resetNamespace } from '../support/kernel.ts';
import { installPackage } from '../support/package.ts';
import { type RuntimeName, runtime, whyNoRuntime } from '../support/runtimes.ts';
import { TIER } from '../support/tier.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Prints which transport took it there, or what it got instead. */
const PROGRAM = `import { Conntrack } from 'ctnetlink';
let result;
try {
  const ct = await Conntrack.open(process.argv.length > 2 ? { transport: process.argv[2] } : {});
  const orig = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'udp', sport: 1, dport: 2 };
  const events = await ct.events({ types: ['destroy'] });
  await ct.create({ orig, timeout: 600, mark: 7 });
  const { mark } = await ct.get({ orig });
  const flows = await ct.dump({ family: 'ipv4' }).toArray();
  await ct.delete({ orig });
  const { value } = await events[Symbol.asyncIterator]().next();
  await ct.close();
  result = { transport: ct.transport, mark, flows: flows.length, event: value.type };
} catch (error) {
  result = { name: error.name, code: error.code, message: error.message };
}
console.log(JSON.stringify(result));
`;

interface Result {
  transport?: string;
  name?: string;
  code?: string;
  message?: string;
}

/** Flags that change nothing; a landing tries them in one release of Node.js. */
const BESIDE = [[], ['--allow-worker'], ['--allow-child-process']];

const works = (transport: string) => ({ transport, mark: 7, flows: 1, event: 'destroy' });

describeKernel('permissions', ['conntrack'], () => {
  let app = '';
  before(() => {
    resetNamespace();
    app = realpathSync(mkdtempSync(join(tmpdir(), 'ctnetlink-')));
    installPackage(app);
    // Copies, so that all that a program reads is in one folder.
    for (const name of ['koffi', '@koromix', 'netlink', 'node-gyp-build']) {
      const target = join(app, 'node_modules', name);
      rmSync(target, { recursive: true, force: true });
      cpSync(join(ROOT, 'node_modules', name), target, { recursive: true, dereference: true });
    }
    writeFileSync(join(app, 'main.js'), PROGRAM);
    // In one file, which Node.js may always read.
    const options = ['--bundle', '--platform=node', '--format=esm', '--external:koffi', '--external:netlink'];
    const bundled = spawnSync(
      join(ROOT, 'node_modules/.bin/esbuild'),
      ['main.js', ...options, '--outfile=one.mjs', '--log-level=warning'],
      { cwd: app, encoding: 'utf8' },
    );
    expect(bundled.stderr).to.equal('');
  });
  after(() => rmSync(app, { recursive: true, force: true }));

  function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Result {
    const { stdout, stderr, error } = spawnSync(command, args, {
      cwd: app,
      encoding: 'utf8',
      // The end of the input: what asks is answered with nothing.
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
      env: { ...process.env, DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1', ...env },
    });
    const line = stdout.split(/\r?\n/).find((each) => each.startsWith('{'));
    if (line === undefined) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? ''}${stdout}${stderr}`);
    expect(stdout + stderr).not.to.match(/requests .* access/);
    return JSON.parse(line) as Result;
  }

  /** What a refusal says must be mended, as flags. */
  function advice({ name, code, message }: Result): string[] {
    expect({ name, code }).to.deep.equal({ name: 'UnsupportedError', code: 'ERR_UNSUPPORTED' });
    const found = /What mends it: start Node\.js with (--.*), too$/.exec(message!);
    expect(found, message).not.to.equal(null);
    return found![1].split(' ');
  }

  const NODES: readonly RuntimeName[] = ['node20', 'node22', 'node24', 'node26'];
  for (const name of NODES) {
    describeUnless(whyNoRuntime(name), name, () => {
      const hasFfi = name === 'node26';
      const READ = (): string => `--allow-fs-read=${app}/node_modules/`;
      const node = (flags: readonly string[], ...args: string[]): Result =>
        run(runtime(name)!, [
          ...(name === 'node20'
            ? ['--experimental-permission', `--allow-fs-read=${join(app, 'one.mjs')}`]
            : ['--permission']),
          ...flags,
          'one.mjs',
          ...args,
        ]);

      for (const ffi of hasFfi ? [false, true] : [false])
        for (const addons of [false, true])
          for (const read of [false, true])
            for (const beside of name === 'node26' || TIER === 'soak' ? BESIDE : BESIDE.slice(0, 1)) {
              const given = (): string[] => [
                ...(ffi ? ['--allow-ffi'] : []),
                ...(addons ? ['--allow-addons'] : []),
                ...(read ? [READ()] : []),
                ...beside,
              ];
              const title = [ffi && 'ffi', addons && 'addons', read && 'fs-read', ...beside].filter(Boolean).join(', ');
              it(`with ${title || 'nothing'} allowed`, () => {
                const result = node(given());
                if (ffi || (addons && read)) {
                  expect(result).to.deep.equal(works(ffi ? 'node:ffi' : 'koffi'));
                  return;
                }
                const missing = [...(addons ? [] : ['--allow-addons']), ...(read ? [] : [READ()])];
                expect(advice(result)).to.deep.equal(hasFfi ? ['--allow-ffi'] : missing);
                expect(result.message).to.contain(
                  `'koffi' did not load: the permission model of Node.js refuses it without ${missing.join(' ')};`,
                );
                expect(node([...given(), ...advice(result)])).to.deep.equal(works(hasFfi ? 'node:ffi' : 'koffi'));
                // The other way there.
                expect(node([...given(), ...missing])).to.deep.equal(works('koffi'));
              });
            }

      it('with only a part of what koffi is made of allowed to be read', () => {
        const part = ['--allow-addons', `--allow-fs-read=${app}/node_modules/koffi/`];
        const result = node(part, 'koffi');
        expect(result.code).to.equal('ERR_UNSUPPORTED');
        expect(result.message).to.match(new RegExp(` without ${READ()}$`));
      });

      if (hasFfi)
        it('names the flag to a program that wants node:ffi', () => {
          expect(node(['--allow-addons', READ()], 'node:ffi')).to.deep.equal({
            name: 'UnsupportedError',
            code: 'ERR_UNSUPPORTED',
            message: 'the permission model of Node.js refuses foreign functions without --allow-ffi',
          });
        });

      it('names the flag for a capture to the command, too', () => {
        const permission = name === 'node20' ? ['--experimental-permission'] : ['--permission'];
        const cli = join(app, 'node_modules/ctnetlink/dist/cli/main.js');
        const capture = (flag: string): string => join(app, flag === 'fs-read' ? 'nothing.pcap' : 'new.pcap');
        // A file is made when a socket is open.
        for (const [option, flag, ...allowed] of [
          ['--replay', 'fs-read'],
          ['--record', 'fs-write', '--allow-addons'],
        ]) {
          const args = [...permission, READ(), ...allowed, cli, '-L', option, capture(flag)];
          const { status, stderr } = spawnSync(runtime(name)!, args, { cwd: app, encoding: 'utf8' });
          expect(stderr).to.contain(
            `Operation failed: the permission model of Node.js refuses ${capture(flag)} without`,
          );
          expect(stderr)
            .to.contain(` --allow-${flag}=${capture(flag)}\n`)
            .and.not.contain('defect');
          expect(status).to.equal(1);
        }
      });

      it('says so where --no-addons refuses native code', () => {
        const { code, message } = run(runtime(name)!, ['--no-addons', 'one.mjs', 'koffi']);
        expect(code).to.equal('ERR_UNSUPPORTED');
        expect(message).to.contain('Node.js was started with --no-addons');
        const chosen = run(runtime(name)!, ['--no-addons', 'one.mjs']);
        if (hasFfi) expect(chosen).to.deep.equal(works('node:ffi'));
        else expect(chosen.message).to.match(/\. What mends it: start Node\.js without --no-addons$/);
      });
    });
  }

  describeUnless(whyNoRuntime('deno'), 'deno', () => {
    const LIBC = '/lib/x86_64-linux-gnu/libc.so.6';
    const DENIED = ['--deny-read', '--deny-write', '--deny-net', '--deny-env', '--deny-sys', '--deny-run'];
    const NEEDED =
      /^no netlink socket .*: Deno does not open the C library.* It needs --allow-ffi, or --allow-ffi=PATH/;
    const KOFFI = (flags: string) => new RegExp(`^on Deno, the npm package 'koffi' needs ${flags}$`);

    /** Flags, and the transport that works with them or what is said; `wants`: the transport that the program names. */
    const CASES: readonly {
      flags: readonly string[];
      gets: string | RegExp;
      wants?: string;
      env?: string;
    }[] = [
      { flags: [], gets: NEEDED },
      { flags: ['--allow-read', '--allow-sys', '--allow-env', '--allow-net', '--allow-run'], gets: NEEDED },
      { flags: ['--allow-sys'], gets: NEEDED },
      { flags: ['--allow-env'], gets: NEEDED },
      { flags: ['--allow-read'], gets: NEEDED },
      { flags: ['--allow-ffi'], gets: 'deno' },
      { flags: ['--allow-ffi', '--allow-sys'], gets: 'deno' },
      { flags: ['--allow-ffi', '--allow-sys=osRelease'], gets: 'deno' },
      { flags: ['--allow-ffi', '--allow-read=/proc'], gets: 'deno' },
      { flags: ['--allow-ffi', '--allow-env=HOME'], gets: 'deno', env: 'koffi' },
      { flags: ['--allow-ffi', ...DENIED], gets: 'deno' },
      { flags: [`--allow-ffi=${LIBC}`], gets: 'deno' },
      { flags: [`--allow-ffi=/usr${LIBC}`], gets: 'deno' },
      { flags: ['--allow-ffi=/usr/lib'], gets: 'deno' },
      { flags: [`--allow-ffi=${LIBC}`, ...DENIED], gets: 'deno' },
      // Deno makes it a file of the current folder.
      { flags: ['--allow-ffi=libc.so.6'], gets: NEEDED },
      { flags: ['--allow-ffi=libc.so.6', '--allow-sys', '--allow-read', '--allow-env'], gets: NEEDED },
      { flags: ['--allow-ffi=/nowhere'], gets: NEEDED },
      { flags: ['--allow-ffi', '--deny-ffi=libc.so.6'], gets: 'deno' },
      { flags: ['--allow-ffi', '--deny-ffi'], gets: NEEDED },
      { flags: ['--allow-ffi', '--allow-read', '--allow-env=CTNETLINK_TRANSPORT'], gets: 'koffi', env: 'koffi' },
      { flags: [], wants: 'koffi', gets: KOFFI('--allow-ffi --allow-read') },
      { flags: ['--allow-read'], wants: 'koffi', gets: KOFFI('--allow-ffi') },
      { flags: ['--allow-ffi'], wants: 'koffi', gets: KOFFI('--allow-read') },
      { flags: ['--allow-ffi=/usr/lib', '--allow-read'], wants: 'koffi', gets: KOFFI('--allow-ffi') },
      { flags: ['--allow-ffi', '--allow-read'], wants: 'koffi', gets: 'koffi' },
    ];

    const prompts = [
      ['that must not prompt', undefined, (args: string[]) => [runtime('deno')!, 'run', '--no-prompt', ...args]],
      // script(1) gives it a terminal.
      [
        'in a terminal',
        onPath('script') ? undefined : 'needs script on PATH',
        (args: string[]) => ['script', '-qec', [runtime('deno')!, 'run', ...args].join(' '), '/dev/null'],
      ],
    ] as const;
    for (const [where, whyNot, command] of prompts)
      describeUnless(whyNot, where, () => {
        for (const { flags, gets, wants, env } of CASES)
          it(`with ${flags.join(' ') || 'nothing'}${wants === undefined ? '' : `, for ${wants}`}`, () => {
            const args = [...flags, 'main.js', ...(wants === undefined ? [] : [wants])];
            const [executable, ...rest] = command(args);
            const result = run(executable, rest, env === undefined ? {} : { CTNETLINK_TRANSPORT: env });
            if (typeof gets === 'string') {
              expect(result).to.deep.equal(works(gets));
              return;
            }
            expect(result).to.include({ name: 'UnsupportedError', code: 'ERR_UNSUPPORTED' });
            expect(result.message).to.match(gets);
          });
      });
  });
});
