/** Captures that other tools made, against what those tools read in them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { readCapture, writeCapture } from '../../src/capture/capture.ts';
import { messages } from '../../src/capture/messages.ts';
import { CAPTURES, captureBytes, captureNames } from '../support/captures.ts';
import { describeUnless, onPath } from '../support/kernel.ts';

/** What a file of both formats must have in common: tcpdump counted microseconds. */
function summary(file: Uint8Array): [fromKernel: boolean, microseconds: bigint, hex: string][] {
  return readCapture(file).datagrams.map(({ fromKernel, time, bytes }) => [
    fromKernel,
    time! / 1000n,
    Buffer.from(bytes).toString('hex'),
  ]);
}

describe('captures of other tools', () => {
  const names = captureNames('.pcap', '.pcapng');

  it('are all read, and nothing of ours in them is skipped', () => {
    const read = Object.fromEntries(
      names.map((name) => {
        const { datagrams, skipped } = readCapture(captureBytes(name));
        const { otherFamilies, otherLinkTypes, ...rest } = skipped;
        expect(rest, name).to.deep.equal({ truncated: 0, broken: 0, cut: undefined });
        return [name, [datagrams.length, otherFamilies, otherLinkTypes]];
      }),
    );
    expect(read).to.deep.equal({
      'Ccount.pcap': [2, 0, 0],
      'Ccount.pcapng': [2, 0, 0],
      'E.pcap': [36, 0, 0],
      'E.pcapng': [36, 0, 0],
      'G.pcap': [3, 0, 0],
      'G.pcapng': [3, 0, 0],
      'L.pcap': [3, 0, 0],
      'L.pcapng': [3, 0, 0],
      'Lexp.pcap': [2, 0, 0],
      'Lexp.pcapng': [2, 0, 0],
      'Lf4.pcap': [3, 0, 0],
      'Lf4.pcapng': [3, 0, 0],
      'Lsrc.pcap': [3, 0, 0],
      'Lsrc.pcapng': [3, 0, 0],
      'multi.pcapng': [3, 0, 2],
      'rtcut.pcap': [94, 23, 0],
      'seq0.pcap': [3, 6, 0],
      'two.pcap': [9, 0, 0],
      'two.pcapng': [9, 0, 0],
    });
  });

  it('are the same in both formats', () => {
    const both = captureNames('.pcapng').filter((name) => names.includes(name.replace('.pcapng', '.pcap')));
    expect(both).to.have.length(8);
    for (const name of both)
      expect(summary(captureBytes(name)), name).to.deep.equal(summary(captureBytes(name.replace('.pcapng', '.pcap'))));
  });

  it('are the same when they were compressed', () => {
    for (const name of names) {
      const file = captureBytes(name);
      expect(readCapture(gzipSync(file)), name).to.deep.equal(readCapture(file));
    }
  });

  it('are the same when they are written again', () => {
    for (const name of names) {
      const { datagrams } = readCapture(captureBytes(name));
      for (const format of ['pcap', 'pcapng'] as const)
        expect(readCapture(writeCapture(datagrams, { format })).datagrams, `${name} ${format}`).to.deep.equal(
          datagrams,
        );
    }
  });

  const missing = ['tshark', 'editcap', 'mergecap'].find((tool) => !onPath(tool));
  describeUnless(missing === undefined ? undefined : `no ${missing}`, 'and Wireshark', () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'ctnetlink-captures-'));
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    function run(tool: string, ...args: string[]): string {
      return execFileSync(tool, args, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
    }

    /** Time and datagram of each packet of NETLINK_NETFILTER, as tshark reads them. */
    function oracle(path: string): [time: string, hex: string][] {
      const found: [string, string][] = [];
      const packets = JSON.parse(run('tshark', '-r', path, '-T', 'json', '-x')) as {
        _source: { layers: { frame: Record<string, string>; frame_raw: [string] } };
      }[];
      for (const { _source } of packets) {
        const [hex] = _source.layers.frame_raw;
        // ARPHRD_NETLINK, NETLINK_NETFILTER
        if (hex.slice(4, 8) !== '0338' || hex.slice(28, 32) !== '000c') continue;
        found.push([seconds(_source.layers.frame['frame.time_epoch']), hex.slice(32)]);
      }
      return found;
    }

    function seconds(text: string): string {
      // Newer ones print the date.
      if (text.includes('T'))
        return String(BigInt(Date.parse(`${text.slice(0, 19)}Z`)) * 1_000_000n + BigInt(text.slice(20, 29)));
      const [whole, fraction] = text.split('.');
      return String(BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0')));
    }

    function ours(file: Uint8Array): [time: string, hex: string][] {
      return readCapture(file).datagrams.map(({ time, bytes }) => [String(time), Buffer.from(bytes).toString('hex')]);
    }

    for (const name of names) {
      it(`agree about ${name}`, () => {
        expect(ours(captureBytes(name))).to.deep.equal(oracle(CAPTURES + name));
      });
    }

    for (const format of ['pcap', 'pcapng'] as const) {
      it(`agree about what is written as ${format}`, () => {
        const { datagrams } = readCapture(captureBytes('two.pcapng'));
        const path = join(folder, `written.${format}`);
        writeFileSync(path, writeCapture(datagrams, { format }));
        expect(oracle(path)).to.deep.equal(ours(captureBytes('two.pcapng')));
      });
    }

    it('agree about what editcap and mergecap make of them', () => {
      const two = `${CAPTURES}two.pcapng`;
      const variants: [tool: string, ...args: string[]][] = [
        ['editcap', '-F', 'pcap', two],
        ['editcap', '-F', 'nsecpcap', two],
        ['editcap', '-F', 'pcapng', `${CAPTURES}two.pcap`],
        ['editcap', '-t', '3.5', two],
        ['mergecap', '-a', '-w', two, `${CAPTURES}multi.pcapng`, `${CAPTURES}rtcut.pcap`],
        ['mergecap', '-w', two, `${CAPTURES}L.pcap`, `${CAPTURES}E.pcapng`],
      ];
      for (const [index, [tool, ...args]] of variants.entries()) {
        const path = join(folder, `variant${index}`);
        if (tool === 'mergecap') run(tool, '-w', path, ...args.filter((arg) => arg !== '-w'));
        else run(tool, ...args, path);
        expect(ours(readFileSync(path)), args.join(' ')).to.deep.equal(oracle(path)).and.not.be.empty;
      }
    });

    it('count the packets that a snap length cut, and give the messages before', () => {
      const path = join(folder, 'snapped');
      run('editcap', '-s', '400', `${CAPTURES}L.pcapng`, path);
      const { datagrams, skipped } = readCapture(readFileSync(path));
      expect(skipped).to.include({ truncated: 1, broken: 0 });
      const whole = readCapture(captureBytes('L.pcapng')).datagrams;
      expect(datagrams.map(({ bytes }) => bytes.length)).to.deep.equal([
        whole[0].bytes.length,
        16,
        // Of 384 bytes the first flow has 312.
        messages(whole[1].bytes)[0].length,
        whole[2].bytes.length,
      ]);
    });
  });
});
