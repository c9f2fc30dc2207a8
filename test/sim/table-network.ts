/**
 * What happens in a network beside a table (src/table), drawn from a seed: flows that packets create, change and end,
 * storms, flows without events, and a hash table that is resized during a dump.
 */
import type { SlotValue } from '../../src/ctnetlink/attributes/kinds.ts';
import { Flow, type FlowInit, flowCodec } from '../../src/ctnetlink/flow.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { EVENT_TIME, MARK, ORIG, REPLY, STATUS, TCP_STATE } from '../../src/ctnetlink/slots.ts';
import { completeFrom } from '../../src/ctnetlink/tuple.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { align4 } from '../../src/netlink/nlmsg.ts';
import { Writer } from '../../src/netlink/writer.ts';
import { EVENT_ALL } from '../../src/testing/entry.ts';
import type { ModelDump } from '../../src/testing/messages.ts';
import { KERNEL, type ModelEvent } from '../../src/testing/table.ts';
import { keyOf } from '../../src/testing/tuple-table.ts';
import type { Random } from '../support/random.ts';
import type { Kernel } from './kernel.ts';
import { expires, packet, packetCreates } from './traffic.ts';

/** Milliseconds between two flows: none takes the place of another in less than the kernel's clock shows. */
const BETWEEN = 20;

export interface NetworkOptions {
  readonly kernel: Kernel;
  readonly random: Random;
  /** Tuples that there may be. */
  readonly flows: number;
  /** nf_conntrack_timestamp. */
  readonly timestamps: boolean;
}

export class Network {
  /** nf_conntrack_events. */
  eventsSwitch = 1;
  /** How often it was switched off. */
  timesOff = 0;
  /** nf_conntrack_buckets. */
  buckets = 1024;
  /** Whether the table has a flow with this key. */
  known: (key: string) => boolean = () => false;
  /** Keys of flows that have ended without an event, since this was cleared. */
  readonly endedSilently = new Set<string>();
  quiet = false;
  /** How often a flow with this key has begun, and has ended. */
  readonly begun = new Map<string, number>();
  readonly ended = new Map<string, number>();
  readonly #options: NetworkOptions;
  readonly #inits: FlowInit[] = [];
  readonly #keys: string[] = [];
  readonly #writer = new Writer(4096);
  /** What is created now is older than every listener. */
  #old = false;

  constructor(options: NetworkOptions) {
    this.#options = options;
    const { kernel, random } = options;
    const { table } = kernel;
    const { model } = kernel.netlink;
    for (let i = 0; i < options.flows; i++) {
      const proto = random.oneIn(2) ? ('tcp' as const) : ('udp' as const);
      const orig = random.oneIn(6)
        ? { src: 'fd00::1', dst: 'fd00::2', proto, sport: 1000 + i, dport: 53 }
        : { src: '10.0.0.1', dst: '10.0.0.2', proto, sport: 1000 + i, dport: 53 };
      const zone = random.pick([{}, {}, {}, { zone: 1 + (i % 3) }, { orig: { ...orig, zone: 5 } }]);
      this.#inits.push({ orig, timeout: random.pick([1, 3, 30, 600]), ...zone });
      this.#keys.push(keyOf(Flow.from(this.#inits[i]).slots));
    }
    const { changed, event, extensions } = table;
    const alive = new Set<string>();
    table.changed = (key, mark) => {
      changed(key, mark);
      if (mark === undefined) {
        alive.delete(key);
        this.ended.set(key, (this.ended.get(key) ?? 0) + 1);
      } else if (!alive.has(key)) {
        alive.add(key);
        this.begun.set(key, (this.begun.get(key) ?? 0) + 1);
      }
    };
    const { request } = model;
    table.event = (each) => event(this.#timed(each));
    table.extensions = (synproxy) => ({
      ...extensions.call(table, synproxy),
      events: this.eventsSwitch === 1 && !(this.#old && random.oneIn(2)),
    });
    model.request = (message, portid) => {
      const answer = request.call(model, message, portid);
      return answer.dump === undefined ? answer : { ...answer, dump: this.#resizing(answer.dump) };
    };
  }

  /** What the kernel has of a flow. */
  real(key: string): Flow | undefined {
    return this.#options.kernel.table.entries.get(key)?.flow;
  }

  /** The flow sends no events. */
  isSilent(key: string): boolean {
    return this.#options.kernel.table.entries.get(key)?.extensions.events === false;
  }

  /** Something happens: so many times, or as often as chance wants. */
  traffic(count?: number): void {
    if (this.quiet) return;
    const { random, kernel } = this.#options;
    if (random.oneIn(400)) {
      this.eventsSwitch = 1 - this.eventsSwitch;
      if (this.eventsSwitch === 0) this.timesOff++;
    }
    let times = count ?? 1;
    if (count === undefined && random.oneIn(40)) times = random.between(10, 400);
    for (let i = 0; i < times; i++) this.#one();
    if (kernel.faults.happens('foreign datagram') && kernel.netlink.sockets.size > 0) kernel.netlink.foreign();
  }

  /** Flows that were there before anybody listened. */
  before(): void {
    this.#old = true;
    for (const at of this.#inits.keys()) if (this.#options.random.oneIn(2)) this.#packet(at);
    this.#old = false;
  }

  #one(): void {
    const { random, kernel } = this.#options;
    const { table } = kernel;
    const at = random.below(this.#keys.length);
    const key = this.#keys[at];
    const entry = table.entries.get(key);
    switch (random.below(9)) {
      case 0:
      case 1:
        this.#packet(at);
        break;
      case 2:
      case 3:
        this.#ends(key);
        break;
      case 4:
        packet(table, key);
        break;
      case 5:
      case 6:
        if (entry === undefined) break;
        entry.slots[MARK] = random.below(3);
        table.touch(entry);
        table.announceUpdate(entry, 0, KERNEL);
        break;
      case 7:
        if (entry?.slots[TCP_STATE] === undefined) break;
        entry.slots[TCP_STATE] = Math.min(8, (entry.slots[TCP_STATE] as number) + 1);
        table.touch(entry);
        table.announceUpdate(entry, EVENT_ALL, KERNEL);
        break;
      default:
        if (random.oneIn(200)) for (const each of [...table.entries.keys()]) this.#ends(each);
    }
  }

  #packet(at: number): void {
    const { kernel, random } = this.#options;
    kernel.table.now += BETWEEN;
    const flow = Flow.from({ ...this.#inits[at], mark: random.below(3) }).clone();
    completeFrom(flow.slots, ORIG, REPLY);
    packetCreates(kernel.table, flow);
  }

  #ends(key: string): void {
    if (this.isSilent(key)) this.endedSilently.add(key);
    expires(this.#options.kernel.table, key);
  }

  /** The event with its time, where the kernel notes times. */
  #timed(each: ModelEvent): ModelEvent {
    const { kernel, timestamps } = this.#options;
    const flow = decodeFlow(viewOf(each.bytes), 0, each.bytes.length);
    flowCodec.makeRoom(flow);
    flow.slots[EVENT_TIME] = timestamps ? kernel.table.time : undefined;
    const writer = this.#writer.reset();
    writer.reserve(20);
    writer.bytes.set(each.bytes.subarray(0, 20));
    flowCodec.write(writer, flow);
    const bytes = writer.finish().slice();
    viewOf(bytes).setUint32(0, bytes.length, HOST_LITTLE_ENDIAN);
    return { ...each, bytes };
  }

  /** Some dumps miss flows that were there all the time: any flows while the hash table is resized. */
  #resizing(dump: ModelDump): ModelDump {
    const { random } = this.#options;
    if (!random.oneIn(4)) return dump;
    const resized = random.oneIn(2) && !this.quiet;
    if (resized) this.buckets++;
    return {
      next: (size, repeat) => {
        const bytes = dump.next(size, repeat);
        if (bytes === undefined) return undefined;
        return without(bytes, (message) => {
          if (!random.oneIn(6)) return false;
          return resized || this.known(keyOf(decodeFlow(viewOf(message), 0, message.length).slots));
        });
      },
    };
  }
}

/** Some of the messages. The first always stays: a datagram has at least one. */
function without(bytes: Uint8Array, misses: (message: Uint8Array) => boolean): Uint8Array {
  const view = viewOf(bytes);
  const kept: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = align4(view.getUint32(at, HOST_LITTLE_ENDIAN));
    const message = bytes.subarray(at, at + length);
    if (kept.length === 0 || !misses(message)) kept.push(message);
    at += length;
  }
  return new Uint8Array(Buffer.concat(kept));
}

/** A flow as text, in all that events keep true. */
export function shown(slots: readonly SlotValue[]): string {
  return `${slots[MARK] ?? 0} ${slots[STATUS]} ${slots[TCP_STATE] ?? '-'}`;
}
