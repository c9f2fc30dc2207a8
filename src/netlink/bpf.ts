/**
 * Classic BPF, as SO_ATTACH_FILTER takes it, for sockets that have no such option: run over a datagram as the kernel
 * runs it (net/core/filter.c).
 */
import { BPF_MEMWORDS } from '../uapi/filter.ts';
import { NLA_HDRLEN, NLA_TYPE_MASK } from '../uapi/netlink.ts';
import * as op from './bpf-instructions.ts';
import { HOST_LITTLE_ENDIAN } from './byteorder.ts';
import { align4 } from './nlmsg.ts';

/** Scratch memory: a program cannot read what it has not written, so that one serves all. */
const memory = new Int32Array(BPF_MEMWORDS);

/** A program that the kernel would take, ready to be run. */
export class BpfProgram {
  readonly #instructions: op.BpfInstructions;

  /**
   * @param bytes `struct sock_filter` by `struct sock_filter`, 8 bytes each in the byte order of the host
   * @throws RangeError naming the instruction, where the kernel says EINVAL
   * @throws UnsupportedError for loads of what only the kernel knows of a packet
   */
  constructor(bytes: Uint8Array) {
    this.#instructions = op.readInstructions(bytes);
  }

  /**
   * What the program returns for a datagram: how many bytes of it are let through, 0 for none, 0xffffffff for all. A
   * load that is not inside of the datagram ends the program with 0, and so does a division by X = 0. Allocates
   * nothing.
   */
  run(datagram: DataView): number {
    const { operations, ofX, jt, jf, k: ks } = this.#instructions;
    const length = datagram.byteLength;
    let a = 0;
    let x = 0;
    for (let pc = 0; ; pc++) {
      const k = ks[pc];
      const operand = ofX[pc] === 0 ? k : x;
      switch (operations[pc]) {
        case op.RET_K:
          return k >>> 0;
        case op.RET_A:
          return a >>> 0;
        case op.LD_W: {
          const at = ofX[pc] === 0 ? k : (x + k) | 0;
          if (at < 0 || at > length - 4) return 0;
          a = datagram.getInt32(at);
          break;
        }
        case op.LD_H: {
          const at = ofX[pc] === 0 ? k : (x + k) | 0;
          if (at < 0 || at > length - 2) return 0;
          a = datagram.getUint16(at);
          break;
        }
        case op.LD_B: {
          const at = ofX[pc] === 0 ? k : (x + k) | 0;
          if (at < 0 || at > length - 1) return 0;
          a = datagram.getUint8(at);
          break;
        }
        case op.LD_IMM:
          a = k;
          break;
        case op.LD_MEM:
          a = memory[k];
          break;
        case op.LD_LEN:
          a = length;
          break;
        case op.LDX_IMM:
          x = k;
          break;
        case op.LDX_MEM:
          x = memory[k];
          break;
        case op.LDX_LEN:
          x = length;
          break;
        case op.LDX_MSH:
          if (k >= length) return 0;
          x = (datagram.getUint8(k) & 0xf) << 2;
          break;
        case op.ST:
          memory[k] = a;
          break;
        case op.STX:
          memory[k] = x;
          break;
        case op.TAX:
          x = a;
          break;
        case op.TXA:
          a = x;
          break;
        case op.JA:
          pc += k;
          break;
        case op.JEQ:
          pc += a === operand ? jt[pc] : jf[pc];
          break;
        case op.JGT:
          pc += a >>> 0 > operand >>> 0 ? jt[pc] : jf[pc];
          break;
        case op.JGE:
          pc += a >>> 0 >= operand >>> 0 ? jt[pc] : jf[pc];
          break;
        case op.JSET:
          pc += (a & operand) !== 0 ? jt[pc] : jf[pc];
          break;
        case op.ADD:
          a = (a + operand) | 0;
          break;
        case op.SUB:
          a = (a - operand) | 0;
          break;
        case op.MUL:
          a = Math.imul(a, operand);
          break;
        case op.DIV:
          if (operand === 0) return 0;
          a = ((a >>> 0) / (operand >>> 0)) | 0;
          break;
        case op.MOD:
          if (operand === 0) return 0;
          a = ((a >>> 0) % (operand >>> 0)) | 0;
          break;
        case op.OR:
          a |= operand;
          break;
        case op.AND:
          a &= operand;
          break;
        case op.XOR:
          a ^= operand;
          break;
        case op.LSH:
          a <<= operand;
          break;
        case op.RSH:
          a = (a >>> operand) | 0;
          break;
        case op.NEG:
          a = -a | 0;
          break;
        case op.NLATTR:
          a = findAttribute(datagram, a >>> 0, length, x);
          break;
        case op.NLATTR_NEST:
          a = findNested(datagram, a >>> 0, x);
          break;
      }
    }
  }
}

/**
 * nla_find(): where the first attribute of this type between `at` and `end` is; 0 for none, also behind a broken
 * length.
 */
function findAttribute(view: DataView, at: number, end: number, type: number): number {
  while (at <= end - NLA_HDRLEN) {
    const length = view.getUint16(at, HOST_LITTLE_ENDIAN);
    if (length < NLA_HDRLEN || length > end - at) return 0;
    if ((view.getUint16(at + 2, HOST_LITTLE_ENDIAN) & NLA_TYPE_MASK) === type) return at;
    at += align4(length);
  }
  return 0;
}

/** The same inside of the attribute at `at`: nla_find_nested(). */
function findNested(view: DataView, at: number, type: number): number {
  const left = view.byteLength - at;
  if (left < NLA_HDRLEN) return 0;
  const length = view.getUint16(at, HOST_LITTLE_ENDIAN);
  if (length < NLA_HDRLEN || length > left) return 0;
  return findAttribute(view, at + NLA_HDRLEN, at + length, type);
}
