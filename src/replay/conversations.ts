/**
 * Which answer belongs to which request. Requests carry no portid where nlmon saw them, and conversations of several
 * processes may have one sequence number: conntrack(8) takes the time of day. So an answer is what one portid was sent
 * under one sequence number until it ends, and belongs to the oldest request of that number that it fits.
 */
import { describeRequest } from '../ctnetlink/request/describe.ts';
import { HOST_LITTLE_ENDIAN } from '../netlink/byteorder.ts';
import { align4, type nlmsghdr } from '../netlink/nlmsg.ts';
import { NLMSG_DONE, NLMSG_ERROR, NLMSG_HDRLEN } from '../uapi/netlink.ts';
import { isDump, Meaning, wantsAck } from './meaning.ts';

/** Where pieces of an answer are: [offset, length] of each in the capture. */
export interface Pieces {
  readonly places: number[];
  /** When each came. */
  readonly times: (bigint | undefined)[];
}

/** A request of the capture and what the kernel answered. */
export class Exchange implements Pieces {
  readonly request: Uint8Array;
  /** Its place among the requests of the capture. */
  readonly index: number;
  readonly places: number[] = [];
  readonly times: (bigint | undefined)[] = [];
  /** Whose it was; undefined where nobody was answered. */
  portid: number | undefined;
  /** The ACK, error or DONE that it asked for is there. */
  finished = false;
  /** Messages of the answer are missing in its midst. */
  broken = false;
  #meaning: Meaning | undefined;
  #words: string | undefined;

  constructor(request: Uint8Array, index: number, portid: number | undefined) {
    this.request = request;
    this.index = index;
    this.portid = portid;
  }

  /** The request in words, for messages. */
  get words(): string {
    this.#words ??= describeRequest(this.request);
    return this.#words;
  }

  get dumps(): boolean {
    return isDump(this.request);
  }

  get wantsAck(): boolean {
    return wantsAck(this.request);
  }

  get meaning(): Meaning {
    this.#meaning ??= new Meaning(this.request);
    return this.#meaning;
  }
}

interface Answer extends Pieces {
  readonly portid: number;
  readonly sequence: number;
  exchange: Exchange | undefined;
  /** The requests whose it may be while that is not known, and how well it fits each. */
  readonly candidates: Map<Exchange, number>;
  /** Its ACK, error or DONE has come. */
  finished: boolean;
  broken: boolean;
}

/** A message of the kernel's in the capture. */
export interface Reply {
  readonly header: Readonly<nlmsghdr>;
  readonly view: DataView;
  readonly offset: number;
  readonly end: number;
  /** Where it is in the capture. */
  readonly at: number;
  readonly time: bigint | undefined;
  /** It is the first message of its datagram. */
  readonly first: boolean;
}

export class Conversations {
  readonly exchanges: Exchange[] = [];
  /** Requests without an answer, by sequence number. */
  readonly #waiting = new Map<number, Exchange[]>();
  /** Answers that have not ended, by portid and sequence number. */
  readonly #open = new Map<string, Answer>();
  /** That of the last message, which mostly is that of the next. */
  #last: Answer | undefined;

  /** @param portid of the socket that sent it, where the capture says so */
  request(request: Uint8Array, sequence: number, portid: number | undefined): void {
    const exchange = new Exchange(request, this.exchanges.length, portid);
    this.exchanges.push(exchange);
    const waiting = this.#waiting.get(sequence);
    if (waiting === undefined) this.#waiting.set(sequence, [exchange]);
    else waiting.push(exchange);
  }

  /** False when it answers nothing in the capture. */
  reply(reply: Reply): boolean {
    const { nlmsg_pid: portid, nlmsg_seq: sequence } = reply.header;
    let answer = this.#last;
    if (answer?.portid !== portid || answer.sequence !== sequence) answer = this.#find(portid, sequence);
    if (answer === undefined) {
      answer = this.#begin(reply);
      if (answer === undefined) return false;
      this.#open.set(keyOf(reply.header), answer);
    } else if (answer.exchange === undefined) {
      this.#narrow(answer, reply);
    }
    this.#last = answer;
    append(answer.exchange ?? answer, reply);
    if (isEnd(answer, reply)) {
      answer.finished = true;
      this.#close(answer);
    }
    return true;
  }

  #find(portid: number, sequence: number): Answer | undefined {
    if (portid !== 0) return this.#open.get(keyOf({ nlmsg_pid: portid, nlmsg_seq: sequence }));
    for (const answer of this.#open.values()) if (answer.sequence === sequence) return answer;
    return undefined;
  }

  #begin(reply: Reply): Answer | undefined {
    const { nlmsg_pid: portid, nlmsg_seq: sequence } = reply.header;
    const candidates = new Map<Exchange, number>();
    let own: Exchange | undefined;
    for (const exchange of this.#waiting.get(sequence) ?? []) {
      // Nobody has portid 0: somebody wrote this capture, or took the portids out of it.
      if (exchange.portid === portid || portid === 0) own ??= exchange;
      if (exchange.portid === undefined) candidates.set(exchange, 0);
    }
    const answer: Answer = {
      portid,
      sequence,
      exchange: undefined,
      candidates,
      places: [],
      times: [],
      finished: false,
      broken: false,
    };
    if (own !== undefined) this.#bind(answer, own);
    else if (!this.#narrow(answer, reply)) return undefined;
    return answer;
  }

  /** Messages of these conversations may be missing here. @param portid undefined: of any */
  cut(portid: number | undefined): void {
    for (const answer of this.#open.values()) {
      if (portid !== undefined && answer.portid !== portid) continue;
      answer.broken = true;
      if (answer.exchange !== undefined) answer.exchange.broken = true;
    }
  }

  /** Nothing more comes. */
  end(): void {
    for (const answer of [...this.#open.values()]) this.#close(answer);
    this.#waiting.clear();
  }

  /** Leaves out the requests that this cannot be an answer to; false when none is left. */
  #narrow(answer: Answer, { header, view, offset, end }: Reply): boolean {
    const { candidates } = answer;
    const refused = header.nlmsg_type === NLMSG_ERROR ? requestIn(view, offset, end) : undefined;
    for (const [exchange, before] of candidates) {
      const points = exchange.meaning.fits(header, view, offset, end, refused);
      if (points === 0) candidates.delete(exchange);
      else candidates.set(exchange, before + points);
    }
    if (candidates.size === 0) return false;
    // What is equal may be given in the order of the requests.
    const [first] = candidates.keys();
    for (const exchange of candidates.keys()) if (exchange.meaning.answers(first.meaning) !== 'same') return true;
    this.#bind(answer, first);
    return true;
  }

  #bind(answer: Answer, exchange: Exchange): void {
    const { portid, sequence, places, times, broken } = answer;
    answer.exchange = exchange;
    answer.candidates.clear();
    exchange.portid = portid;
    exchange.broken = broken;
    for (const place of places) exchange.places.push(place);
    for (const time of times) exchange.times.push(time);
    const waiting = this.#waiting.get(sequence)!;
    waiting.splice(waiting.indexOf(exchange), 1);
    if (waiting.length === 0) this.#waiting.delete(sequence);
    // Nor can it be another's.
    for (const other of this.#open.values()) other.candidates.delete(exchange);
  }

  #close(answer: Answer): void {
    this.#open.delete(keyOf({ nlmsg_pid: answer.portid, nlmsg_seq: answer.sequence }));
    this.#last = undefined;
    if (answer.exchange === undefined) {
      let best: Exchange | undefined;
      for (const [exchange, points] of answer.candidates)
        if (best === undefined || points > answer.candidates.get(best)!) best = exchange;
      if (best === undefined) return;
      this.#bind(answer, best);
    }
    answer.exchange!.finished = answer.finished;
  }
}

function keyOf({ nlmsg_pid, nlmsg_seq }: Pick<nlmsghdr, 'nlmsg_pid' | 'nlmsg_seq'>): string {
  return `${nlmsg_pid} ${nlmsg_seq}`;
}

function isEnd({ exchange, candidates }: Answer, { header: { nlmsg_type } }: Reply): boolean {
  if (nlmsg_type === NLMSG_ERROR || nlmsg_type === NLMSG_DONE) return true;
  // Without an ACK, the reply is all that there is.
  if (exchange !== undefined) return !exchange.wantsAck && !exchange.dumps;
  return [...candidates.keys()].every((each) => !each.wantsAck && !each.dumps);
}

function append({ places, times }: Pieces, { at, offset, end, first, time }: Reply): void {
  const last = places.length - 2;
  // Replies keep their division into datagrams.
  const follows = !first && last >= 0 && places[last] + align4(places[last + 1]) === at;
  if (follows && places[last] >= at - offset) {
    places[last + 1] = at + (end - offset) - places[last];
  } else {
    places.push(at, end - offset);
    times.push(time);
  }
}

/** What an NLMSG_ERROR has of the request: its type and flags. */
function requestIn(view: DataView, offset: number, end: number): { type: number; flags: number } | undefined {
  const at = offset + NLMSG_HDRLEN + 4;
  if (end - at < NLMSG_HDRLEN || view.getUint32(at, HOST_LITTLE_ENDIAN) < NLMSG_HDRLEN) return undefined;
  return { type: view.getUint16(at + 4, HOST_LITTLE_ENDIAN), flags: view.getUint16(at + 6, HOST_LITTLE_ENDIAN) };
}
