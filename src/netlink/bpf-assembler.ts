/** Writing classic BPF programs: jumps go to labels, and further than the 255 instructions that a branch can skip. */
import { BPF_JA, BPF_JMP, BPF_MAXINSNS, SOCK_FILTER_LEN } from '../uapi/filter.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from './byteorder.ts';

/** The most that the 8 bits of jt and jf skip. */
const NEAR = 255;

/** A place in a program. Jumps only go forward: it is placed after all jumps to it. */
export interface Label {
  /** Statements before it; undefined until it is placed. */
  index: number | undefined;
}

interface Statement {
  code: number;
  k: number;
  /** Of a branch: where each outcome goes; undefined is the next statement. */
  yes: Label | undefined;
  no: Label | undefined;
  /** Too far for jt or jf: a BPF_JA follows the branch for it. */
  yesIsFar: boolean;
  noIsFar: boolean;
}

/** Puts a classic BPF program together, for Transport.attachFilter: jumps go to labels, however far they are. */
export class BpfAssembler {
  readonly #statements: Statement[] = [];

  /** Adds a statement. @param k 32 bits, of either sign */
  add(code: number, k = 0): void {
    this.branch(code, k);
  }

  /**
   * Adds a conditional jump, of the class BPF_JMP: to `yes` or `no`, or to the next statement where one is not given.
   */
  branch(code: number, k: number, { yes, no }: { yes?: Label; no?: Label } = {}): void {
    this.#statements.push({ code, k, yes, no, yesIsFar: false, noIsFar: false });
  }

  /** Jumps to a label. */
  goto(label: Label): void {
    this.branch(BPF_JMP | BPF_JA, 0, { yes: label });
  }

  /** A new label, which `place` must put somewhere. */
  label(): Label {
    return { index: undefined };
  }

  /** The next statement is where jumps to this label go. */
  place(label: Label): void {
    label.index = this.#statements.length;
  }

  /**
   * The program, `struct sock_filter` by `struct sock_filter`.
   * @throws RangeError when it has more than BPF_MAXINSNS instructions
   */
  assemble(): Uint8Array {
    const statements = this.#statements;
    const starts = this.#layOut();
    const count = starts[statements.length];
    if (count > BPF_MAXINSNS) throw new RangeError(`a program has at most ${BPF_MAXINSNS} instructions, not ${count}`);
    const bytes = new Uint8Array(count * SOCK_FILTER_LEN);
    const view = viewOf(bytes);
    let pc = 0;
    const write = (code: number, jt: number, jf: number, k: number): void => {
      const at = pc++ * SOCK_FILTER_LEN;
      view.setUint16(at, code, HOST_LITTLE_ENDIAN);
      view.setUint8(at + 2, jt);
      view.setUint8(at + 3, jf);
      view.setUint32(at + 4, k >>> 0, HOST_LITTLE_ENDIAN);
    };
    for (const [index, { code, k, yes, no, yesIsFar, noIsFar }] of statements.entries()) {
      const toYes = target(starts, index, yes);
      const toNo = target(starts, index, no);
      const far = (to: number): void => write(BPF_JMP | BPF_JA, 0, 0, to - pc - 1);
      if (isGoto(code)) far(toYes);
      else if (yes === undefined && no === undefined) write(code, 0, 0, k);
      else {
        const next = pc + 1;
        write(code, yesIsFar ? 0 : toYes - next, noIsFar ? Number(yesIsFar) : toNo - next, k);
        if (yesIsFar) far(toYes);
        if (noIsFar) far(toNo);
      }
    }
    return bytes;
  }

  /** Where each statement begins, and at last where the program ends. */
  #layOut(): Uint32Array {
    const statements = this.#statements;
    const starts = new Uint32Array(statements.length + 1);
    // What is made far moves what is behind it: until nothing has to be any more.
    for (let again = true; again; ) {
      for (const [index, { yesIsFar, noIsFar }] of statements.entries())
        starts[index + 1] = starts[index] + 1 + Number(yesIsFar) + Number(noIsFar);
      again = false;
      for (const [index, statement] of statements.entries()) {
        if (isGoto(statement.code)) continue;
        const next = starts[index] + 1;
        const yesIsFar = target(starts, index, statement.yes) - next > NEAR;
        const noIsFar = target(starts, index, statement.no) - next > NEAR;
        again ||= yesIsFar !== statement.yesIsFar || noIsFar !== statement.noIsFar;
        statement.yesIsFar = yesIsFar;
        statement.noIsFar = noIsFar;
      }
    }
    return starts;
  }
}

function isGoto(code: number): boolean {
  return code === (BPF_JMP | BPF_JA);
}

/** Where an outcome goes. */
function target(starts: Uint32Array, index: number, label: Label | undefined): number {
  if (label === undefined) return starts[index + 1];
  if (label.index === undefined || label.index <= index) throw new RangeError('a label must be placed behind the jump');
  return starts[label.index];
}
