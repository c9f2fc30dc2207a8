/** Classic BPF: the interpreter and the checker beside the kernel's own, the assembler, and filters in user space. */
import { expect } from 'chai';
import { BpfProgram } from '../../src/netlink/bpf.ts';
import { BpfAssembler } from '../../src/netlink/bpf-assembler.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { OverrunError, TransportError, UnsupportedError } from '../../src/netlink/errors.ts';
import { filtering } from '../../src/netlink/filtering.ts';
import * as bpf from '../../src/uapi/filter.ts';
import { concat, FakeTransport, message, nlattr } from '../support/fake-transport.ts';
import { throughKernel } from '../support/oracle/bpf.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

const PROGRAMS = sized({ quick: 4000, landing: 6000, soak: 20_000 });
const ROUNDS = sized({ quick: 5000, landing: 8000, soak: 30_000 });

type Instruction = readonly [code: number, k?: number, jt?: number, jf?: number];

const { BPF_LD, BPF_LDX, BPF_ST, BPF_STX, BPF_ALU, BPF_JMP, BPF_RET, BPF_MISC, BPF_A } = bpf;
const { BPF_W, BPF_H, BPF_B, BPF_IMM, BPF_ABS, BPF_IND, BPF_MEM, BPF_LEN, BPF_MSH, BPF_K, BPF_X } = bpf;
const { BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_OR, BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG } = bpf;
const { BPF_JA, BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET, BPF_TAX, BPF_TXA, SKF_AD_OFF } = bpf;

const ALU = [BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_OR, BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH];
const JUMPS = [BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET];
const SIZES = [BPF_W, BPF_H, BPF_B];
const NLATTR = SKF_AD_OFF + bpf.SKF_AD_NLATTR;
const NLATTR_NEST = SKF_AD_OFF + bpf.SKF_AD_NLATTR_NEST;
const XOR_X = SKF_AD_OFF + bpf.SKF_AD_ALU_XOR_X;

const RET_A: Instruction = [BPF_RET | BPF_A];
const ld = (k: number): Instruction => [BPF_LD | BPF_IMM, k];
const ldx = (k: number): Instruction => [BPF_LDX | BPF_IMM, k];
const ret = (k: number): Instruction => [BPF_RET | BPF_K, k];

function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(8 * instructions.length);
  const view = viewOf(bytes);
  for (const [pc, [code, k = 0, jt = 0, jf = 0]] of instructions.entries()) {
    view.setUint16(8 * pc, code, HOST_LITTLE_ENDIAN);
    view.setUint8(8 * pc + 2, jt);
    view.setUint8(8 * pc + 3, jf);
    view.setUint32(8 * pc + 4, k >>> 0, HOST_LITTLE_ENDIAN);
  }
  return bytes;
}

function run(instructions: readonly Instruction[], datagram: Uint8Array = new Uint8Array()): number {
  return new BpfProgram(encode(instructions)).run(viewOf(datagram));
}

describe('bpf: the interpreter', () => {
  const PACKET = Uint8Array.of(0x81, 2, 3, 4, 5, 0xf6);

  it('loads in network order, and ends with 0 where there is nothing', () => {
    const at = (size: number, k: number) => run([[BPF_LD | size | BPF_ABS, k], RET_A], PACKET);
    expect([at(BPF_W, 0), at(BPF_H, 0), at(BPF_B, 0)]).to.deep.equal([0x81020304, 0x8102, 0x81]);
    expect([at(BPF_W, 2), at(BPF_H, 4), at(BPF_B, 5)]).to.deep.equal([0x030405f6, 0x05f6, 0xf6]);
    expect([at(BPF_W, 3), at(BPF_H, 5), at(BPF_B, 6), at(BPF_W, 0x7fffffff)]).to.deep.equal([0, 0, 0, 0]);
    const from = (x: number, k: number) => run([ldx(x), [BPF_LD | BPF_B | BPF_IND, k], RET_A], PACKET);
    expect([from(1, 2), from(6, -1), from(-1, 2), from(0, -1), from(0x80000000, 0)]).to.deep.equal([4, 0xf6, 2, 0, 0]);
    expect(run([[BPF_LD | BPF_B | BPF_ABS, 9], ret(7)], PACKET), 'nothing after it is run').to.equal(0);
  });

  it('knows the length, headers and memory', () => {
    expect(run([[BPF_LD | BPF_W | BPF_LEN], RET_A], PACKET)).to.equal(6);
    expect(run([[BPF_LDX | BPF_W | BPF_LEN], [BPF_MISC | BPF_TXA], RET_A], PACKET)).to.equal(6);
    expect(run([[BPF_LDX | BPF_B | BPF_MSH, 5], [BPF_MISC | BPF_TXA], RET_A], PACKET)).to.equal(24);
    expect(run([[BPF_LDX | BPF_B | BPF_MSH, 6], ret(1)], PACKET)).to.equal(0);
    const swap = [ld(5), ldx(6), [BPF_ST, 0], [BPF_STX, 15], [BPF_LD | BPF_MEM, 15], [BPF_LDX | BPF_MEM, 0]] as const;
    expect(run([...swap, [BPF_ALU | BPF_SUB | BPF_X], RET_A])).to.equal(1);
  });

  it('calculates with 32 bits, unsigned', () => {
    const of = (a: number, operation: number, k: number): number => {
      const byX = run([ld(a), ldx(k), [BPF_ALU | operation | BPF_X], RET_A]);
      if (!(k === 0 && (operation === BPF_DIV || operation === BPF_MOD)))
        expect(run([ld(a), [BPF_ALU | operation | BPF_K, k], RET_A])).to.equal(byX);
      return byX;
    };
    expect(of(0xffffffff, BPF_ADD, 2)).to.equal(1);
    expect(of(1, BPF_SUB, 2)).to.equal(0xffffffff);
    expect(of(0xffffffff, BPF_MUL, 0xffffffff)).to.equal(1);
    expect(of(0xffffffff, BPF_DIV, 0x80000000)).to.equal(1);
    expect(of(0xffffffff, BPF_DIV, 1)).to.equal(0xffffffff);
    expect(of(0xffffffff, BPF_MOD, 10)).to.equal(5);
    expect(of(7, BPF_DIV, 0)).to.equal(0);
    expect(of(7, BPF_MOD, 0)).to.equal(0);
    expect(of(0x80000001, BPF_RSH, 31)).to.equal(1);
    expect(of(0x80000001, BPF_LSH, 31)).to.equal(0x80000000);
    expect(of(0xf0, BPF_XOR, 0xff)).to.equal(0x0f);
    expect(run([ld(1), [BPF_ALU | BPF_NEG], RET_A])).to.equal(0xffffffff);
    expect(run([ld(0xf0), ldx(0xff), [BPF_LD | BPF_B | BPF_ABS, XOR_X], RET_A])).to.equal(0x0f);
  });

  it('compares unsigned', () => {
    const jumps = (a: number, operation: number, k: number) =>
      run([ld(a), [BPF_JMP | operation | BPF_K, k, 0, 1], ret(1), ret(2)]) === 1;
    expect([jumps(0xffffffff, BPF_JGT, 1), jumps(1, BPF_JGT, 0xffffffff), jumps(1, BPF_JGT, 1)]).to.deep.equal([
      true,
      false,
      false,
    ]);
    expect([jumps(1, BPF_JGE, 1), jumps(0, BPF_JGE, 0x80000000)]).to.deep.equal([true, false]);
    expect([jumps(0x80000000, BPF_JEQ, 0x80000000), jumps(6, BPF_JSET, 1)]).to.deep.equal([true, false]);
    expect(run([[BPF_JMP | BPF_JA, 1], ret(1), ret(2)])).to.equal(2);
  });

  it('finds attributes', () => {
    const nest = nlattr(0x8002, concat(nlattr(7, [1]), nlattr(0x4008, [2, 3, 4, 5, 6])));
    const datagram = concat(nlattr(1, [9]), nest, nlattr(3, []));
    const find = (how: number, a: number, x: number, size = BPF_B) =>
      run([ld(a), ldx(x), [BPF_LD | size | BPF_ABS, how], RET_A], datagram);
    for (const size of SIZES) expect(find(NLATTR, 0, 3, size), 'of any size').to.equal(32);
    expect(find(NLATTR, 0, 2), 'flags do not count').to.equal(8);
    expect(find(NLATTR, 8, 1), 'only from there on').to.equal(0);
    expect(find(NLATTR, 0, 7), 'not in nests').to.equal(0);
    expect(find(NLATTR, 12, 8)).to.equal(20);
    expect(find(NLATTR, 12, 3), 'goes on behind the nest').to.equal(32);
    expect(find(NLATTR_NEST, 8, 8)).to.equal(20);
    expect(find(NLATTR_NEST, 8, 3), 'does not go on').to.equal(0);
    for (const how of [NLATTR, NLATTR_NEST])
      for (const a of [32, 33, 36, 37, 0xffffffff, 2]) expect(find(how, a, 7)).to.equal(0);
    expect(find(NLATTR, 0, 0x10003), 'types have 16 bits').to.equal(0);
  });
});

describe('bpf: the checker', () => {
  const REFUSED: [name: string, instructions: readonly Instruction[], text: string][] = [
    ['nothing', [], 'a program is 1 to 4096 instructions of 8 bytes, not 0 bytes'],
    ['too much', new Array(4097).fill(ret(0)), 'not 32776 bytes'],
    ['no such code', [[0xff], ret(0)], 'instruction 0: there is no code 0xff'],
    ['a code of eBPF', [[BPF_LD | 0x18], ret(0)], 'instruction 0: there is no code 0x18'],
    ['a code of 16 bits', [[0x106]], 'instruction 0: there is no code 0x106'],
    ['no end', [ld(0)], 'instruction 0: the last must be a ret'],
    ['an end in a jump', [ret(0), [BPF_JMP | BPF_JA, 0]], 'instruction 1: jumps out of the program'],
    ['ja', [[BPF_JMP | BPF_JA, 1], ret(0)], 'instruction 0: jumps out of the program'],
    ['ja backwards', [ret(0), [BPF_JMP | BPF_JA, -2], ret(0)], 'instruction 1: jumps out of the program'],
    ['jt', [[BPF_JMP | BPF_JEQ, 0, 1, 0], ret(0)], 'instruction 0: jumps out of the program'],
    ['jf', [[BPF_JMP | BPF_JSET, 0, 0, 1], ret(0)], 'instruction 0: jumps out of the program'],
    ['a division', [[BPF_ALU | BPF_DIV | BPF_K, 0], ret(0)], 'instruction 0: divides by 0'],
    ['a remainder', [[BPF_ALU | BPF_MOD | BPF_K, 0], ret(0)], 'instruction 0: divides by 0'],
    ['a shift', [[BPF_ALU | BPF_LSH | BPF_K, 32], ret(0)], 'instruction 0: shifts by 32'],
    ['memory', [[BPF_ST, 16], ret(0)], 'instruction 0: there is no memory word 16'],
    [
      'memory not written',
      [[BPF_LD | BPF_MEM, 3], ret(0)],
      'instruction 0: memory word 3 is read before it is written',
    ],
    [
      'memory written on one way only',
      [[BPF_JMP | BPF_JEQ, 0, 1, 0], [BPF_ST, 3], [BPF_LDX | BPF_MEM, 3], ret(0)],
      'instruction 2: memory word 3 is read before it is written',
    ],
  ];
  for (const [name, instructions, text] of REFUSED) {
    it(`refuses ${name}`, () => expect(() => new BpfProgram(encode(instructions))).to.throw(RangeError, text));
  }

  it('refuses half an instruction', () => {
    expect(() => new BpfProgram(encode([ret(0)]).subarray(0, 7))).to.throw(RangeError, 'not 7 bytes');
  });

  it('cannot know what only the kernel knows', () => {
    for (const k of [SKF_AD_OFF, SKF_AD_OFF + 20, SKF_AD_OFF + 13, -0x100000, -0x200000, 0x80000000])
      expect(() => run([[BPF_LD | BPF_W | BPF_ABS, k], ret(0)])).to.throw(
        UnsupportedError,
        'which only the kernel knows',
      );
  });

  describeOracle('beside the kernel', () => {
    it('refuses the same', () => {
      const answers = throughKernel(REFUSED.map(([, instructions]) => [encode(instructions), Uint8Array.of(1)]));
      expect(answers).to.deep.equal(REFUSED.map(() => ({ errno: 22 })));
    });
  });
});

/** Instructions that mostly make sense. */
function randomProgram(random: Random): Instruction[] {
  const count = random.between(1, 24);
  const small = (): number => (random.oneIn(4) ? random.uint32() : random.below(72));
  const program: Instruction[] = [];
  while (program.length < count) {
    const left = count - program.length;
    const source = random.pick([BPF_K, BPF_X]);
    switch (random.below(14)) {
      case 0:
        program.push([BPF_LD | random.pick(SIZES) | BPF_ABS, random.below(72)]);
        break;
      case 1:
        program.push([BPF_LD | random.pick(SIZES) | BPF_IND, random.oneIn(4) ? -random.below(20) : random.below(40)]);
        break;
      case 2:
        program.push([
          BPF_LD | random.pick(SIZES) | BPF_ABS,
          random.pick([NLATTR, NLATTR, NLATTR_NEST, NLATTR_NEST, XOR_X]),
        ]);
        break;
      case 3:
      case 4:
        program.push([random.pick([BPF_LD, BPF_LDX]) | BPF_IMM, small()]);
        break;
      case 5:
        program.push([random.pick([BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA, BPF_LD | BPF_LEN, BPF_LDX | BPF_LEN])]);
        break;
      case 6:
        program.push([random.pick([BPF_ST, BPF_STX]), random.below(3)]);
        break;
      case 7:
        program.push([random.pick([BPF_LD, BPF_LDX]) | BPF_MEM, random.below(3)]);
        break;
      case 8:
        program.push([BPF_LDX | BPF_B | BPF_MSH, random.below(72)]);
        break;
      case 9:
        program.push([BPF_JMP | random.pick(JUMPS) | source, small(), random.below(left + 1), random.below(left + 1)]);
        break;
      case 10:
        program.push([BPF_JMP | BPF_JA, random.below(left + 1)]);
        break;
      case 11:
        program.push([BPF_ALU | BPF_NEG]);
        break;
      default:
        program.push([BPF_ALU | random.pick(ALU) | source, random.oneIn(3) ? random.below(32) : small()]);
    }
  }
  // What is in A at the end, in the bytes that a datagram has.
  if (random.oneIn(2)) program.push([BPF_ALU | BPF_AND | BPF_K, 63]);
  program.push(random.oneIn(8) ? ret(random.below(80)) : RET_A);
  return program;
}

/** Attributes, whole and broken, with nests. */
function randomDatagram(random: Random): Uint8Array {
  if (random.oneIn(5)) return random.bytes(random.between(1, 80));
  const list = (depth: number): Uint8Array =>
    concat(
      ...Array.from({ length: random.below(5) }, () => {
        const inside = depth < 2 && random.oneIn(2) ? list(depth + 1) : random.bytes(random.below(9));
        return nlattr(random.pick([0, 0x4000, 0x8000]) | random.below(20), inside);
      }),
    );
  const bytes = concat(list(0), list(0), [random.below(256)]);
  if (random.oneIn(3)) bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}

describeOracle('bpf: random programs, as the kernel takes and runs them', () => {
  /** min(ret, length) as the kernel shows it, or what it says. */
  function ours(program: Uint8Array, datagram: Uint8Array): number | { errno: number } {
    try {
      return Math.min(new BpfProgram(program).run(viewOf(datagram)), datagram.length);
    } catch (error) {
      if (error instanceof RangeError) return { errno: 22 };
      throw error;
    }
  }

  it('that mostly make sense', () => {
    const random = new Random(seedFromEnvironment());
    const cases = Array.from(
      { length: PROGRAMS },
      () => [encode(randomProgram(random)), randomDatagram(random)] as const,
    );
    const theirs = throughKernel(cases);
    const seen = new Map<unknown, number>();
    for (const [index, [program, datagram]] of cases.entries()) {
      const context = `seed ${random.seed}, case ${index}: ${Buffer.from(program).toString('hex')} ${Buffer.from(datagram).toString('hex')}`;
      const answer = ours(program, datagram);
      expect(answer, context).to.deep.equal(theirs[index]);
      const key = typeof answer === 'number' ? Math.min(answer, 2) : 'refused';
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    for (const key of [0, 1, 2, 'refused']) expect(seen.get(key), String(key)).to.be.above(20);
  });

  it('nearly none does', () => {
    const random = new Random(seedFromEnvironment());
    const codes = [BPF_LD, BPF_LDX, BPF_ST, BPF_STX, BPF_ALU, BPF_JMP, BPF_RET, BPF_MISC];
    const cases = Array.from({ length: PROGRAMS }, () => {
      const instructions = Array.from(
        { length: random.between(0, 2) },
        (): Instruction => [
          random.oneIn(20) ? random.uint32() & 0xffff : random.pick(codes) | (random.below(32) << 3),
          random.oneIn(2) ? random.below(40) : random.uint32() & 0x7fffffff,
          random.below(3),
          random.below(3),
        ],
      );
      if (!random.oneIn(4)) instructions.push(ret(1));
      return [encode(instructions), random.bytes(40)] as const;
    });
    const theirs = throughKernel(cases);
    for (const [index, [program, datagram]] of cases.entries())
      expect(ours(program, datagram), `seed ${random.seed}, case ${index}`).to.deep.equal(theirs[index]);
  });
});

describe('bpf: fuzz', () => {
  it('gives a value or a typed error for any program and any datagram, and reads nothing around it', () => {
    const random = new Random(seedFromEnvironment());
    let values = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const program = random.oneIn(3) ? random.bytes(8 * random.between(1, 6)) : encode(randomProgram(random));
      if (random.oneIn(3)) program[random.below(program.length)] = random.below(256);
      const datagram = randomDatagram(random);
      const around = (fill: number): DataView => {
        const bytes = new Uint8Array(datagram.length + 64).fill(fill);
        bytes.set(datagram, 32);
        return viewOf(bytes.subarray(32, 32 + datagram.length));
      };
      try {
        const checked = new BpfProgram(program);
        const value = checked.run(around(0x5a));
        expect(value).to.be.within(0, 0xffffffff);
        expect(value).to.satisfy(Number.isInteger);
        expect(checked.run(around(0xa5)), `seed ${random.seed}, round ${round}`).to.equal(value);
        values++;
      } catch (error) {
        if (!(error instanceof RangeError || error instanceof UnsupportedError)) throw error;
        expect(error.message).to.match(/^(instruction \d+: |a program is )/);
      }
    }
    expect(values).to.be.above(1000);
  });
});

describe('bpf: the assembler', () => {
  it('writes the given instructions', () => {
    const assembler = new BpfAssembler();
    const [yes, no] = [assembler.label(), assembler.label()];
    assembler.add(BPF_LD | BPF_IMM, -1);
    assembler.branch(BPF_JMP | BPF_JEQ, 5, { yes, no });
    assembler.add(BPF_RET, 1);
    assembler.place(yes);
    assembler.goto(no);
    assembler.add(BPF_RET, 2);
    assembler.place(no);
    assembler.add(BPF_RET, 3);
    expect(assembler.assemble()).to.deep.equal(
      encode([ld(-1), [BPF_JMP | BPF_JEQ, 5, 1, 3], ret(1), [BPF_JMP | BPF_JA, 1], ret(2), ret(3)]),
    );
  });

  it('reaches any label from any branch, near and far', () => {
    for (const distance of [0, 1, 254, 255, 256, 257, 300, 3000]) {
      for (const [yes, no] of [
        [true, false],
        [false, true],
        [true, true],
      ]) {
        const assembler = new BpfAssembler();
        const far = assembler.label();
        assembler.branch(BPF_JMP | BPF_JEQ, 0, { yes: yes ? far : undefined, no: no ? far : undefined });
        assembler.add(BPF_ALU | BPF_ADD, 1);
        for (let n = 0; n < distance; n++) assembler.add(BPF_ALU | BPF_ADD, 1);
        assembler.place(far);
        assembler.add(BPF_RET | BPF_A);
        const program = new BpfProgram(assembler.assemble());
        expect(program.run(viewOf(new Uint8Array())), `${distance} ${yes} ${no}`).to.equal(yes ? 0 : distance + 1);
      }
    }
  });

  it('makes room for far jumps that push others far', () => {
    const assembler = new BpfAssembler();
    const end = assembler.label();
    // Each is near until the ones behind it have grown.
    for (let n = 0; n < 300; n++) assembler.branch(BPF_JMP | BPF_JEQ, n + 1, { yes: end });
    assembler.add(BPF_RET, 7);
    assembler.place(end);
    assembler.add(BPF_RET, 8);
    expect(new BpfProgram(assembler.assemble()).run(viewOf(new Uint8Array()))).to.equal(7);
  });

  it('refuses labels that are not ahead, and more than 4,096 instructions', () => {
    const loose = new BpfAssembler();
    loose.goto(loose.label());
    expect(() => loose.assemble()).to.throw(RangeError, 'a label must be placed behind the jump');
    const long = new BpfAssembler();
    for (let n = 0; n < 4097; n++) long.add(BPF_RET, 0);
    expect(() => long.assemble()).to.throw(RangeError, 'at most 4096 instructions, not 4097');
  });
});

describe('filters in user space', () => {
  const drop = encode([ret(0)]);
  /** Lets through what has this nlmsg_seq. */
  const only = (sequence: number): Uint8Array =>
    encode([
      [BPF_LD | BPF_B | BPF_ABS, HOST_LITTLE_ENDIAN ? 8 : 11],
      [BPF_JMP | BPF_JEQ, sequence, 1, 0],
      ret(0),
      ret(-1),
    ]);

  it('are the transport itself where it can', () => {
    const can = Object.assign(new FakeTransport(), { attachFilter: () => {} });
    expect(filtering(can)).to.equal(can);
  });

  it('judge what is read: what does not pass comes as a datagram without a message', () => {
    const fake = new FakeTransport();
    const transport = filtering(fake);
    const read = (): (number | undefined)[] => {
      const seen: (number | undefined)[] = [];
      for (let next = transport.receive(); next !== undefined; next = transport.receive())
        seen.push(next.bytes.length === 0 ? undefined : next.bytes[HOST_LITTLE_ENDIAN ? 8 : 11]);
      return seen;
    };
    const queue = (): void => {
      for (const sequence of [1, 2, 3]) fake.queue(message(sequence));
    };
    queue();
    expect(read()).to.deep.equal([1, 2, 3]);
    transport.attachFilter(only(2));
    queue();
    expect(read()).to.deep.equal([undefined, 2, undefined]);
    transport.attachFilter(undefined);
    queue();
    expect(read()).to.deep.equal([1, 2, 3]);
  });

  it('hide no loss', () => {
    const fake = new FakeTransport();
    const transport = filtering(fake);
    transport.attachFilter(drop);
    fake.queueError(new OverrunError('lost', 3));
    fake.queueDatagram(message(1), { truncated: true });
    expect(() => transport.receive()).to.throw(OverrunError);
    expect(transport.receive()).to.include({ truncated: true });
  });

  it('refuse as the kernel does, and then keep what was there', () => {
    const fake = new FakeTransport();
    const transport = filtering(fake);
    transport.attachFilter(drop);
    expect(() => transport.attachFilter(encode([ld(0)])))
      .to.throw(TransportError, 'the last must be a ret')
      .that.includes({ code: 'EINVAL' });
    expect(() => transport.attachFilter(encode([[BPF_LD | BPF_W | BPF_ABS, -0x1000], ret(0)]))).to.throw(
      UnsupportedError,
    );
    fake.queue(message(1));
    expect(transport.receive()!.bytes).to.have.length(0);
    transport.attachFilter(undefined);
    expect(() => transport.attachFilter(undefined))
      .to.throw(TransportError)
      .that.includes({ code: 'ENOENT' });
  });

  it('are in all else the transport', () => {
    const fake = Object.assign(new FakeTransport(), { window: 7, release: '6.1' });
    const transport = filtering(fake);
    expect(transport).to.include({ name: 'fake', portid: 4242, release: '6.1', ended: false, window: 7 });
    transport.joinGroup(3);
    transport.joinGroup(4);
    transport.leaveGroup(3);
    expect([...fake.groups]).to.deep.equal([4]);
    transport.unref();
    expect(fake.referenced).to.equal(false);
    transport.ref();
    expect(fake.referenced).to.equal(true);
    let told = 0;
    transport.start({ readable: () => told++, failed: () => {} });
    transport.send(message(9));
    fake.readable();
    expect([told, fake.sent.length]).to.deep.equal([1, 1]);
    transport.close();
    expect(fake.closed).to.equal(true);
  });
});
