/** `ctnetlink anonymize IN OUT`: a capture with other addresses, for others to read. */
import { readFileSync } from 'node:fs';
import { Anonymizer, isOnlyRelease } from '../../anonymize/anonymizer.ts';
import type { Dropped } from '../../anonymize/dropped.ts';
import { type AnonymizeOptions, checkAnonymizeOptions, type DropWord } from '../../anonymize/options.ts';
import { UsageError } from '../options/settings.ts';
import { type Change, convert, convertSettings } from './convert.ts';
import { refuseSame } from './same-file.ts';

/** @returns the exit status @throws UsageError */
export async function anonymizeFile(operands: readonly string[], values: ReadonlyMap<string, string>): Promise<number> {
  const settings = convertSettings('anonymize', operands, values.get('format'));
  const keyFile = values.get('key-file');
  if (keyFile !== undefined) refuseSame(keyFile, settings.to);
  const anonymizer = new Anonymizer(optionsOf(values));
  const change: Change = {
    datagrams: (datagram) => anonymizer.datagrams(datagram),
    release: (release) => (isOnlyRelease(release) ? release : undefined),
    leftOut: () => leftOutMessages(anonymizer.dropped),
  };
  return await convert(settings, change);
}

function optionsOf(values: ReadonlyMap<string, string>): AnonymizeOptions {
  const file = values.get('key-file');
  const options: AnonymizeOptions = {
    key: file === undefined ? undefined : new Uint8Array(readFileSync(file)),
    keep: values.get('keep')?.split(','),
    drop: values.get('drop')?.split(',') as DropWord[] | undefined,
  };
  if (options.key?.length === 0) throw new UsageError(`${file} is empty; put 16 random bytes or more into it`);
  try {
    checkAnonymizeOptions(options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(error.message.replace(/^options\.(\w+)\[\d+\]/, '--$1'));
  }
  return options;
}

function leftOutMessages({ otherSubsystems, broken }: Dropped): string[] {
  const lines: string[] = [];
  if (otherSubsystems > 0) lines.push(`left out: ${messages(otherSubsystems)} of other subsystems of netfilter`);
  if (broken > 0) lines.push(`left out: ${messages(broken)} that cannot be decoded`);
  return lines;
}

function messages(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`;
}
