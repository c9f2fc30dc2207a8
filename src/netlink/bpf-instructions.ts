/**
 * What the kernel takes as a classic BPF program (bpf_check_classic), taken apart into what the interpreter in bpf.ts
 * does: one operation an instruction.
 */
import * as uapi from '../uapi/filter.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from './byteorder.ts';
import { UnsupportedError } from './errors.ts';

// The interpreter's own operations, dense so that its switch is a table.
export const RET_K = 0;
export const RET_A = 1;
export const LD_W = 2;
export const LD_H = 3;
export const LD_B = 4;
export const LD_IMM = 5;
export const LD_MEM = 6;
export const LD_LEN = 7;
export const LDX_IMM = 8;
export const LDX_MEM = 9;
export const LDX_LEN = 10;
export const LDX_MSH = 11;
export const ST = 12;
export const STX = 13;
export const TAX = 14;
export const TXA = 15;
export const JA = 16;
export const JEQ = 17;
export const JGT = 18;
export const JGE = 19;
export const JSET = 20;
export const ADD = 21;
export const SUB = 22;
export const MUL = 23;
export const DIV = 24;
export const MOD = 25;
export const OR = 26;
export const AND = 27;
export const XOR = 28;
export const LSH = 29;
export const RSH = 30;
export const NEG = 31;
export const NLATTR = 32;
export const NLATTR_NEST = 33;

/** code -> operation; that of X beside that of K. What is not here the kernel refuses. */
const OPERATIONS = new Map<number, number>([
  [uapi.BPF_RET | uapi.BPF_K, RET_K],
  [uapi.BPF_RET | uapi.BPF_A, RET_A],
  [uapi.BPF_LD | uapi.BPF_W | uapi.BPF_ABS, LD_W],
  [uapi.BPF_LD | uapi.BPF_H | uapi.BPF_ABS, LD_H],
  [uapi.BPF_LD | uapi.BPF_B | uapi.BPF_ABS, LD_B],
  [uapi.BPF_LD | uapi.BPF_W | uapi.BPF_IND, LD_W],
  [uapi.BPF_LD | uapi.BPF_H | uapi.BPF_IND, LD_H],
  [uapi.BPF_LD | uapi.BPF_B | uapi.BPF_IND, LD_B],
  [uapi.BPF_LD | uapi.BPF_IMM, LD_IMM],
  [uapi.BPF_LD | uapi.BPF_MEM, LD_MEM],
  [uapi.BPF_LD | uapi.BPF_W | uapi.BPF_LEN, LD_LEN],
  [uapi.BPF_LDX | uapi.BPF_IMM, LDX_IMM],
  [uapi.BPF_LDX | uapi.BPF_MEM, LDX_MEM],
  [uapi.BPF_LDX | uapi.BPF_W | uapi.BPF_LEN, LDX_LEN],
  [uapi.BPF_LDX | uapi.BPF_B | uapi.BPF_MSH, LDX_MSH],
  [uapi.BPF_ST, ST],
  [uapi.BPF_STX, STX],
  [uapi.BPF_MISC | uapi.BPF_TAX, TAX],
  [uapi.BPF_MISC | uapi.BPF_TXA, TXA],
  [uapi.BPF_JMP | uapi.BPF_JA, JA],
  [uapi.BPF_ALU | uapi.BPF_NEG, NEG],
]);
for (const [code, operation] of [
  [uapi.BPF_JMP | uapi.BPF_JEQ, JEQ],
  [uapi.BPF_JMP | uapi.BPF_JGT, JGT],
  [uapi.BPF_JMP | uapi.BPF_JGE, JGE],
  [uapi.BPF_JMP | uapi.BPF_JSET, JSET],
  [uapi.BPF_ALU | uapi.BPF_ADD, ADD],
  [uapi.BPF_ALU | uapi.BPF_SUB, SUB],
  [uapi.BPF_ALU | uapi.BPF_MUL, MUL],
  [uapi.BPF_ALU | uapi.BPF_DIV, DIV],
  [uapi.BPF_ALU | uapi.BPF_MOD, MOD],
  [uapi.BPF_ALU | uapi.BPF_OR, OR],
  [uapi.BPF_ALU | uapi.BPF_AND, AND],
  [uapi.BPF_ALU | uapi.BPF_XOR, XOR],
  [uapi.BPF_ALU | uapi.BPF_LSH, LSH],
  [uapi.BPF_ALU | uapi.BPF_RSH, RSH],
]) {
  OPERATIONS.set(code | uapi.BPF_K, operation).set(code | uapi.BPF_X, operation);
}

const ANCILLARY = new Map<number, number>([
  [uapi.SKF_AD_OFF + uapi.SKF_AD_NLATTR, NLATTR],
  [uapi.SKF_AD_OFF + uapi.SKF_AD_NLATTR_NEST, NLATTR_NEST],
  [uapi.SKF_AD_OFF + uapi.SKF_AD_ALU_XOR_X, XOR],
]);

/** A program that the kernel would take. All arrays have one element an instruction. */
export interface BpfInstructions {
  readonly operations: Uint8Array;
  /** 1: the operand is X and not k; of a load, X + k. */
  readonly ofX: Uint8Array;
  readonly jt: Uint8Array;
  readonly jf: Uint8Array;
  readonly k: Int32Array;
}

/**
 * @throws RangeError naming the instruction, where the kernel says EINVAL
 * @throws UnsupportedError for loads of what only the kernel knows of a packet
 */
export function readInstructions(bytes: Uint8Array): BpfInstructions {
  const count = bytes.length / uapi.SOCK_FILTER_LEN;
  if (!Number.isInteger(count) || count === 0 || count > uapi.BPF_MAXINSNS)
    throw new RangeError(`a program is 1 to ${uapi.BPF_MAXINSNS} instructions of 8 bytes, not ${bytes.length} bytes`);
  const program: BpfInstructions = {
    operations: new Uint8Array(count),
    ofX: new Uint8Array(count),
    jt: new Uint8Array(count),
    jf: new Uint8Array(count),
    k: new Int32Array(count),
  };
  const view = viewOf(bytes);
  for (let pc = 0; pc < count; pc++) {
    const at = pc * uapi.SOCK_FILTER_LEN;
    const code = view.getUint16(at, HOST_LITTLE_ENDIAN);
    const k = view.getUint32(at + 4, HOST_LITTLE_ENDIAN);
    program.jt[pc] = view.getUint8(at + 2);
    program.jf[pc] = view.getUint8(at + 3);
    program.k[pc] = k;
    program.operations[pc] = operationOf(code, k, pc);
    program.ofX[pc] = usesX(code, program.operations[pc]) ? 1 : 0;
    const problem = problemOf(program, pc);
    if (problem !== undefined) throw new RangeError(`instruction ${pc}: ${problem}`);
  }
  if (program.operations[count - 1] > RET_A) throw new RangeError(`instruction ${count - 1}: the last must be a ret`);
  checkMemory(program);
  return program;
}

function usesX(code: number, operation: number): boolean {
  // SKF_AD_ALU_XOR_X is a load by its code.
  if ((code & 7) === uapi.BPF_LD) return (code & 0xe0) === uapi.BPF_IND || operation === XOR;
  return (code & uapi.BPF_X) !== 0;
}

function operationOf(code: number, k: number, pc: number): number {
  const operation = OPERATIONS.get(code);
  if (operation === undefined) throw new RangeError(`instruction ${pc}: there is no code 0x${code.toString(16)}`);
  const absolute = (code & 0xe0) === uapi.BPF_ABS && operation >= LD_W && operation <= LD_B;
  if (!(absolute || operation === LDX_MSH) || k < 0x80000000) return operation;
  const ancillary = absolute ? ANCILLARY.get(k) : undefined;
  if (ancillary === undefined)
    throw new UnsupportedError(`instruction ${pc}: loads 0x${k.toString(16)}, which only the kernel knows of a packet`);
  return ancillary;
}

function problemOf({ operations, ofX, jt, jf, k: ks }: BpfInstructions, pc: number): string | undefined {
  const operation = operations[pc];
  const left = ks.length - pc - 1;
  const k = ks[pc] >>> 0;
  if (operation === JA ? k >= left : isBranch(operation) && (jt[pc] >= left || jf[pc] >= left))
    return 'jumps out of the program';
  if ((operation === DIV || operation === MOD) && ofX[pc] === 0 && k === 0) return 'divides by 0';
  if ((operation === LSH || operation === RSH) && ofX[pc] === 0 && k >= 32) return `shifts by ${k}`;
  if ((reads(operation) || writes(operation)) && k >= uapi.BPF_MEMWORDS) return `there is no memory word ${k}`;
  return undefined;
}

/** No word of memory may be read on a way on which nothing wrote it. */
function checkMemory({ operations, jt, jf, k: ks }: BpfInstructions): void {
  const written = new Uint16Array(ks.length).fill(0xffff);
  let now = 0;
  for (const [pc, operation] of operations.entries()) {
    now &= written[pc];
    const k = ks[pc];
    if (writes(operation)) {
      now |= 1 << k;
    } else if (reads(operation) && ((now >> k) & 1) === 0) {
      throw new RangeError(`instruction ${pc}: memory word ${k} is read before it is written`);
    } else if (operation === JA) {
      written[pc + 1 + k] &= now;
      now = 0xffff;
    } else if (isBranch(operation)) {
      written[pc + 1 + jt[pc]] &= now;
      written[pc + 1 + jf[pc]] &= now;
      now = 0xffff;
    }
  }
}

function isBranch(operation: number): boolean {
  return operation >= JEQ && operation <= JSET;
}

function writes(operation: number): boolean {
  return operation === ST || operation === STX;
}

function reads(operation: number): boolean {
  return operation === LD_MEM || operation === LDX_MEM;
}
