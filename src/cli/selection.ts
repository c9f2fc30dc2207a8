/** Which flows a command is about: what conntrack(8) selects with the same options. */
import { type Comparison, flowsMatch } from '../ctnetlink/compare.ts';
import type { Filter } from '../ctnetlink/filter.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import type { SlotValue } from '../ctnetlink/kinds.ts';
import { sameValue } from '../ctnetlink/kinds.ts';
import { labelBits } from '../ctnetlink/labels.ts';
import { hasTuple, ORIG, REPLY, slotOfProperty, type TupleSlots } from '../ctnetlink/tuple.ts';
import { KernelError } from '../netlink/errors.ts';
import { EINVAL } from '../uapi/errno.ts';
import { AF_INET } from '../uapi/socket.ts';
import type { Address, NatWanted, Settings } from './settings.ts';
import { masking } from './values.ts';

const ID = slotOfProperty('id');
const MARK = slotOfProperty('mark');
const ZONE = slotOfProperty('zone');
const STATUS = slotOfProperty('status');
const SECMARK = slotOfProperty('secmark');
const LABELS = slotOfProperty('labels');
/** What -U changes, and so does not select by. */
export const CHANGED: readonly number[] = [
  ...['timeout', 'status', 'tcp.state', 'sctp.state', 'sctp.vtagOrig', 'sctp.vtagReply', 'dccp.state'],
].map((property) => slotOfProperty(property));
const ZONES = [ZONE, ORIG.zone, REPLY.zone];
const SOURCES = [ORIG.src4, ORIG.src6];
const DESTINATIONS = [ORIG.dst4, ORIG.dst6];

/** What is set must be equal, status bits must be set; what the flow does not tell is not. */
const COMPARISON: Comparison = { orig: true, reply: true, rest: true, required: 'first' };

export class Selection {
  readonly #settings: Settings;
  /** What must be equal. */
  readonly #wanted: Flow;
  /** Set where there is nothing to compare but the family. */
  readonly #family: string | undefined;

  /**
   * @param changes the options -m, -t, -u and --state say what is to change, not what is selected (-U)
   * @throws KernelError EINVAL as a kernel that is asked for a status of no bits
   */
  constructor(settings: Settings, changes = false) {
    this.#settings = settings;
    this.#family = settings.family;
    const wanted = settings.flow.clone();
    const { slots } = wanted;
    // The kernel leaves out zones of 0, and a flow has no security mark to compare.
    for (const zone of ZONES) if (slots[zone] === 0) slots[zone] = undefined;
    slots[SECMARK] = undefined;
    // Ports are compared only beside the protocol, which is that of both directions.
    if (hasTuple(slots, REPLY)) slots[REPLY.proto] ??= slots[ORIG.proto];
    if (changes) for (const slot of CHANGED) slots[slot] = undefined;
    // The kernel refuses to compare no bit at all: no status selects nothing rather than everything.
    if (slots[STATUS] === 0) throw new KernelError(EINVAL, { operation: 'dump', sequence: 0 });
    if (settings.masks.src !== undefined) for (const slot of SOURCES) slots[slot] = undefined;
    if (settings.masks.dst !== undefined) for (const slot of DESTINATIONS) slots[slot] = undefined;
    this.#wanted = wanted;
    this.#changes = changes;
  }

  readonly #changes: boolean;

  /** As far as a kernel can be asked for it. */
  get filter(): Filter {
    const { mark, family } = this.#settings;
    const { slots } = this.#wanted;
    const filter: Filter = {};
    if (family !== undefined) filter.family = family;
    if (mark !== undefined && !this.#changes) filter.mark = { value: (mark.value & mark.mask) >>> 0, mask: mark.mask };
    if (slots[STATUS]) filter.status = (slots[STATUS] as number) >>> 0;
    // Not 0: the kernel's also means that neither direction has a zone.
    if (slots[ZONE] !== undefined) filter.zone = slots[ZONE] as number;
    const orig = this.#tuple(ORIG, this.#wanted.orig);
    if (orig !== undefined) filter.orig = orig;
    const reply = this.#tuple(REPLY, this.#wanted.reply);
    if (reply !== undefined) filter.reply = reply;
    return filter;
  }

  /** Everything matches. */
  get empty(): boolean {
    const { family, mark, id, labels, nat, flow } = this.#settings;
    const selecting = [family, this.#changes ? undefined : mark, id, labels, nat.src, nat.dst, nat.any];
    return (
      selecting.every((each) => each === undefined) &&
      this.#wanted.slots.every((value) => value === undefined) &&
      ZONES.every((zone) => flow.slots[zone] === undefined)
    );
  }

  matches(flow: Flow): boolean {
    const { mark, id, labels, masks, nat, flow: asked } = this.#settings;
    const { slots } = flow;
    if (this.#family !== undefined && flow.family !== this.#family) return false;
    if (mark !== undefined && !this.#changes) {
      // An event leaves out a mark of 0, which then matches nothing; nor does a value with bits outside of its mask.
      if (slots[MARK] === undefined) return false;
      if ((((slots[MARK] as number) & mark.mask) ^ mark.value) !== 0) return false;
    }
    if (id !== undefined && ((slots[ID] as number | undefined) ?? 0) >>> 0 !== id) return false;
    for (const zone of ZONES) if (asked.slots[zone] === 0 && slots[zone] !== undefined) return false;
    if (labels !== undefined && !hasLabels(slots[LABELS], labels)) return false;
    if (masks.src !== undefined && !inNetwork(asked, slots, SOURCES, masks.src)) return false;
    if (masks.dst !== undefined && !inNetwork(asked, slots, DESTINATIONS, masks.dst)) return false;
    if (nat.src !== undefined && !isTranslated(slots, 'src', nat.src)) return false;
    if (nat.dst !== undefined && !isTranslated(slots, 'dst', nat.dst)) return false;
    if (nat.any !== undefined && !isTranslated(slots, 'src', nat.any) && !isTranslated(slots, 'dst', nat.any))
      return false;
    return flowsMatch(this.#wanted, flow, COMPARISON);
  }

  /** What of a tuple the kernel can be asked for. */
  #tuple({ all }: TupleSlots, tuple: Flow['orig']): Filter['orig'] {
    const { slots } = this.#wanted;
    if (all.every((slot) => slots[slot] === undefined)) return undefined;
    const { src, dst, proto, sport, dport, icmpType, icmpCode, icmpId } = tuple;
    const parts = { src, dst, proto, sport, dport, icmpType, icmpCode, icmpId };
    return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
  }
}

function hasLabels(value: SlotValue, wanted: readonly number[]): boolean {
  if (value === undefined) return wanted.length === 0;
  const bits = labelBits(value as Uint8Array);
  return wanted.every((bit) => bits.includes(bit));
}

function inNetwork(asked: Flow, slots: readonly SlotValue[], [four, six]: readonly number[], mask: Address): boolean {
  const slot = typeof mask === 'number' ? four : six;
  const wanted = asked.slots[slot];
  const has = slots[slot];
  if (wanted === undefined || has === undefined) return false;
  return sameValue(masking(wanted as Address, mask), masking(has as Address, mask));
}

/** Whether the reply goes elsewhere than to whom the packet came from (source NAT), or comes from elsewhere than it went to. */
function isTranslated(slots: readonly SlotValue[], end: 'src' | 'dst', { address, port }: NatWanted): boolean {
  const four = slots[ORIG.family] === AF_INET;
  const [mine, theirs, myPort, theirPort] =
    end === 'src'
      ? [four ? ORIG.src4 : ORIG.src6, four ? REPLY.dst4 : REPLY.dst6, ORIG.sport, REPLY.dport]
      : [four ? ORIG.dst4 : ORIG.dst6, four ? REPLY.src4 : REPLY.src6, ORIG.dport, REPLY.sport];
  const moved = !sameValue(slots[mine], slots[theirs]);
  const portMoved = slots[myPort] !== slots[theirPort];
  if (address === undefined) return moved || portMoved;
  return moved && sameValue(slots[theirs], address) && (port === undefined || (portMoved && slots[theirPort] === port));
}
