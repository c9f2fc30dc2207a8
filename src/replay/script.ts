import { isListensNote, lossOf, nsidOf, releaseOf } from '../capture/notes.ts';
import type { Scan, Scanned } from '../capture/scan.ts';
import type { Source } from '../capture/source.ts';
import { groupOf } from '../ctnetlink/message.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { align4, type nlmsghdr, walkDatagram } from '../netlink/nlmsg.ts';
import { nfnlMessage } from '../nfnetlink/nfgenmsg.ts';
import { NLA_HDRLEN, NLM_F_CREATE, NLMSG_HDRLEN, NLMSG_NOOP, NLMSG_OVERRUN } from '../uapi/netlink.ts';
import { NFGENMSG_LEN } from '../uapi/nfnetlink.ts';
import { IPCTNL_MSG_CT_DELETE } from '../uapi/nfnetlink_conntrack.ts';
import { Conversations, type Exchange } from './conversations.ts';
import { type CapturedEvent, Duplicates, hashOf, isEvent } from './events.ts';
import { releaseFor } from './release.ts';

/** A capture taken apart: what was asked and answered, and the events. It does not change while it is replayed. */
export class Script {
  readonly exchanges: readonly Exchange[];
  readonly events: readonly CapturedEvent[];
  /** Of the kernel that was recorded, as a note says or as far as the requests show it. */
  readonly release: string | undefined;
  /** record() made it, and noted the release. */
  readonly ours: boolean;
  /** All requests are those of one program. nlmon sees those of others too: they have portids. */
  readonly ofOne: boolean;
  /** By group: the index of its last event; of undefined: of the last loss. */
  readonly #lastEvents = new Map<number | undefined, number>();
  /** Requests by the portid of their socket. */
  readonly #requestsOf = new Map<number, Exchange[]>();
  readonly #source: Source;

  constructor(scan: Scan) {
    this.#source = scan.source;
    const reader = new Reader(scan);
    this.exchanges = reader.conversations.exchanges;
    this.events = reader.events;
    this.ours = reader.release !== undefined;
    this.release = reader.release ?? releaseFor(this.exchanges);
    for (const [index, { group }] of this.events.entries()) this.#lastEvents.set(group, index);
    this.ofOne = this.ours || this.exchanges.every(({ portid = 0 }) => portid === 0);
    if (this.ofOne) return;
    for (const exchange of this.exchanges) {
      if (exchange.portid === undefined || exchange.dumps) continue;
      const requests = this.#requestsOf.get(exchange.portid);
      if (requests === undefined) this.#requestsOf.set(exchange.portid, [exchange]);
      else requests.push(exchange);
    }
  }

  /** The index of the last event of a group, or loss; -1 where there is none. */
  lastEvent(group: number | undefined): number {
    return this.#lastEvents.get(group) ?? -1;
  }

  /** The request that the kernel reports an event with: the last of that socket's before it. */
  causeOf({ portid, after }: CapturedEvent): Exchange | undefined {
    if (portid === 0) return undefined;
    return this.#requestsOf.get(portid)?.findLast(({ index }) => index < after);
  }

  /** Valid until the next read. */
  read(at: number, length: number): Uint8Array {
    return this.#source.read(at, length);
  }
}

/** Reads a capture once, from its start to its end. */
class Reader {
  readonly conversations = new Conversations();
  readonly events: CapturedEvent[] = [];
  release: string | undefined;
  readonly #duplicates = new Duplicates();

  constructor(scan: Scan) {
    for (const scanned of scan.datagrams()) {
      const bytes = scan.source.read(scanned.at, scanned.length);
      if (scanned.fromKernel) this.#fromKernel(scanned, bytes, scan.format === 'pcap' || scan.format === 'pcapng');
      else this.#toKernel(scanned, bytes);
    }
    this.conversations.end();
  }

  #toKernel({ socket }: Scanned, bytes: Uint8Array): void {
    walkDatagram(viewOf(bytes), ({ nlmsg_seq }, _view, offset, end) =>
      this.conversations.request(bytes.slice(offset, end), nlmsg_seq, socket),
    );
  }

  #fromKernel(scanned: Scanned, bytes: Uint8Array, tapped: boolean): void {
    const { at, time, socket } = scanned;
    let whose: number | undefined;
    let events = false;
    let nsid: number | undefined;
    walkDatagram(viewOf(bytes), (header, view, offset, end) => {
      const { nlmsg_type } = header;
      if (nlmsg_type === NLMSG_NOOP) {
        this.release ??= releaseOf(bytes.subarray(offset, end));
        nsid = nsidOf(bytes.subarray(offset, end));
        if (socket !== undefined && isListensNote(bytes.subarray(offset, end))) this.#duplicates.listens(socket);
      } else if (nlmsg_type === NLMSG_OVERRUN) {
        const lost = /^lost=(\d+)$/.exec(lossOf(bytes.subarray(offset, end)) ?? '');
        this.#lose(lost === null ? undefined : Number(lost[1]), time);
      } else if (isEvent(header)) {
        events = true;
        this.#event(header, bytes, view, offset, end, scanned, nsid, tapped);
      } else {
        whose = header.nlmsg_pid;
        this.conversations.reply({ header, view, offset, end, at: at + offset, time, first: offset === 0 });
      }
    });
    if (!scanned.cut) return;
    // An answer and events never share a datagram. Of one without any whole message nobody knows what it was.
    if (!events) this.conversations.cut(whose ?? socket);
    if (whose === undefined) this.#lose(undefined, time);
  }

  #lose(lost: number | undefined, time: bigint | undefined): void {
    this.#duplicates.forget();
    const after = this.conversations.exchanges.length;
    this.events.push({ at: 0, length: 0, group: undefined, lost, time, after, portid: 0, nsid: undefined });
  }

  #event(
    header: Readonly<nlmsghdr>,
    bytes: Uint8Array,
    view: DataView,
    offset: number,
    end: number,
    { at, time, socket }: Scanned,
    nsid: number | undefined,
    tapped: boolean,
  ): void {
    const group = groupOf(header);
    if (group === undefined) return;
    // A log of one program, or a text, has an event as often as somebody wrote it.
    if (tapped) {
      const attribute = offset + NLMSG_HDRLEN + NFGENMSG_LEN;
      const first =
        end - attribute < NLA_HDRLEN ? end : attribute + align4(view.getUint16(attribute, HOST_LITTLE_ENDIAN));
      // Flows of several namespaces may be equal.
      const place = 1 + (nsid ?? -1);
      const flow = place + hashOf(bytes, attribute - NFGENMSG_LEN, Math.min(first, end));
      const destroys = nfnlMessage(header.nlmsg_type) === IPCTNL_MSG_CT_DELETE;
      const unique = destroys || (header.nlmsg_flags & NLM_F_CREATE) !== 0;
      if (!this.#duplicates.isNew(place + hashOf(bytes, offset, end), flow, unique, socket)) return;
    }
    const after = this.conversations.exchanges.length;
    const { nlmsg_pid: portid } = header;
    this.events.push({ at: at + offset, length: end - offset, group, lost: undefined, time, after, portid, nsid });
  }
}
