/** linux/bpf_common.h and linux/filter.h: classic BPF, as socket filters are written in it. */

// Instruction classes
export const BPF_LD = 0x00;
export const BPF_LDX = 0x01;
export const BPF_ST = 0x02;
export const BPF_STX = 0x03;
export const BPF_ALU = 0x04;
export const BPF_JMP = 0x05;
export const BPF_RET = 0x06;
export const BPF_MISC = 0x07;

// ld/ldx: size
export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;

// ld/ldx: mode
export const BPF_IMM = 0x00;
export const BPF_ABS = 0x20;
export const BPF_IND = 0x40;
export const BPF_MEM = 0x60;
export const BPF_LEN = 0x80;
export const BPF_MSH = 0xa0;

// alu
export const BPF_ADD = 0x00;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;

// jmp
export const BPF_JA = 0x00;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;

// What alu, jmp and ret take
export const BPF_K = 0x00;
export const BPF_X = 0x08;
/** Of ret only. */
export const BPF_A = 0x10;

// misc
export const BPF_TAX = 0x00;
export const BPF_TXA = 0x80;

/** Instructions of a program at the most. */
export const BPF_MAXINSNS = 4096;
/** Words of scratch memory. */
export const BPF_MEMWORDS = 16;

/** sizeof(struct sock_filter): code u16, jt u8, jf u8, k u32, in the byte order of the host. */
export const SOCK_FILTER_LEN = 8;

// Loads from here up are no bytes of the packet but what the kernel knows of it: the header has them signed (-0x1000,
// ...).
export const SKF_AD_OFF = 0xfffff000;
/**
 * A = offset of the first attribute of type X in the list that begins at A and goes to the end of the packet; 0: none.
 */
export const SKF_AD_NLATTR = 12;
/** A = offset of the first attribute of type X inside of the attribute at A; 0: none. */
export const SKF_AD_NLATTR_NEST = 16;
/** A ^= X */
export const SKF_AD_ALU_XOR_X = 40;
