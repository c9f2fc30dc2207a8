/** The calls in a log of strace, and what it shows about their descriptors. */

/** A call that sent or received. */
export interface StraceCall {
  /** As it is in the log, from the name on. */
  text: string;
  toKernel: boolean;
  /** Of a descriptor: of NETLINK_NETFILTER, of something else, or undefined where the log does not say. */
  family: 'netfilter' | 'other' | undefined;
  /** It is one of netlink, of whatever family. */
  netlink: boolean;
  socket: number | undefined;
  time: bigint | undefined;
  /** What the call returned. */
  length: number;
  /** sendmmsg and recvmmsg return a number of datagrams. */
  many: boolean;
}

interface Descriptor {
  family: 'netfilter' | 'other';
  netlink: boolean;
  portid: number | undefined;
}

/** A process, a time or an address in front of a call. `-t` and `-r` say no date. */
const PREFIX =
  /^\s*(?:\[pid\s+(\d+)\]|(\d+)(?:<[^>]*>)?|(\d+\.\d+)|\d\d:\d\d:\d\d(?:\.\d+)?|\(\+\s*\d+\.\d+\)|\[[0-9a-f]+\])\s+/;
const RETURNED = /\)\s+= (-?\d+)(?:<[^>]*>)?(?: .*)?$/;
const UNFINISHED = '<unfinished ...>';
const SENDS = /^(?:send(?:to|msg|mmsg)?|writev?)$/;
const RECEIVES = /^(?:recv(?:from|msg|mmsg)?|readv?)$/;
/** Earlier is a time since the line before (`-r`). */
const EARLIEST = 1_000_000;

export class StraceCalls {
  /** By process and descriptor, and by descriptor alone for threads. */
  readonly #descriptors = new Map<string, Descriptor>();
  /** By process: a call that another process interrupted in the log. */
  readonly #unfinished = new Map<string, { text: string; time: bigint | undefined }>();

  /** The call of a line, where it sent or received something. */
  read(line: string): StraceCall | undefined {
    let rest = line;
    let process = '';
    let time: bigint | undefined;
    for (let match = PREFIX.exec(rest); match !== null; match = PREFIX.exec(rest)) {
      process = match[1] ?? match[2] ?? process;
      if (match[3] !== undefined) time = nanoseconds(match[3]);
      rest = rest.slice(match[0].length);
    }
    if (rest.endsWith(UNFINISHED)) {
      this.#unfinished.set(process, { text: rest.slice(0, -UNFINISHED.length).trimEnd(), time });
      return undefined;
    }
    const resumed = /^<\.\.\. \w+ resumed>\s?(.*)$/.exec(rest);
    if (resumed !== null) {
      const begun = this.#unfinished.get(process);
      this.#unfinished.delete(process);
      if (begun === undefined) return undefined;
      rest = begun.text + resumed[1];
      // What is received has its time when it comes.
      if (/^(?:send|write)/.test(rest)) time = begun.time;
    }
    return this.#call(rest.trimStart(), process, time);
  }

  #call(text: string, process: string, time: bigint | undefined): StraceCall | undefined {
    const name = /^(\w+)\(/.exec(text)?.[1];
    const returned = RETURNED.exec(text);
    if (name === undefined || returned === null) return undefined;
    const length = Number(returned[1]);
    if (name === 'socket') {
      if (length >= 0) this.#set(process, length, socketOf(text));
      return undefined;
    }
    const described = /^\w+\((\d+)(<[^,]*>)?/.exec(text);
    if (described === null) return undefined;
    const descriptor = Number(described[1]);
    const noted = annotation(described[2] ?? '');
    if (noted !== undefined) this.#set(process, descriptor, noted);
    if (name === 'close') this.#forget(process, descriptor);
    const known = this.#get(process, descriptor);
    if (name === 'getsockname' && known !== undefined) known.portid = portidOf(text);
    const toKernel = SENDS.test(name);
    if ((!toKernel && !RECEIVES.test(name)) || length <= 0) return undefined;
    const bare = withoutStrings(text);
    // What is looked at is received later.
    if (/\bMSG_PEEK\b/.test(bare)) return undefined;
    // Another process may send too.
    const sender = toKernel ? 0 : (portidOf(bare) ?? 0);
    if (sender !== 0) return undefined;
    const other = known === undefined && /sa_family=AF_(?!NETLINK)/.test(bare);
    return {
      text,
      toKernel,
      family: other ? 'other' : known?.family,
      netlink: known?.netlink === true,
      socket: known?.portid,
      time,
      length,
      many: name.endsWith('mmsg'),
    };
  }

  #set(process: string, descriptor: number, what: Descriptor): void {
    const before = this.#get(process, descriptor);
    if (before !== undefined && before.family === what.family) what.portid ??= before.portid;
    this.#descriptors.set(`${process}:${descriptor}`, what);
    this.#descriptors.set(`:${descriptor}`, what);
  }

  #get(process: string, descriptor: number): Descriptor | undefined {
    return this.#descriptors.get(`${process}:${descriptor}`) ?? this.#descriptors.get(`:${descriptor}`);
  }

  #forget(process: string, descriptor: number): void {
    if (this.#descriptors.get(`${process}:${descriptor}`) === this.#descriptors.get(`:${descriptor}`))
      this.#descriptors.delete(`:${descriptor}`);
    this.#descriptors.delete(`${process}:${descriptor}`);
  }
}

/** What `socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER) = 3` opened. */
function socketOf(text: string): Descriptor {
  const netlink = text.startsWith('socket(AF_NETLINK,');
  const netfilter = netlink && /, (?:NETLINK_NETFILTER|0xc\b.*|12)\)\s+=/.test(text);
  return { family: netfilter ? 'netfilter' : 'other', netlink, portid: undefined };
}

/** What `-yy` writes behind a descriptor: `<NETLINK:[NETFILTER:17696]>`. */
function annotation(text: string): Descriptor | undefined {
  const match = /^<NETLINK:\[(\w+):(\d+)\]>$/.exec(text);
  if (match !== null)
    return { family: match[1] === 'NETFILTER' ? 'netfilter' : 'other', netlink: true, portid: Number(match[2]) };
  // `-y` alone says no more of a socket.
  if (text === '' || /^<(?:socket|NETLINK):\[/.test(text)) return undefined;
  return { family: 'other', netlink: false, portid: undefined };
}

function portidOf(text: string): number | undefined {
  const match = /\{sa_family=AF_NETLINK, (?:nl_pad=\w+, )?nl_pid=(-?\d+)/.exec(text);
  // Some are printed as negative numbers.
  return match === null ? undefined : Number(match[1]) >>> 0;
}

/** Not by an expression: it would look at a string without an end once for each quote in it. */
function withoutStrings(text: string): string {
  let kept = '';
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return kept + text.slice(at);
    kept += text.slice(at, quote);
    at = quote + 1;
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at++;
  }
  return kept;
}

function nanoseconds(text: string): bigint | undefined {
  const [seconds, fraction] = text.split('.');
  if (Number(seconds) < EARLIEST) return undefined;
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}
