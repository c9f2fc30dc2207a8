/** Events of other network namespaces: the rights that they take, their captures, and transports without them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Conntrack, type FlowEventOrOverrun } from '../../../src/index.ts';
import type { Transport } from '../../../src/netlink/transport.ts';
import { nfct_open } from '../../../src/nfct/index.ts';
import { record, replay } from '../../../src/replay.ts';
import { CONNTRACK } from '../../../src/uapi/libnetfilter_conntrack.ts';
import { ROOT } from '../../support/command.ts';
import { rejection } from '../../support/fake-transport.ts';
import { describeKernel, sh } from '../../support/kernel.ts';

const source = (path: string): string => JSON.stringify(join(ROOT, path));

const told = (event: FlowEventOrOverrun): unknown =>
  event.type === 'overrun' ? event : [event.type, event.flow.mark, event.nsid];

/** What all events of a stream say, when it has been drained. */
async function drained(stream: AsyncIterable<FlowEventOrOverrun> & { drain(): void }): Promise<unknown[]> {
  stream.drain();
  const all: unknown[] = [];
  for await (const event of stream) all.push(told(event));
  return all;
}

describe('events of all network namespaces', () => {
  it('are refused by a transport that has none, and by nfct_open', async () => {
    const plain = replay('fixtures/mixed/capture.pcap');
    let closed = false;
    const close = (): void => {
      closed = true;
    };
    const own = async (): Promise<Transport> => Object.assign(await plain(), { close });
    await using ct = await Conntrack.open({ transport: own });
    expect(await rejection(ct.events({ allNamespaces: true }))).to.include({
      code: 'ERR_UNSUPPORTED',
      message: "the transport 'replay' has no events of other network namespaces",
    });
    expect(closed).to.equal(true);
    expect(await rejection(nfct_open(CONNTRACK, 0, { transport: plain, allNamespaces: true }))).to.include({
      code: 'ERR_UNSUPPORTED',
      message: 'a callback has no place for the network namespace of an event: leave allNamespaces out',
    });
    expect(await rejection(ct.events({ allNamespaces: 1 as unknown as boolean }))).to.be.instanceOf(TypeError);
  });
});

describeKernel('events of all network namespaces of a kernel', ['root', 'ip', 'setpriv', 'unshare', 'nsenter'], () => {
  const name = `ctnetlink-all-${process.pid}`;
  const nsid = 4711;
  let folder: string;
  before(() => {
    sh('ip', 'netns', 'add', name);
    sh('ip', 'netns', 'set', name, `${nsid}`);
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
  });
  after(() => {
    sh('ip', 'netns', 'del', name);
    rmSync(folder, { recursive: true });
  });

  const flow = (mark: number) => ({
    orig: { src: '192.0.2.1', dst: '192.0.2.2', proto: 'udp', sport: mark, dport: 53 } as const,
    timeout: 600,
    mark,
  });

  it('are recorded with their namespace, and replayed to those who ask for it', async () => {
    for (const extension of ['pcap', 'pcapng', 'hex']) {
      const path = join(folder, `all.${extension}`);
      const recorder = record(path);
      let given: unknown[];
      {
        await using ct = await Conntrack.open({ transport: recorder });
        const events = await ct.events({ allNamespaces: true });
        // Recorded too, and in its namespace.
        await using there = await Conntrack.open({ transport: recorder, netns: name });
        expect(there.netns?.name).to.equal(name);
        for (const each of [there, ct]) {
          await each.create(flow(1));
          await each.delete(flow(1));
        }
        given = await drained(events);
      }
      recorder.close();
      expect(given).to.deep.equal([
        ['new', 1, nsid],
        ['destroy', 1, nsid],
        ['new', 1, undefined],
        ['destroy', 1, undefined],
      ]);
      await using ct = await Conntrack.open({ transport: replay(path) });
      expect(await drained(await ct.events({ allNamespaces: true })), extension).to.deep.equal(given);
      await using other = await Conntrack.open({ transport: replay(path) });
      expect(await drained(await other.events()), extension).to.deep.equal(given.slice(2));
    }
  });

  /** Runs a program of a shell, which ends by itself. @returns the lines that it printed */
  const shell = (script: string): string[] =>
    sh('unshare', '-n', 'sh', '-e', '-c', script, ROOT, process.execPath).trim().split('\n');

  it('take CAP_NET_BROADCAST', () => {
    const program = `
      import { Conntrack } from ${source('src/index.ts')};
      const ct = await Conntrack.open();
      console.log((await ct.events({ allNamespaces: true }).catch((error) => error)).message);
      await ct.close();`;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '--no-warnings', '-e', program] as const;
    const without = sh('setpriv', '--bounding-set=-net_broadcast', '--inh-caps=-net_broadcast', ...node);
    expect(without).to.match(/^setsockopt: EPERM: events of all network namespaces take CAP_NET_BROADCAST in the user/);
  });

  it('of a namespace whose owner does not grant it are not seen, and of others are', () => {
    // Prints what it sees until a flow of its own namespace is gone. What it waits for comes last.
    const listener = `
      import { Conntrack } from ${source('src/index.ts')};
      const ct = await Conntrack.open();
      const events = await ct.events({ allNamespaces: true, types: ["new"] });
      console.log("listening");
      for await (const { flow, nsid } of events) {
        console.log(flow.orig.sport, nsid === undefined ? "own" : "other");
        if (nsid === undefined) break;
      }
      await ct.close();`;
    const flows = (port: number): string =>
      `conntrack -I -s 192.0.2.1 -d 192.0.2.2 -p udp --sport ${port} --dport 53 -t 60 > /dev/null 2>&1`;
    // The namespace of the shell belongs to the first user namespace; the listener's, and another, to one inside of it.
    // The ids come with the pairs of interfaces between them.
    const lines = shell(`
      cd "$0"; node=$1
      differs() { [ "$(readlink /proc/$1/ns/$3)" != "$(readlink /proc/$2/ns/$3)" ]; }
      fifo=$(mktemp -u); mkfifo "$fifo"
      trap 'rm -f "$fifo"; kill $inner $other $listener 2>/dev/null || :' EXIT
      unshare -Urn sleep 1000 & inner=$!
      until differs $inner self user && differs $inner self net; do sleep 0.01; done
      in="nsenter -t $inner -U --preserve-credentials -n"
      $in unshare -n sleep 1000 & other=$!
      until differs $other self net && differs $other $inner net; do sleep 0.01; done
      ip link add va type veth peer name vb
      ip link set va netns $inner
      $in sh -c "ip link add vc type veth peer name vd && ip link set vd netns $other"
      $in "$node" --import tsx --input-type=module --no-warnings -e '${listener}' > "$fifo" & listener=$!
      exec 3< "$fifo"
      read -r line <&3; echo "$line"
      ${flows(1001)}
      nsenter -t $other -U --preserve-credentials -n ${flows(1002)}
      $in ${flows(1003)}
      cat <&3`);
    expect(lines).to.deep.equal(['listening', '1002 other', '1003 own']);
  });
});
