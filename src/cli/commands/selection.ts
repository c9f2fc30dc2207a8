/** Which flows a command is about: what conntrack(8) selects with the same options. */

import { type SlotValue, sameValue } from '../../ctnetlink/attributes/kinds.ts';
import { type Comparison, flowsMatch } from '../../ctnetlink/compare.ts';
import { bothOf } from '../../ctnetlink/filter/builder.ts';
import { AllOf } from '../../ctnetlink/filter/condition.ts';
import { CompiledFilter } from '../../ctnetlink/filter/filter.ts';
import type { RangeSet } from '../../ctnetlink/filter/ranges.ts';
import { comparisonsOf, FilterTerms, oneOfSeveral } from '../../ctnetlink/filter/terms.ts';
import type { Flow } from '../../ctnetlink/flow.ts';
import { labelBits } from '../../ctnetlink/labels.ts';
import { FAMILIES } from '../../ctnetlink/names.ts';
import { NAT_ENDS } from '../../ctnetlink/nat.ts';
import {
  DCCP_STATE,
  ID,
  LABELS,
  MARK,
  ORIG,
  PORT_SLOTS,
  REPLY,
  SCTP_STATE,
  SCTP_VTAG_ORIG,
  SCTP_VTAG_REPLY,
  SECMARK,
  STATUS,
  TCP_STATE,
  TIMEOUT,
  ZONE,
} from '../../ctnetlink/slots.ts';
import { hasTuple } from '../../ctnetlink/tuple.ts';
import { KernelError } from '../../netlink/errors.ts';
import { EINVAL } from '../../uapi/errno.ts';
import { IPPROTO_GRE } from '../../uapi/in.ts';
import { AF_INET } from '../../uapi/socket.ts';
import { type Address, type NatWanted, type Settings, UsageError } from '../options/settings.ts';
import { masking } from '../options/values.ts';

/** What -U changes, and so does not select by. */
export const CHANGED: readonly number[] = [
  TIMEOUT,
  STATUS,
  TCP_STATE,
  SCTP_STATE,
  SCTP_VTAG_ORIG,
  SCTP_VTAG_REPLY,
  DCCP_STATE,
];
const SOURCES = [ORIG.src4, ORIG.src6];
const DESTINATIONS = [ORIG.dst4, ORIG.dst6];

/**
 * Every property that is set must be equal, and status bits must be set. A property that the flow lacks is not equal,
 * except for zones: the kernel leaves out zone 0.
 */
const COMPARISON: Comparison = { orig: true, reply: true, rest: true, required: 'first' };

/**
 * The terms that a kernel can be asked for: of zones only that of the flow, and no 0, which to the kernel also means
 * that neither direction has one, and of addresses those that count whole.
 */
function termsOf({ mark, family, ports }: Settings, wanted: Flow, changes: boolean): FilterTerms {
  const { slots } = wanted;
  const status = slots[STATUS] === undefined ? undefined : (slots[STATUS] as number) >>> 0;
  return new FilterTerms({
    family: family === undefined ? undefined : FAMILIES[family],
    mark: mark === undefined || changes ? undefined : { value: (mark.value & mark.mask) >>> 0, mask: mark.mask },
    status: status === undefined ? undefined : { value: status, mask: status },
    zone: slots[ZONE] === 0 ? undefined : (slots[ZONE] as number | undefined),
    compared: [
      ...[ORIG, REPLY].flatMap((tuple) => comparisonsOf(tuple, slots).filter(({ slot }) => slot !== tuple.zone)),
      ...ports.map(([slot, set]) => oneOfSeveral(ORIG.all.includes(slot) ? ORIG : REPLY, slot, set)),
    ],
  });
}

/**
 * What must be equal.
 * @throws KernelError EINVAL as a kernel that is asked for a status of no bits
 */
function wantedOf({ flow, masks }: Settings, changes: boolean): Flow {
  const wanted = flow.clone();
  const { slots } = wanted;
  // A flow has no security mark to compare.
  slots[SECMARK] = undefined;
  // Ports are compared only beside the protocol, which is that of both directions.
  if (hasTuple(slots, REPLY)) slots[REPLY.proto] ??= slots[ORIG.proto];
  if (changes) for (const slot of CHANGED) slots[slot] = undefined;
  // The kernel refuses to compare no bit at all: no status selects nothing rather than everything.
  if (slots[STATUS] === 0) throw new KernelError(EINVAL, { operation: 'dump', sequence: 0 });
  if (masks.src !== undefined) for (const slot of SOURCES) slots[slot] = undefined;
  if (masks.dst !== undefined) for (const slot of DESTINATIONS) slots[slot] = undefined;
  return wanted;
}

/**
 * The terms, and what --filter asks for.
 * @throws UsageError where they are of different families
 */
function conditionOf({ filter }: Settings, terms: FilterTerms): AllOf {
  const classic = new AllOf(terms);
  if (filter === undefined) return classic;
  try {
    return bothOf(classic, filter.condition, '--filter with the other options');
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** A filter as conntrack(8) compares: each flow once, here, of what the kernel could be asked for. */
export class Selection extends CompiledFilter {
  readonly #settings: Settings;
  readonly #wanted: Flow;
  readonly #changes: boolean;
  readonly #ports: readonly (readonly [slot: number, set: RangeSet])[];

  /**
   * @param changes the options -m, -t, -u and --state say what is to change, not what is selected (-U)
   * @throws KernelError EINVAL as a kernel that is asked for a status of no bits
   */
  constructor(settings: Settings, changes = false) {
    const wanted = wantedOf(settings, changes);
    super(conditionOf(settings, termsOf(settings, wanted, changes)));
    this.#settings = settings;
    this.#wanted = wanted;
    this.#changes = changes;
    this.#ports = settings.ports;
  }

  /** Everything matches. */
  override get empty(): boolean {
    return this.takesAll;
  }

  override get takesAll(): boolean {
    const { family, mark, id, labels, nat, filter } = this.#settings;
    const selecting = [family, this.#changes ? undefined : mark, id, labels, nat.src, nat.dst, nat.any, filter];
    return (
      selecting.every((each) => each === undefined) &&
      this.#ports.length === 0 &&
      this.#wanted.slots.every((value) => value === undefined)
    );
  }

  override matches(flow: Flow): boolean {
    const { family, mark, id, labels, masks, nat, filter, flow: asked } = this.#settings;
    const { slots } = flow;
    if (family !== undefined && slots[ORIG.family] !== FAMILIES[family]) return false;
    if (mark !== undefined && !this.#changes) {
      // An event leaves out a mark of 0, which then matches nothing; nor does a value with bits outside of its mask.
      if (slots[MARK] === undefined) return false;
      if ((((slots[MARK] as number) & mark.mask) ^ mark.value) !== 0) return false;
    }
    if (id !== undefined && ((slots[ID] as number | undefined) ?? 0) >>> 0 !== id) return false;
    for (let i = 0; i < this.#ports.length; i++) {
      const [slot, set] = this.#ports[i];
      const port = slots[slot];
      if (typeof port !== 'number' || !set.has(port)) return false;
    }
    if (labels !== undefined && !hasLabels(slots[LABELS], labels)) return false;
    if (masks.src !== undefined && !inNetwork(asked, slots, SOURCES, masks.src)) return false;
    if (masks.dst !== undefined && !inNetwork(asked, slots, DESTINATIONS, masks.dst)) return false;
    if (nat.src !== undefined && !isTranslated(slots, 'src', nat.src)) return false;
    if (nat.dst !== undefined && !isTranslated(slots, 'dst', nat.dst)) return false;
    if (nat.any !== undefined && !isTranslated(slots, 'src', nat.any) && !isTranslated(slots, 'dst', nat.any))
      return false;
    if (filter?.condition.holds(slots) === false) return false;
    return flowsMatch(this.#wanted, flow, COMPARISON) && hasKeys(slots, this.#wanted.slots);
  }
}

/** conntrack(8) takes all flows of GRE, whatever keys it is asked for. */
function hasKeys(slots: readonly SlotValue[], wanted: readonly SlotValue[]): boolean {
  if (wanted[ORIG.proto] !== IPPROTO_GRE) return true;
  return PORT_SLOTS.every((key) => wanted[key] === undefined || wanted[key] === slots[key]);
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

/**
 * Whether the reply goes elsewhere than to whom the packet came from (source NAT), or comes from elsewhere than it went
 * to. Unlike `flow.nat` by the tuples alone, as conntrack(8).
 */
function isTranslated(slots: readonly SlotValue[], end: 'src' | 'dst', { address, port }: NatWanted): boolean {
  const { ipv4, ipv6, port: ports } = NAT_ENDS[end];
  const [mine, theirs] = slots[ORIG.family] === AF_INET ? ipv4 : ipv6;
  const [myPort, theirPort] = ports;
  const moved = !sameValue(slots[mine], slots[theirs]);
  const portMoved = slots[myPort] !== slots[theirPort];
  if (address === undefined) return moved || portMoved;
  return moved && sameValue(slots[theirs], address) && (port === undefined || (portMoved && slots[theirPort] === port));
}
