/**
 * What the classic BPF programs for sockets of conntrack events have in common. They judge a whole datagram by its
 * first message: an event is one message, but so are also judged the replies to requests on the same socket.
 */
import { BpfAssembler, type Label } from '../../netlink/bpf-assembler.ts';
import { HOST_LITTLE_ENDIAN } from '../../netlink/byteorder.ts';
import * as bpf from '../../uapi/filter.ts';
import { NLA_HDRLEN, NLMSG_HDRLEN } from '../../uapi/netlink.ts';
import { NFGENMSG_LEN, NFNL_SUBSYS_CTNETLINK } from '../../uapi/nfnetlink.ts';

/** Where the attributes of the first message begin. */
const ATTRIBUTES = NLMSG_HDRLEN + NFGENMSG_LEN;
/** Offset of nlmsg_type, and in it of the byte that names the subsystem. */
const TYPE = 4;
const SUBSYSTEM = HOST_LITTLE_ENDIAN ? 1 : 0;
/** What a program returns for the whole datagram. */
const ALL = 0xffffffff;

export class EventProgram extends BpfAssembler {
  /** Statements so far. */
  size = 0;

  constructor() {
    super();
    // What is not of this subsystem is let through: ACKs, errors, DONE.
    const conntrack = this.label();
    this.add(bpf.BPF_LDX | bpf.BPF_IMM, TYPE);
    this.add(bpf.BPF_LD | bpf.BPF_B | bpf.BPF_IND, SUBSYSTEM);
    this.ifEqual(NFNL_SUBSYS_CTNETLINK, { yes: conntrack });
    this.accept();
    this.place(conntrack);
  }

  override branch(code: number, k: number, to?: { yes?: Label; no?: Label }): void {
    this.size++;
    super.branch(code, k, to);
  }

  /** A = nfgen_family. */
  loadFamily(): void {
    this.add(bpf.BPF_LD | bpf.BPF_B | bpf.BPF_ABS, NLMSG_HDRLEN);
  }

  /** A = where the attributes begin. */
  toAttributes(): void {
    this.add(bpf.BPF_LD | bpf.BPF_IMM, ATTRIBUTES);
  }

  /**
   * A = where the first attribute of this type is, looking from A to the end of the datagram; 0 and to `missing` where
   * there is none.
   */
  find(type: number, missing: Label): void {
    this.#find(bpf.SKF_AD_NLATTR, type, missing);
  }

  /** X = the attribute at the end of this path through nests; A = 0 and to `missing` where there is none. */
  follow([first, ...nested]: readonly number[], missing: Label): void {
    this.toAttributes();
    this.find(first, missing);
    for (const type of nested) this.#find(bpf.SKF_AD_NLATTR_NEST, type, missing);
    this.hold();
  }

  /** A = BPF_B, BPF_H or BPF_W of the first of these attributes that is there, or 0. */
  loadFirst(paths: readonly (readonly number[])[], size: number): void {
    const loaded = this.label();
    for (const [index, path] of paths.entries()) {
      const isLast = index === paths.length - 1;
      const next = isLast ? loaded : this.label();
      this.follow(path, next);
      this.load(size);
      if (!isLast) this.goto(loaded);
      this.place(next);
    }
  }

  #find(how: number, type: number, missing: Label): void {
    this.add(bpf.BPF_LDX | bpf.BPF_IMM, type);
    this.add(bpf.BPF_LD | bpf.BPF_B | bpf.BPF_ABS, bpf.SKF_AD_OFF + how);
    this.ifEqual(0, { yes: missing });
  }

  /** A = where the content of the attribute at A begins. */
  enter(): void {
    this.add(bpf.BPF_ALU | bpf.BPF_ADD | bpf.BPF_K, NLA_HDRLEN);
  }

  /** X = the attribute at A, for `load`. */
  hold(): void {
    this.add(bpf.BPF_MISC | bpf.BPF_TAX);
  }

  /** A = BPF_B, BPF_H or BPF_W of the content of the attribute at X, from this byte on. */
  load(size: number, byte = 0): void {
    this.add(bpf.BPF_LD | size | bpf.BPF_IND, NLA_HDRLEN + byte);
  }

  /** A = the length of the attribute at X with its header, which must be below 256. */
  loadLength(): void {
    this.add(bpf.BPF_LD | bpf.BPF_B | bpf.BPF_IND, HOST_LITTLE_ENDIAN ? 0 : 1);
  }

  /** A &= mask */
  mask(mask: number): void {
    this.add(bpf.BPF_ALU | bpf.BPF_AND | bpf.BPF_K, mask);
  }

  ifEqual(value: number, to: { yes?: Label; no?: Label }): void {
    this.branch(bpf.BPF_JMP | bpf.BPF_JEQ | bpf.BPF_K, value, to);
  }

  /** To `no` unless A is above this. */
  ifAbove(value: number, no: Label): void {
    this.branch(bpf.BPF_JMP | bpf.BPF_JGT | bpf.BPF_K, value, { no });
  }

  /** To `no` unless A is in one of the ranges with these first and last values, which ascend. */
  ifWithin(bounds: readonly number[], no: Label): void {
    const found = this.label();
    for (let at = 0; at < bounds.length; at += 2) {
      const next = at + 2 < bounds.length ? this.label() : no;
      // What is above the range before and below this one is in none.
      if (bounds[at] > 0) this.branch(bpf.BPF_JMP | bpf.BPF_JGE | bpf.BPF_K, bounds[at], { no });
      this.branch(bpf.BPF_JMP | bpf.BPF_JGT | bpf.BPF_K, bounds[at + 1], { yes: next, no: found });
      if (next !== no) this.place(next);
    }
    this.place(found);
  }

  accept(): void {
    this.add(bpf.BPF_RET | bpf.BPF_K, ALL);
  }

  drop(): void {
    this.add(bpf.BPF_RET | bpf.BPF_K, 0);
  }
}
