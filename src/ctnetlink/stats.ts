/** Statistics of the table: attributes that are no flow, a dozen 32-bit counters. */
import { walkAttributes } from '../netlink/nlattr.ts';
import { attributesOf, readNfgenmsg } from '../nfnetlink/nfgenmsg.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';

/** Counters of one CPU (CTA_STATS_*), 32 bits each, in the order in which conntrack -S prints them. */
export interface CpuStats {
  /** Number of the CPU (res_id of the message). */
  cpu: number;
  /** Searches that found an entry (CTA_STATS_FOUND). */
  found: number;
  /** Packets that could not be tracked (CTA_STATS_INVALID). */
  invalid: number;
  /** Entries that were inserted (CTA_STATS_INSERT). */
  insert: number;
  /** Entries that could not be inserted, such as one that was already there (CTA_STATS_INSERT_FAILED). */
  insertFailed: number;
  /** Packets that were dropped, because no entry could be made for them (CTA_STATS_DROP). */
  drop: number;
  /** Entries that were dropped from a full table to make room (CTA_STATS_EARLY_DROP). */
  earlyDrop: number;
  /** ICMP errors that belong to no tracked flow (CTA_STATS_ERROR). */
  error: number;
  /** Lookups that began again, because the table was resized (CTA_STATS_SEARCH_RESTART). */
  searchRestart: number;
  /**
   * Insertions that clashed with an equal entry and were resolved (CTA_STATS_CLASH_RESOLVE). Undefined before Linux
   * 5.10.
   */
  clashResolve?: number;
  /**
   * Packets that were dropped, because a hash chain was too long (CTA_STATS_CHAIN_TOOLONG). Undefined before Linux
   * 5.14.
   */
  chainTooLong?: number;
  /**
   * Entries that lookups passed (CTA_STATS_SEARCHED). Kernels after 4.6 to 5.10 do not count it; undefined where they
   * do not send it.
   */
  searched?: number;
  /** As `searched`: flows that were added (CTA_STATS_NEW). */
  new?: number;
  /** As `searched`: packets of flows that were already known (CTA_STATS_IGNORE). */
  ignore?: number;
  /** As `searched`: flows that were removed (CTA_STATS_DELETE). */
  delete?: number;
  /** As `searched`: flows that were put on the dying list (CTA_STATS_DELETE_LIST). */
  deleteList?: number;
}

/** The whole table (CTA_STATS_GLOBAL_*). */
export interface GlobalStats {
  /** Flows in the table of this network namespace. */
  entries: number;
  /** nf_conntrack_max; undefined before Linux 4.18. */
  maxEntries?: number;
}

/** Attribute type -> property: which counter each CTA_STATS_ attribute is. */
const CPU_COUNTERS: readonly (Exclude<keyof CpuStats, 'cpu'> | undefined)[] = (() => {
  const counters: Exclude<keyof CpuStats, 'cpu'>[] = [];
  counters[cta.CTA_STATS_SEARCHED] = 'searched';
  counters[cta.CTA_STATS_FOUND] = 'found';
  counters[cta.CTA_STATS_NEW] = 'new';
  counters[cta.CTA_STATS_INVALID] = 'invalid';
  counters[cta.CTA_STATS_IGNORE] = 'ignore';
  counters[cta.CTA_STATS_DELETE] = 'delete';
  counters[cta.CTA_STATS_DELETE_LIST] = 'deleteList';
  counters[cta.CTA_STATS_INSERT] = 'insert';
  counters[cta.CTA_STATS_INSERT_FAILED] = 'insertFailed';
  counters[cta.CTA_STATS_DROP] = 'drop';
  counters[cta.CTA_STATS_EARLY_DROP] = 'earlyDrop';
  counters[cta.CTA_STATS_ERROR] = 'error';
  counters[cta.CTA_STATS_SEARCH_RESTART] = 'searchRestart';
  counters[cta.CTA_STATS_CLASH_RESOLVE] = 'clashResolve';
  counters[cta.CTA_STATS_CHAIN_TOOLONG] = 'chainTooLong';
  return counters;
})();

/** @throws DecodeError */
export function decodeCpuStats(view: DataView, offset: number, end: number): CpuStats {
  const stats: CpuStats = {
    // The CPU number is big-endian in res_id.
    cpu: readNfgenmsg(view, offset, end).res_id,
    found: 0,
    invalid: 0,
    insert: 0,
    insertFailed: 0,
    drop: 0,
    earlyDrop: 0,
    error: 0,
    searchRestart: 0,
  };
  walkAttributes(view, attributesOf(offset, end), end, (type, _view, start, stop) => {
    const counter = CPU_COUNTERS[type];
    if (counter !== undefined && stop - start >= 4) stats[counter] = view.getUint32(start);
  });
  return stats;
}

/** @throws DecodeError */
export function decodeGlobalStats(view: DataView, offset: number, end: number): GlobalStats {
  const stats: GlobalStats = { entries: 0 };
  walkAttributes(view, attributesOf(offset, end), end, (type, _view, start, stop) => {
    if (stop - start < 4) return;
    if (type === cta.CTA_STATS_GLOBAL_ENTRIES) stats.entries = view.getUint32(start);
    else if (type === cta.CTA_STATS_GLOBAL_MAX_ENTRIES) stats.maxEntries = view.getUint32(start);
  });
  return stats;
}

/** Expectations of one CPU since boot, of this network namespace (CTA_STATS_EXP_*), 32 bits each. */
export interface ExpectationCpuStats {
  /** Number of the CPU (res_id of the message). */
  cpu: number;
  /** Expected flows that came (CTA_STATS_EXP_NEW). */
  new: number;
  /** Expectations that were created (CTA_STATS_EXP_CREATE). */
  create: number;
  /** Expectations that ended, whether their flow came or not (CTA_STATS_EXP_DELETE). */
  delete: number;
}

/** Attribute type -> property. */
const EXPECTATION_COUNTERS: readonly (Exclude<keyof ExpectationCpuStats, 'cpu'> | undefined)[] = (() => {
  const counters: Exclude<keyof ExpectationCpuStats, 'cpu'>[] = [];
  counters[cta.CTA_STATS_EXP_NEW] = 'new';
  counters[cta.CTA_STATS_EXP_CREATE] = 'create';
  counters[cta.CTA_STATS_EXP_DELETE] = 'delete';
  return counters;
})();

/**
 * The message has the type of a conntrack one (0x103, Linux 6.18): only its sequence number shows what it answers.
 * @throws DecodeError
 */
export function decodeExpectationCpuStats(view: DataView, offset: number, end: number): ExpectationCpuStats {
  const cpu = readNfgenmsg(view, offset, end).res_id;
  const stats: ExpectationCpuStats = { cpu, new: 0, create: 0, delete: 0 };
  walkAttributes(view, attributesOf(offset, end), end, (type, _view, start, stop) => {
    const counter = EXPECTATION_COUNTERS[type];
    if (counter !== undefined && stop - start >= 4) stats[counter] = view.getUint32(start);
  });
  return stats;
}
