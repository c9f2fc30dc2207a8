import { releaseNumber } from '../../netlink/release.ts';

/**
 * What a kernel understands. Old kernels ignore filter attributes that they do not know, and a filtered flush whose
 * filter is ignored empties the table; so what is sent is decided by the release, and where it is unknown, by the
 * oldest.
 *
 * Distributions carry changes back but never take any away, so a release is a safe lower bound.
 */
export interface KernelSupport {
  /** CTA_TUPLE_ZONE: zones of one direction (4.3). */
  directionZone: boolean;
  /** Family of a dump request (Linux 4.20). */
  dumpFamily: boolean;
  /** CTA_FILTER with tuples in a dump (5.8). */
  dumpTuple: boolean;
  /** CTA_STATUS and CTA_STATUS_MASK in a dump or flush (5.15). */
  status: boolean;
  /** CTA_ZONE in a dump or flush (6.8; zone 0 meant every zone until 6.9). */
  zone: boolean;
  /** Family of a flush, with nfgenmsg.version 1 (5.3). */
  flushFamily: boolean;
  /** CTA_FILTER with tuples in a flush (6.12; one release later here, since that was not re-checked on a 6.12). */
  flushTuple: boolean;
}

/** The release that each came with. */
const SINCE: Readonly<Record<keyof KernelSupport, string>> = {
  directionZone: '4.3',
  dumpFamily: '4.20',
  dumpTuple: '5.8',
  status: '5.15',
  zone: '6.9',
  flushFamily: '5.3',
  flushTuple: '6.13',
};

const NUMBERS = Object.entries(SINCE).map(
  ([name, release]) => [name as keyof KernelSupport, releaseNumber(release)] as const,
);

/** From a release such as '6.18.0-generic'; anything else counts as the oldest kernel. */
export function kernelSupport(release: string | undefined): KernelSupport {
  const version = releaseNumber(release);
  return Object.fromEntries(NUMBERS.map(([name, since]) => [name, version >= since])) as unknown as KernelSupport;
}

/** The oldest release that has all of these; undefined for none of them. */
export function releaseWith(features: Iterable<keyof KernelSupport>): string | undefined {
  let newest: string | undefined;
  for (const each of features) if (releaseNumber(SINCE[each]) > releaseNumber(newest)) newest = SINCE[each];
  return newest;
}

/** The first release that understands all that a filter may say. */
export const NEWEST = releaseWith(NUMBERS.map(([name]) => name))!;
