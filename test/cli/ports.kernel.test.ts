/**
 * Ranges and lists of ports on the command line: what -D, -U, -L and -E make of them, beside a plain reading of the
 * text.
 */
import { expect } from 'chai';
import { changeFlows, removeFlows } from '../../src/cli/commands/change.ts';
import type { Context } from '../../src/cli/commands/context.ts';
import { selected } from '../../src/cli/commands/list.ts';
import { Selection } from '../../src/cli/commands/selection.ts';
import { Shapes } from '../../src/cli/load/shapes.ts';
import { parse } from '../../src/cli/options/parse.ts';
import { UsageError } from '../../src/cli/options/settings.ts';
import { Output } from '../../src/cli/output.ts';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { BpfProgram } from '../../src/netlink/bpf.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { type Entry, entryOf, keyOf, RELEASES, TABLE } from '../support/destructive/table.ts';
import { realWorld, simulatedWorld, type World } from '../support/destructive/world.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';
import { flowMessage } from '../support/played.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

/** Whether the text of an option has this port. */
function isListed(text: string, port: unknown): boolean {
  return text.split(',').some((part) => {
    const [from, to = from] = part.split(':').map(Number);
    return typeof port === 'number' && port >= from && port <= to;
  });
}

interface Line {
  readonly family: 'ipv4' | 'ipv6' | undefined;
  readonly proto: string;
  /** By option, what it is given. */
  readonly ports: readonly (readonly [option: string, text: string])[];
}

const PLACES: Readonly<Record<string, readonly ['orig' | 'reply', 'sport' | 'dport']>> = {
  '--sport': ['orig', 'sport'],
  '--orig-port-dst': ['orig', 'dport'],
  '--dport': ['orig', 'dport'],
  '--reply-port-src': ['reply', 'sport'],
  '--reply-port-dst': ['reply', 'dport'],
};

function wordsOf({ family, proto, ports }: Line): string[] {
  return [...(family === undefined ? [] : ['-f', family]), '-p', proto, ...ports.flat()];
}

function isWanted({ family, proto, ports }: Line, entry: Entry): boolean {
  if (family !== undefined && entry.orig.family !== family) return false;
  return (
    entry.orig.proto === proto &&
    ports.every(([option, text]) => {
      const [direction, end] = PLACES[option];
      return isListed(text, entry[direction][end]);
    })
  );
}

/** Ports that the table has, and their neighbours. */
const NEAR = [0, 52, 53, 54, 80, 81, 999, 1000, 1001, 1002, 2000, 2001, 5300, 5353, 5354, 65_535];

function randomLine(random: Random): Line {
  const one = (): string => {
    const [from, to] = [random.pick(NEAR), random.pick(NEAR)].sort((a, b) => a - b);
    return random.oneIn(2) ? `${from}` : `${from}:${to}`;
  };
  const text = (): string => Array.from({ length: random.between(1, 4) }, one).join();
  const options = Object.keys(PLACES).filter((option) => option !== '--dport' && random.oneIn(3));
  return {
    family: random.pick(['ipv4', 'ipv6', undefined]),
    proto: random.pick(['udp', 'udp', 'tcp', 'sctp']),
    ports: [['--dport', text()] as const, ...options.map((option) => [option, text()] as const)].filter(
      ([option], _at, all) => option !== '--dport' || !all.some(([other]) => other === '--orig-port-dst'),
    ),
  };
}

/** A Conntrack of this world, with what a command needs beside it. */
async function contextOf(world: World, release: string, args: readonly string[]): Promise<Context> {
  const transport = world.transport(release);
  const open = () => Conntrack.open({ transport });
  const output = new Output({ on: () => {}, once: () => {}, write: () => true });
  const ct = await open();
  return { ct, each: [{ ct, netns: undefined }], open, settings: parse(args), output };
}

/** The parts of the table that must not change. */
function marksOf(entries: readonly Entry[]): Map<string, number> {
  return new Map(entries.map((entry) => [keyOf(entry), entry.mark ?? 0]));
}

/**
 * Lists, changes and deletes by random lines, and holds what is left. Gives how many lines selected some flows and not
 * all.
 */
async function tryLines(world: World, release: string, random: Random, rounds: number): Promise<number> {
  let some = 0;
  for (let round = 0; round < rounds; round++) {
    const line = randomLine(random);
    await world.fill(false);
    const entries = await world.read();
    const before = marksOf(entries);
    const wanted = entries.filter((entry) => isWanted(line, entry)).map(keyOf);
    some += Number(wanted.length > 0 && wanted.length < entries.length);
    const what = `seed ${random.seed}, round ${round}, ${release}: ${wordsOf(line).join(' ')}`;

    await using listing = (await contextOf(world, release, ['-L', ...wordsOf(line)])).ct;
    const listed: string[] = [];
    for await (const flows of selected(listing, new Selection(parse(['-L', ...wordsOf(line)])), {}))
      listed.push(...flows.map((flow) => keyOf(entryOf(flow))));
    expect(listed, what).to.have.members(wanted);

    const changing = await contextOf(world, release, ['-U', ...wordsOf(line), '-m', '0x77']);
    await using _changing = changing.ct;
    const refused: Error[] = [];
    const changed = await changeFlows(changing, (error) => refused.push(error));
    expect([changed, refused], what).to.deep.equal([wanted.length, []]);
    for (const key of wanted) before.set(key, 0x77);
    expect([...marksOf(await world.read())], what).to.have.deep.members([...before]);

    const deleting = await contextOf(world, release, ['-D', ...wordsOf(line)]);
    await using _deleting = deleting.ct;
    expect(await removeFlows(deleting), what).to.equal(wanted.length);
    for (const key of wanted) before.delete(key);
    expect([...marksOf(await world.read())], what).to.have.deep.members([...before]);
  }
  return some;
}

describe('cli: several ports', () => {
  it('of -E: the kernel is asked for what is shown, and no more', () => {
    const random = new Random(seedFromEnvironment());
    for (let round = 0; round < 200; round++) {
      const line = randomLine(random);
      const program = new BpfProgram(new Selection(parse(['-E', ...wordsOf(line)])).forEvents()!);
      for (const init of TABLE) {
        const { orig, reply } = init;
        const family = orig!.src!.includes(':') ? 'ipv6' : 'ipv4';
        const entry = { orig: { ...orig, family }, reply: { ...reply, family } } as Entry;
        const passes = program.run(viewOf(flowMessage(0, init))) !== 0;
        const wanted = isWanted(line, entry);
        if (passes !== wanted)
          expect(passes, `seed ${random.seed}: ${wordsOf(line).join(' ')}: ${keyOf(entry)}`).to.equal(wanted);
      }
    }
  });

  it('of lines of -R: selected by in -D and -U, refused in -A and -I, whatever lines came before', () => {
    const shapes = new Shapes();
    const add = '-A -s 10.0.0.1 -d 10.0.0.2 -p udp --sport 1 --dport 53 -t 10';
    for (const line of [add, add, add.replace('53', '54')]) expect(shapes.read(line)).to.include({ command: 'add' });
    for (const several of ['53:54', '53,80', '53:53']) {
      expect(() => shapes.read(add.replace('53', several))).to.throw(UsageError, "`--dport' takes one port with this");
      expect(() => shapes.read(add.replace('--sport 1', `--sport ${several}`))).to.throw(UsageError, "`--sport' takes");
    }
    for (const line of ['-D -p udp --dport 53:54', '-U -p udp --dport 53:54 -m 1'])
      expect(shapes.read(line)?.ports.map(([, set]) => set.bounds)).to.deep.equal([[53, 54]]);
  });

  it('beside another protocol, to which no option of ports belongs, select nothing', () => {
    const selection = new Selection(parse(['-D', '-p', 'udp', '--dport', '1:65535', '-p', 'icmp']));
    expect(selection.empty).to.equal(false);
    expect(TABLE.filter((init) => selection.matches(Flow.from(init)))).to.deep.equal([]);
  });

  for (const release of RELEASES) {
    it(`of -L, -U and -D on a simulated Linux ${release}`, async () => {
      const world = await simulatedWorld(release);
      expect(await tryLines(world, release, new Random(seedFromEnvironment()), 25)).to.be.above(0);
      await world.close();
    });
  }
});

describeKernel('cli: several ports on the kernel', ['nft', 'conntrack'], () => {
  let world: World;
  before(async () => {
    resetNamespace();
    world = await realWorld();
  });
  after(async () => {
    await world?.close();
    resetNamespace();
  });

  for (const release of ['4.19.0', '5.10.0', '6.18.0']) {
    it(`of -L, -U and -D, asked as Linux ${release}`, async () => {
      await tryLines(world, release, new Random(seedFromEnvironment()), 5);
    });
  }
});
