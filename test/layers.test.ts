/** Imports point down: what may know what, read from the sources. Imports of types count: they are knowledge too. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const SOURCE = fileURLToPath(new URL('../src/', import.meta.url));

/** Files by their path below src, with what each imports. */
type Graph = ReadonlyMap<string, readonly Import[]>;

interface Import {
  /** A path below src, or as it is written when it is not relative. */
  to: string;
  dynamic: boolean;
}

/** What each folder may import beside itself. Those at the top of src are the entry points of the package. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  uapi: [],
  netlink: ['uapi'],
  nfnetlink: ['uapi', 'netlink'],
  ctnetlink: ['uapi', 'netlink', 'nfnetlink'],
  capture: ['uapi', 'netlink'],
  anonymize: ['uapi', 'netlink', 'nfnetlink', 'ctnetlink', 'capture'],
  transport: ['uapi', 'netlink', 'capture'],
  // A recorded request is found by what it asks.
  replay: ['uapi', 'netlink', 'nfnetlink', 'ctnetlink', 'capture'],
  format: ['uapi', 'netlink', 'nfnetlink', 'ctnetlink'],
  table: ['uapi', 'netlink', 'nfnetlink', 'ctnetlink', 'format', 'conntrack', 'transport/open.ts'],
  testing: ['uapi', 'netlink', 'nfnetlink', 'ctnetlink'],
  conntrack: ['uapi', 'netlink', 'nfnetlink', 'ctnetlink', 'format', 'transport/open.ts'],
  nfct: ['uapi', 'netlink', 'nfnetlink', 'ctnetlink', 'format', 'transport/open.ts'],
  cli: [
    'uapi',
    'netlink',
    'nfnetlink',
    'ctnetlink',
    'capture',
    'anonymize',
    'format',
    'conntrack',
    'transport',
    'replay',
    'table',
  ],
  '': [
    'uapi',
    'netlink',
    'nfnetlink',
    'ctnetlink',
    'capture',
    'anonymize',
    'format',
    'conntrack',
    'nfct',
    'transport',
    'replay',
    'testing',
  ],
};

/** What each room of a layer may import beside itself and the files that are in no room. */
const ROOMS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  ctnetlink: {
    attributes: [],
    codec: ['attributes'],
    accessors: ['attributes', 'codec'],
    filter: ['attributes', 'accessors'],
    request: ['attributes', 'codec', 'filter'],
  },
  table: { store: [] },
  transport: { libc: [], adapters: ['libc'] },
  cli: {
    options: [],
    help: ['options'],
    formats: ['options'],
    errors: ['options'],
    commands: ['options', 'formats', 'errors'],
    expectations: ['options', 'formats', 'commands'],
    load: ['options', 'formats', 'errors', 'commands'],
    snapshots: ['options', 'formats', 'commands', 'load'],
    watch: ['options', 'formats', 'commands'],
    tools: ['options', 'help'],
  },
};

/**
 * These import no module of the platform: they run wherever JavaScript does, and ask for one where it is needed
 * (netlink/platform.ts).
 */
const EVERYWHERE: readonly string[] = Object.keys(ALLOWED).filter((folder) => folder !== 'cli');

const PLATFORM = 'netlink/platform.ts';

/**
 * transport/open.ts alone chooses a socket. What works on captures is not a socket of the kernel's, nor is what the
 * runtime allows.
 */
const NOT_ADAPTERS = ['open', 'pcap', 'permissions', 'record'].map((name) => `transport/${name}.ts`);

function importsOf(path: string, source: string): Import[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const found: Import[] = [];
  const add = (specifier: string, dynamic: boolean): void => {
    const to = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier;
    found.push({ to, dynamic });
  };
  for (const [, specifier] of code.matchAll(/^\s*(?:import|export)\s[^;'"]*?\bfrom\s*['"]([^'"]+)['"]/gm))
    add(specifier, false);
  for (const [, specifier] of code.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm)) add(specifier, false);
  for (const [, specifier] of code.matchAll(/\bimport\s*\(\s*['"]([^'"]+)['"]/g)) add(specifier, true);
  return found;
}

function readGraph(): Graph {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .map((file) => file.split('\\').join('/'))
    .filter((file) => file.endsWith('.ts'));
  return new Map(files.sort().map((file) => [file, importsOf(file, readFileSync(join(SOURCE, file), 'utf8'))]));
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

/** The folder inside a layer; undefined for a file that is in none. */
function roomOf(path: string): string | undefined {
  const parts = path.split('/');
  return parts.length > 2 ? parts[1] : undefined;
}

function isRelativeTo(graph: Graph, { to }: Import): boolean {
  return graph.has(to) || to.startsWith('.') || to.endsWith('.ts');
}

/** Every breach of the rules, as 'from -> to: why'. */
function breaches(graph: Graph): string[] {
  const found: string[] = [];
  for (const [from, imports] of graph) {
    const folder = folderOf(from);
    const allowed = ALLOWED[folder];
    if (allowed === undefined) found.push(`${from}: the folder ${folder} is in no layer`);
    for (const imported of imports) {
      const { to, dynamic } = imported;
      const complain = (why: string): void => void found.push(`${from} -> ${to}: ${why}`);
      if (!isRelativeTo(graph, imported)) {
        if (!to.startsWith('node:')) complain('packages are loaded by the adapter that needs them, when it is opened');
        else if (EVERYWHERE.includes(folder) && from !== PLATFORM)
          complain(`${folder === '' ? 'an entry point' : folder} knows no platform`);
        continue;
      }
      if (!graph.has(to)) complain('no such file');
      const target = folderOf(to);
      const known = target === folder || allowed?.includes(target) === true || allowed?.includes(to) === true;
      if (!known)
        complain(
          `${folder === '' ? 'an entry point' : folder} does not know ${target === '' ? 'entry points' : target}`,
        );
      const [room, targetRoom] = [roomOf(from), roomOf(to)];
      if (target === folder && room !== undefined && targetRoom !== undefined && room !== targetRoom) {
        const rooms = ROOMS[folder]?.[room];
        if (rooms === undefined) complain(`the room ${room} is in no plan`);
        else if (!rooms.includes(targetRoom)) complain(`${folder}/${room} does not know ${folder}/${targetRoom}`);
      }
      const adapter = target === 'transport' && !NOT_ADAPTERS.includes(to);
      const family = folder === 'transport' && from !== 'transport/open.ts' && !NOT_ADAPTERS.includes(from);
      if (adapter && !family && !(from === 'transport/open.ts' && dynamic)) {
        complain('only transport/open.ts knows the adapters, and loads each when it is wanted');
      }
    }
  }
  return [...found, ...cycles(graph).map((cycle) => `${cycle.join(' -> ')}: a cycle`)];
}

/** One cycle for each file that closes one. */
function cycles(graph: Graph): string[][] {
  const found: string[][] = [];
  const finished = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    const at = trail.indexOf(file);
    if (at >= 0) {
      found.push([...trail.slice(at), file]);
      return;
    }
    if (finished.has(file)) return;
    for (const { to } of graph.get(file) ?? []) if (graph.has(to)) visit(to, [...trail, file]);
    finished.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return found;
}

describe('layers', () => {
  const graph = readGraph();

  it('every import points down', () => {
    expect(breaches(graph)).to.deep.equal([]);
  });

  for (const [folder, ...users] of [['testing'], ['table', 'cli']])
    it(`no other entry point loads anything of ctnetlink/${folder}`, () => {
      const reached = new Set<string>();
      const visit = (file: string): void => {
        if (reached.has(file)) return;
        reached.add(file);
        for (const { to } of graph.get(file) ?? []) visit(to);
      };
      for (const file of graph.keys()) if (![folder, ...users].includes(folderOf(file))) visit(file);
      expect([...reached].filter((file) => folderOf(file) === folder)).to.deep.equal([]);
      expect([...reached]).to.include('conntrack/conntrack.ts');
      expect([...graph.keys()]).to.include(`${folder}/index.ts`);
    });

  it('the checker sees all of the sources', () => {
    expect([...graph.keys()]).to.include.members([
      'index.ts',
      'netlink/socket.ts',
      'ctnetlink/codec/codec.ts',
      'transport/open.ts',
    ]);
    const targets = new Set([...graph.values()].flat().map(({ to }) => to));
    // Whatever nobody imports is an entry point; a file in a folder that nobody reaches would be a hole in the reading.
    const unreached = [...graph.keys()].filter((file) => !targets.has(file) && folderOf(file) !== '');
    expect(unreached.filter((file) => !/\/(index|main|manual|start)\.ts$/.test(file))).to.deep.equal([]);
    expect(relative(dirname(SOURCE), SOURCE)).to.equal('src');
  });

  describe('the checker itself', () => {
    const BASE = {
      'uapi/a.ts': '',
      'netlink/a.ts': '',
      'ctnetlink/a.ts': '',
      'transport/adapters/addon.ts': '',
      'transport/open.ts': '',
    };

    function check(files: Record<string, string>): string[] {
      return breaches(
        new Map(Object.entries({ ...BASE, ...files }).map(([path, text]) => [path, importsOf(path, text)])),
      );
    }

    const REFUSED: readonly (readonly [file: string, text: string, breach: string])[] = [
      ['netlink/b.ts', "import { x } from '../ctnetlink/a.ts';", 'netlink does not know ctnetlink'],
      ['netlink/b.ts', "import type { X } from '../ctnetlink/a.ts';", 'netlink does not know ctnetlink'],
      ['netlink/b.ts', "export * from '../ctnetlink/a.ts';", 'netlink does not know ctnetlink'],
      ['netlink/b.ts', "import {\n  x,\n  type Y,\n} from '../ctnetlink/a.ts';", 'netlink does not know ctnetlink'],
      ['netlink/b.ts', "import '../ctnetlink/a.ts';", 'netlink does not know ctnetlink'],
      ['netlink/b.ts', "const x = await import('../ctnetlink/a.ts');", 'netlink does not know ctnetlink'],
      ['uapi/b.ts', "import { x } from '../netlink/a.ts';", 'uapi does not know netlink'],
      ['transport/b.ts', "import { x } from '../ctnetlink/a.ts';", 'transport does not know ctnetlink'],
      ['ctnetlink/b.ts', "import { x } from '../transport/open.ts';", 'ctnetlink does not know transport'],
      ['conntrack/b.ts', "import { x } from '../replay/replay.ts';", 'conntrack does not know replay'],
      ['format/b.ts', "import { x } from '../conntrack/b.ts';", 'format does not know conntrack'],
      ['nfct/b.ts', "import { x } from '../conntrack/b.ts';", 'nfct does not know conntrack'],
      ['index.ts', "export { x } from './cli/main.ts';", 'an entry point does not know cli'],
      ['conntrack/b.ts', "import { x } from '../index.ts';", 'conntrack does not know entry points'],
      ['transport/open.ts', "import { x } from './adapters/addon.ts';", 'only transport/open.ts knows the adapters'],
      ['transport/record.ts', "import { x } from './adapters/addon.ts';", 'only transport/open.ts knows the adapters'],
      ['cli/main.ts', "await import('../transport/adapters/addon.ts');", 'only transport/open.ts knows the adapters'],
      ['ctnetlink/b.ts', "import { x } from 'node:buffer';", 'ctnetlink knows no platform'],
      ['conntrack/b.ts', "import { x } from 'lodash';", 'packages are loaded by the adapter'],
      ['netlink/b.ts', "import { x } from './gone.ts';", 'no such file'],
      ['ctnetlink/codec/b.ts', "import { x } from '../filter/b.ts';", 'ctnetlink/codec does not know ctnetlink/filter'],
      ['ctnetlink/hall/b.ts', "import { x } from '../filter/b.ts';", 'the room hall is in no plan'],
      ['new/b.ts', '', 'the folder new is in no layer'],
      ['netlink/b.ts', "import { x } from './b.ts';", 'netlink/b.ts -> netlink/b.ts: a cycle'],
    ];

    for (const [file, text, breach] of REFUSED) {
      it(`refuses ${JSON.stringify(text)} in ${file}`, () => {
        const extra = { 'cli/main.ts': '', 'conntrack/b.ts': '', 'replay/replay.ts': '', 'index.ts': '' };
        const found = check({ ...extra, [file]: text });
        expect(found.filter((line) => line.includes(breach) && line.startsWith(file))).to.have.lengthOf(1);
      });
    }

    it('refuses cycles through several files, and names them', () => {
      const found = check({
        'netlink/b.ts': "import { c } from './c.ts';",
        'netlink/c.ts': "export type { D } from './d.ts';",
        'netlink/d.ts': "import { b } from './b.ts';",
      });
      expect(found).to.deep.equal(['netlink/b.ts -> netlink/c.ts -> netlink/d.ts -> netlink/b.ts: a cycle']);
    });

    it('takes what is right, and reads no comments', () => {
      const found = check({
        'ctnetlink/b.ts':
          "import { x } from './a.ts';\nimport { y } from '../netlink/a.ts';\nexport { z } from '../uapi/a.ts';",
        'netlink/b.ts': "/** import { x } from '../ctnetlink/a.ts'; */\n// import '../ctnetlink/a.ts';",
        'transport/open.ts': "const open = async () => (await import('./adapters/addon.ts')).open();",
        'transport/adapters/ffi.ts': "import { x } from './addon.ts';",
        'ctnetlink/filter/b.ts': "import { x } from '../attributes/c.ts';\nimport { y } from '../b.ts';",
        'ctnetlink/attributes/c.ts': '',
        'conntrack/b.ts': "import { x } from '../transport/open.ts';\nimport { y } from '../ctnetlink/b.ts';",
      });
      expect(found).to.deep.equal([]);
    });
  });
});
