/**
 * What the general options set: the functions of the rows of options.ts that more than one row has, or that are more
 * than a line.
 */
import { FAMILIES, type Family } from '../../ctnetlink/names.ts';
import { ORIG, REPLY, STATUS, type TupleSlots } from '../../ctnetlink/slots.ts';
import { STATUS_BITS } from '../../ctnetlink/status.ts';
import { readFilter } from './filter-text.ts';
import type { Option } from './option.ts';
import { type NatWanted, type Settings, UsageError } from './settings.ts';
import { listed, type Parsed, parseNat, parseNetwork, parseSingle, unsigned } from './values.ts';

/** What -u takes; those of NAT do nothing. */
export const STATUSES = [
  'ASSURED',
  'SEEN_REPLY',
  'UNSET',
  'FIXED_TIMEOUT',
  'EXPECTED',
  'OFFLOAD',
  'HW_OFFLOAD',
] as const;
const NAT_STATUSES = ['SRC_NAT', 'DST_NAT'] as const;

export function setFamily(settings: Settings, family: Family): void {
  if (settings.family !== undefined && settings.family !== family) throw new UsageError('mismatched address family');
  settings.family = family;
}

function setAddress(
  settings: Settings,
  object: 'flow' | 'mask' | 'expected',
  tuple: TupleSlots,
  end: 'src' | 'dst',
  { family, address }: Parsed,
): void {
  setFamily(settings, family);
  const { slots } = settings[object];
  slots[tuple.family] = FAMILIES[family];
  if (end === 'src') slots[family === 'ipv4' ? tuple.src4 : tuple.src6] = address;
  else slots[family === 'ipv4' ? tuple.dst4 : tuple.dst6] = address;
}

/** An address of the original direction, with a prefix length, which implies its mask. */
export function address(end: 'src' | 'dst'): Option['apply'] {
  return (settings, value) => {
    const parsed = parseNetwork(value!);
    setAddress(settings, 'flow', ORIG, end, parsed);
    if (parsed.mask !== undefined) settings.masks[end] = parsed.mask;
  };
}

export function replyAddress(end: 'src' | 'dst'): Option['apply'] {
  return (settings, value) => {
    setAddress(settings, 'flow', REPLY, end, parseSingle(value!, `--reply-${end}`));
  };
}

/** --tuple-src and --tuple-dst: a prefix length implies the mask of the expectation. */
export function expected(end: 'src' | 'dst'): Option['apply'] {
  return (settings, value) => {
    const parsed = parseNetwork(value!);
    setAddress(settings, 'expected', ORIG, end, parsed);
    if (parsed.mask !== undefined) setMask(settings, end, { family: parsed.family, address: parsed.mask });
  };
}

/** --mask-src and --mask-dst: of flows to select, or of an expectation; the command may come behind and say which. */
export function mask(end: 'src' | 'dst'): Option['apply'] {
  return (settings, value) => {
    setMask(settings, end, parseSingle(value!, `--mask-${end}`));
  };
}

function setMask(settings: Settings, end: 'src' | 'dst', parsed: Parsed): void {
  setAddress(settings, 'mask', ORIG, end, parsed);
  settings.masks[end] = parsed.address;
}

export function nat(which: 'src' | 'dst' | 'any'): Option['apply'] {
  return (settings, value) => {
    if (value === undefined) {
      settings.nat[which] ??= {};
      return;
    }
    const { family, ...wanted } = parseNat(value, `--${which}-nat`);
    setFamily(settings, family);
    settings.nat[which] = wanted satisfies NatWanted;
  };
}

export function slot(number: number, bits: 16 | 32, base: 0 | 10 = 0): Option['apply'] {
  return ({ flow }, value) => {
    flow.slots[number] = bits === 32 ? unsigned(value!, bits, base) | 0 : unsigned(value!, bits, base);
  };
}

/** By what was read so far: a file has few of them, many times. */
const STATUS_OF = new Map<string, number>();

export function status({ flow, warnings }: Settings, value: string | undefined): void {
  const before = (flow.slots[STATUS] ?? 0) as number;
  let bits = STATUS_OF.get(value!);
  if (bits === undefined) {
    bits = 0;
    let warned = false;
    for (const name of listed(value!, [...NAT_STATUSES, ...STATUSES])) {
      if (name === 'SRC_NAT' || name === 'DST_NAT') {
        const instead = name === 'SRC_NAT' ? '--src-nat' : '--dst-nat';
        warnings.push(`WARNING: ignoring ${name}, use ${instead} instead`);
        warned = true;
      } else if (name !== 'UNSET') bits |= STATUS_BITS[name];
    }
    if (!warned) STATUS_OF.set(value!, bits);
  }
  flow.slots[STATUS] = before | bits;
}

export function filter(settings: Settings, text: string | undefined): void {
  settings.filter = readFilter(text!, settings.filter);
}
