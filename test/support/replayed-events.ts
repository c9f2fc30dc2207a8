/** -E of a capture, without a process. */
import { expect } from 'chai';
import { flowEvents } from '../../src/cli/commands/events.ts';
import { parse } from '../../src/cli/options/parse.ts';
import { Output } from '../../src/cli/output.ts';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { replay } from '../../src/replay/replay.ts';

/** What -E prints of a capture, from inside of this process: standard output and standard error. */
export async function replayed(capture: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const settings = parse(['-E', '--replay', capture, ...args]);
  let [stdout, stderr] = ['', ''];
  const stream = {
    on: () => {},
    once: () => {},
    write: (text: string) => {
      stdout += text;
      return true;
    },
  };
  const { write } = process.stderr;
  process.stderr.write = (text: string | Uint8Array): boolean => {
    stderr += text;
    return true;
  };
  try {
    const open = () => Conntrack.open({ transport: replay(capture) });
    await using ct = await open();
    const output = new Output(stream);
    expect(await flowEvents({ ct, each: [{ ct, netns: undefined }], open, settings, output })).to.equal(0);
  } finally {
    process.stderr.write = write;
  }
  return { stdout, stderr };
}

/** The program that caused an event is known only while it runs; the time of printing differs. */
export function neutral(stdout: string): string[] {
  return stdout.split('\n').map((line) =>
    line
      .replace(/( \[USERSPACE\] portid=\d+) progname=.*$/, '$1')
      .replace(/^\[\d+\.\d{6}\]\t/, '[TIME]\t')
      .replace(/<when>.*?<\/when>/, '<when/>'),
  );
}
