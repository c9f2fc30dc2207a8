/** --replay and --record. Loaded where one of them is given. */
import { readFileSync } from 'node:fs';
import type { TransportFactory } from '../../netlink/transport.ts';
import { replay } from '../../replay/replay.ts';
import { type Recorder, type RecordOptions, record } from '../../transport/record.ts';
import { labelMapPath } from '../options/labels.ts';
import { type Settings, UsageError } from '../options/settings.ts';
import { named } from './named.ts';
import { refuseSame, STANDARD } from './same-file.ts';

export function openCapture(path: string, release: string | undefined): TransportFactory {
  const capture = path === STANDARD ? new Uint8Array(readFileSync(0)) : path;
  // The command is seldom written as it was when the capture was made, nor by the same program.
  return named(path, () => replay(capture, { match: 'meaning', ...(release !== undefined && { release }) }));
}

/** @throws UsageError where the file is one that the command reads */
export function openRecorder(to: string, { replay: from, file }: Settings, options: RecordOptions): Recorder {
  if (to === STANDARD)
    throw new UsageError(
      '--record - would mix the capture with what is printed; name a file, or write to a descriptor: --record /dev/fd/3 3>FILE',
    );
  for (const read of [from, file, labelMapPath()]) if (read !== undefined) refuseSame(read, to);
  return record(to, options);
}
