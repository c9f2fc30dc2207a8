/** The parts of a capture that have been used, by the sockets that share it. */
import { describeBytes, describeRequest, operationOf } from '../ctnetlink/request/describe.ts';
import { NLMSG_HDRLEN } from '../uapi/netlink.ts';
import type { Exchange } from './conversations.ts';
import { ReplayError } from './error.ts';
import { type Keeps, Meaning } from './meaning.ts';
import type { ReplayOptions } from './options.ts';
import type { Script } from './script.ts';
import { Writes } from './writes.ts';

/** Requests that an error message names, and those that it chooses from. */
const NAMED = 5;
const LOOKED_AT = 50;

/** Exchanges that may answer one request, in the order of the capture. */
interface Alike {
  readonly exchanges: Exchange[];
  /** All before it are used. */
  next: number;
}

/** The answer to a request. */
export interface Answer {
  readonly exchange: Exchange;
  /** Undefined: all of it. */
  readonly keeps: Keeps | undefined;
}

export interface Waker {
  /** There may be something to receive. */
  wake(): void;
}

export class Cursor {
  readonly script: Script;
  readonly options: ReplayOptions;
  /** The sockets that joined a group. */
  readonly listening = new Set<Waker>();
  readonly #byMeaning: boolean;
  /** By what equal requests have in common; and by what those have that may have one meaning. */
  readonly #equal = new Map<string, Alike>();
  readonly #alike = new Map<string, Alike>();
  readonly #used: Uint8Array;
  /** Those that the program made. Undefined where it makes the requests of the capture as they were made. */
  readonly #writes: Writes | undefined;
  /** The first exchange that is neither used nor given up. */
  #first = 0;
  /** The last that is used. */
  #last = -1;
  /** How many of the events may come. */
  #due = 0;
  /** Requests that the program is not expected to make: those of other programs, and those that it has left out. */
  readonly #foreign = new Set<Exchange>();

  constructor(script: Script, options: ReplayOptions) {
    this.script = script;
    this.options = options;
    this.#byMeaning = (options.match ?? (script.ours ? 'exact' : 'meaning')) === 'meaning';
    this.#writes = this.#byMeaning ? new Writes() : undefined;
    this.#used = new Uint8Array(script.exchanges.length);
    for (const exchange of script.exchanges) {
      add(this.#equal, keyOf(exchange.request), exchange);
      if (this.#byMeaning) for (const key of exchange.meaning.keys) add(this.#alike, key, exchange);
    }
    this.#proceed();
  }

  /** The recorded answer to this request. @throws ReplayError */
  answer(request: Uint8Array, sequence: number): Answer {
    const answer = this.#find(request);
    if (answer === undefined) throw new ReplayError(this.#explain(request), sequence);
    this.#use(answer.exchange);
    return answer;
  }

  #find(request: Uint8Array): Answer | undefined {
    const equal = this.#equal.get(keyOf(request));
    const exchange = equal && this.#next(equal);
    if (exchange !== undefined && !this.#isOutdated(exchange)) return { exchange, keeps: undefined };
    const last = exchange === undefined && this.options.repeat === true ? equal?.exchanges.at(-1) : undefined;
    if (last !== undefined) return { exchange: last, keeps: undefined };
    return this.#byMeaning ? this.#findByMeaning(new Meaning(request)) : undefined;
  }

  /**
   * The first that asks the same, or that asks for more. What was answered before the program changed something serves
   * only where nothing later does: it may have left out a request that the recorded one made before its change, or made
   * both at once and in another order.
   */
  #findByMeaning(asked: Meaning): Answer | undefined {
    let outdated: Answer | undefined;
    let wider: Answer | undefined;
    for (const alike of this.#groupsOf(asked)) {
      this.#next(alike);
      for (let at = alike.next; at < alike.exchanges.length; at++) {
        const exchange = alike.exchanges[at];
        if (this.#used[exchange.index] === 1) continue;
        const answer = answerOf(exchange, asked);
        if (answer === undefined) continue;
        if (this.#isOutdated(exchange)) outdated = better(outdated, answer);
        else if (answer.keeps === undefined) return answer;
        else wider ??= answer;
      }
    }
    const found = wider ?? outdated;
    if (found !== undefined || this.options.repeat !== true) return found;
    for (const { exchanges } of this.#groupsOf(asked)) {
      const exchange = exchanges.findLast(({ meaning }) => meaning.answers(asked) !== undefined);
      if (exchange !== undefined) return answerOf(exchange, asked);
    }
    return undefined;
  }

  #groupsOf(asked: Meaning): Alike[] {
    return asked.keys.map((key) => this.#alike.get(key)).filter((alike) => alike !== undefined);
  }

  #isOutdated(exchange: Exchange): boolean {
    return this.#writes?.outdate(exchange) === true;
  }

  /** The first of these that is not used. */
  #next(alike: Alike): Exchange | undefined {
    const { exchanges } = alike;
    while (alike.next < exchanges.length && this.#used[exchanges[alike.next].index] === 1) alike.next++;
    return exchanges[alike.next];
  }

  #use(exchange: Exchange): void {
    this.#used[exchange.index] = 1;
    this.#last = Math.max(this.#last, exchange.index);
    this.#writes?.add(exchange);
    // An event may have waited for this request, or waits for one that was to come before it.
    const concerned = this.#proceed() || this.#hasLeftOut();
    if (concerned && this.options.events === 'recorded') for (const socket of this.listening) socket.wake();
  }

  /** How many of the events may come: of all that there are, the first. */
  get due(): number {
    return this.options.events === 'recorded' ? this.#due : this.script.events.length;
  }

  /**
   * The program waits for events and for nothing else: the request that the next event waits for is another program's.
   * If all requests are the program's own, it has left out those before the last that it made.
   * @returns false if the next event still waits, or none does
   */
  giveUp(): boolean {
    if (this.script.ofOne) {
      if (!this.#hasLeftOut()) return false;
      const { exchanges } = this.script;
      for (let index = this.#first; index < this.#last; index++)
        if (this.#used[index] === 0) this.#foreign.add(exchanges[index]);
    } else {
      const cause = this.#causeOf(this.#due);
      if (cause === undefined) return false;
      this.#foreign.add(cause);
    }
    return this.#proceed();
  }

  /** What the next event waits for, in words; undefined if none waits for a request of the program. */
  get awaited(): string | undefined {
    const { events, ofOne, exchanges } = this.script;
    return ofOne && this.#due < events.length ? exchanges[this.#first]?.words : undefined;
  }

  /** The program made a later request than one that the next event waits for. */
  #hasLeftOut(): boolean {
    return this.script.ofOne && this.#due < this.script.events.length && this.#first < this.#last;
  }

  /** Finds out which events are due now. True when there are more than before. */
  #proceed(): boolean {
    const before = this.#due;
    const { events, exchanges, ofOne } = this.script;
    while (this.#used[this.#first] === 1 || this.#foreign.has(exchanges[this.#first])) this.#first++;
    const waits = (index: number): boolean =>
      ofOne ? events[index].after > this.#first : this.#causeOf(index) !== undefined;
    while (this.#due < events.length && !waits(this.#due)) this.#due++;
    return this.#due > before;
  }

  /** The request that the kernel reports an event with, while it has not been made. */
  #causeOf(index: number): Exchange | undefined {
    const event = this.script.events.at(index);
    if (event === undefined) return undefined;
    const cause = this.script.causeOf(event);
    return cause === undefined || this.#used[cause.index] === 1 || this.#foreign.has(cause) ? undefined : cause;
  }

  #explain(request: Uint8Array): string {
    const asked = describeRequest(request);
    const recorded = this.#equal.get(keyOf(request))?.exchanges.length ?? 0;
    if (recorded > 0) {
      const times = recorded === 1 ? 'once, and that is' : `${recorded} times, and they are`;
      return `the capture answers ${asked} ${times} used up (repeat: true gives the last again)`;
    }
    const offered = this.#offered(request);
    if (offered.size === 0) return `the capture has no answer to ${asked}, nor any that is not used`;
    // The difference is in no word: a flag, or an attribute in another place.
    const alike = offered.get(asked)?.request;
    const bytes = alike === undefined ? '' : ` (${describeBytes(request)}, but it has ${describeBytes(alike)})`;
    const names = [...offered].slice(0, NAMED).map(([words, { count }]) => `${words}${count > 1 ? ` (${count})` : ''}`);
    if (offered.size > NAMED) names.push('...');
    return `the capture has no answer to ${asked}${bytes}. The capture has: ${names.join('; ')}`;
  }

  /**
   * By their words the first requests that are not used, those of the operation that was asked for before the others.
   */
  #offered(request: Uint8Array): Map<string, { request: Uint8Array; count: number }> {
    const operation = operationOf(request);
    const same = new Map<string, { request: Uint8Array; count: number }>();
    const others = new Map(same);
    const { exchanges } = this.script;
    for (let looked = 0, index = this.#first; looked < LOOKED_AT && index < exchanges.length; index++) {
      if (this.#used[index] === 1) continue;
      looked++;
      const next = exchanges[index];
      const { words } = next;
      const group = operationOf(next.request) === operation ? same : others;
      const known = group.get(words);
      if (known === undefined) group.set(words, { request: next.request, count: 1 });
      else known.count++;
    }
    return new Map([...same, ...others]);
  }
}

function answerOf(exchange: Exchange, asked: Meaning): Answer | undefined {
  const likeness = exchange.meaning.answers(asked);
  return likeness === undefined ? undefined : { exchange, keeps: likeness === 'same' ? undefined : asked.keeps };
}

/** The first, but rather the same than more. */
function better(known: Answer | undefined, other: Answer): Answer {
  return known === undefined || (known.keeps !== undefined && other.keeps === undefined) ? other : known;
}

function add(map: Map<string, Alike>, key: string, exchange: Exchange): void {
  const alike = map.get(key);
  if (alike === undefined) map.set(key, { exchanges: [exchange], next: 0 });
  else alike.exchanges.push(exchange);
}

const LATIN1 = new TextDecoder('latin1');

/** What equal requests have in common: all but nlmsg_seq and nlmsg_pid, which are another socket's. */
function keyOf(request: Uint8Array): string {
  return LATIN1.decode(request.subarray(4, 8)) + LATIN1.decode(request.subarray(NLMSG_HDRLEN));
}
