/** What the model counts, and the messages that say it: struct ip_conntrack_stat, all of it on the first CPU. */
import type { Writer } from '../netlink/writer.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';

export class Statistics {
  insert = 0;
  insertFailed = 0;
  drop = 0;
  expectNew = 0;
  expectCreate = 0;
  expectDelete = 0;

  /** CTA_STATS_* of one CPU, in the order of ctnetlink_ct_stat_cpu_fill_info. */
  writeCpu(writer: Writer, cpu: number): void {
    const first = cpu === 0;
    for (const [type, count] of [
      [cta.CTA_STATS_FOUND, 0],
      [cta.CTA_STATS_INVALID, 0],
      [cta.CTA_STATS_INSERT, this.insert],
      [cta.CTA_STATS_INSERT_FAILED, this.insertFailed],
      [cta.CTA_STATS_DROP, this.drop],
      [cta.CTA_STATS_EARLY_DROP, 0],
      [cta.CTA_STATS_ERROR, 0],
      [cta.CTA_STATS_SEARCH_RESTART, 0],
      [cta.CTA_STATS_CLASH_RESOLVE, 0],
      [cta.CTA_STATS_CHAIN_TOOLONG, 0],
    ])
      writer.attributeBe32(type, first ? count : 0);
  }

  /** CTA_STATS_EXP_*. */
  writeExpectationCpu(writer: Writer, cpu: number): void {
    const first = cpu === 0;
    writer.attributeBe32(cta.CTA_STATS_EXP_NEW, first ? this.expectNew : 0);
    writer.attributeBe32(cta.CTA_STATS_EXP_CREATE, first ? this.expectCreate : 0);
    writer.attributeBe32(cta.CTA_STATS_EXP_DELETE, first ? this.expectDelete : 0);
  }
}
