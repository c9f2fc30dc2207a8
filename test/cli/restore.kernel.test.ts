/** `-L -o save | -R -`: the same table again, and the connections in it go on. */
import { expect } from 'chai';
import { TCP_STATES } from '../../src/ctnetlink/names.ts';
import { conntrack, ctnetlink, MAIN, run } from '../support/command.ts';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';
import { Router } from '../support/router.ts';

/**
 * The table without what ticks, as conntrack(8) lists it; and without what the tests before left on the loopback
 * interface.
 */
function table(): string[] {
  const lines = ['ipv4', 'ipv6'].flatMap((family) => sh('conntrack', '-L', '-f', family, '-o', 'extended').split('\n'));
  const ours = lines.filter((line) => / src=(?!127\.|::1 )/.test(line));
  return ours.map((line) => line.replace(/^((?:\S+ +){4})\d+ /, '$1# ').replace(/ use=.*/, '')).sort();
}

describeKernel('cli: -L -o save | -R -', ['root', 'conntrack', 'nft', 'ip'], () => {
  beforeEach(() => resetNamespace());
  after(() => resetNamespace());

  /** Saves, empties the table, and restores: conntrack(8) empties, the rest is ours. */
  function saveAndRestore(): void {
    const { stdout } = ctnetlink('-L', '-o', 'save');
    sh('conntrack', '-F');
    const restored = run('sh', ['-c', `printf %s "$1" | "$0" "${MAIN}" -R -`, process.execPath, stdout]);
    expect(restored).to.deep.equal({ stdout: '', stderr: '', status: 0 });
  }

  it('restores every protocol, state, NAT and zone', () => {
    const lines = everyKind();
    for (const line of lines) expect(conntrack('-I', '-t', '500', ...line.split(' ')).status, line).to.equal(0);
    const before = table();
    expect(before).to.have.lengthOf(lines.length);
    saveAndRestore();
    expect(table()).to.deep.equal(before);
  });

  it('a transfer goes on through `ct state invalid drop`, and the flow sees its end', async () => {
    const router = await Router.open();
    try {
      await router.send(1_000_000);
      expect(router.state).to.equal('ESTABLISHED');
      await router.silently(saveAndRestore);
      expect(router.state).to.equal('ESTABLISHED');
      await router.send(20_000_000);
      expect(router.invalid).to.equal(0);
      await router.end();
      expect(router.state).to.be.oneOf(['LAST_ACK', 'TIME_WAIT']);
      expect(router.invalid).to.equal(0);
    } finally {
      router.close();
    }
  });

  it('creates the reply of protocols without ports and of ICMP', () => {
    const ping =
      '-s 192.0.2.1 -d 198.51.100.2 -r 198.51.100.2 -q 192.0.2.1 -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 9';
    expect(ctnetlink('-I', '-t', '60', ...ping.split(' ')).status).to.equal(0);
    expect(ctnetlink('-I', '-t', '60', ...'-r 224.0.0.22 -q 192.0.2.9 -p 2'.split(' ')).status).to.equal(0);
    expect(table().map((line) => line.replace(/ +/g, ' '))).to.have.members([
      'ipv4 2 icmp 1 # src=192.0.2.1 dst=198.51.100.2 type=8 code=0 id=9 [UNREPLIED] src=198.51.100.2 dst=192.0.2.1 type=0 code=0 id=9 mark=0',
      'ipv4 2 unknown 2 # src=192.0.2.9 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=192.0.2.9 mark=0',
    ]);
  });
});

/** Lines for -I: one flow each. */
function everyKind(): string[] {
  const four = {
    s: '10.0.0.1',
    d: '10.0.1.1',
    n: '192.0.2.1',
    g: '192.0.2.2',
    at: (a: string, port: number) => `${a}:${port}`,
  };
  const six = {
    s: 'fd00::1',
    d: 'fd00:1::1',
    n: 'fd00:2::1',
    g: 'fd00:2::2',
    at: (a: string, port: number) => `[${a}]:${port}`,
  };
  return [four, six].flatMap(({ s, d, n, g, at }) => {
    const icmp = (id: number, [request, other] = s === four.s ? ['8', '13'] : ['128', '139']): string => {
      const name = s === four.s ? 'icmp' : 'icmpv6';
      return `-p ${name} --${name}-type ${id === 3 ? other : request} --${name}-code 0 --${name}-id ${id}`;
    };
    const tcp = '-p tcp --state ESTABLISHED -u ASSURED,SEEN_REPLY --dport 80';
    const states = Object.keys(TCP_STATES);
    return [
      ...states.map((state, index) => `-p tcp --sport ${1000 + index} --dport 80 --state ${state}`),
      '-p udp --sport 1 --dport 2',
      '-p udp --sport 3 --dport 2 -u SEEN_REPLY,ASSURED',
      '-p udp --sport 4 --dport 2 -u FIXED_TIMEOUT',
      '-p udplite --sport 1 --dport 2',
      '-p sctp --sport 1 --dport 2 --state ESTABLISHED --orig-vtag 5 --reply-vtag 6',
      '-p gre --srckey 1 --dstkey 0x20',
      icmp(1),
      `${icmp(2)} -u SEEN_REPLY`,
      icmp(3),
      // IGMP, IP in IP, IPv6 in IP, ESP, AH, OSPF, PIM, VRRP and what has no name.
      ...[0, 2, 4, 41, 50, 51, 89, 103, 112, 255].map((number) => `-p ${number}`),
      `${tcp} --sport 5001 -n ${n}`,
      `${tcp} --sport 5002 -n ${at(n, 6000)}`,
      `${tcp} --sport 5003 -g ${g}`,
      `${tcp} --sport 5004 -g ${at(g, 8080)}`,
      `${tcp} --sport 5005 -n ${n} -g ${g}`,
      `${tcp} --sport 5006 -n ${at(n, 6001)} -g ${at(g, 8081)}`,
      `-p udp --sport 5007 --dport 80 -n ${at(n, 6001)} -g ${at(g, 8081)}`,
      `-p udplite --sport 12 --dport 2 -n ${at(n, 99)}`,
      `-p sctp --sport 11 --dport 2 --state ESTABLISHED --orig-vtag 5 --reply-vtag 6 -n ${n}`,
      `-p gre --srckey 7 --dstkey 8 -g ${g}`,
      `${icmp(4)} -n ${n}`,
      `${icmp(5)} -g ${g}`,
      `-p 50 -w 4 -n ${n}`,
      '-p udp --sport 20 --dport 2 -w 3',
      '-p udp --sport 21 --dport 2 --orig-zone 4',
      '-p udp --sport 22 --dport 2 --reply-zone 5',
      `${icmp(6)} -w 3`,
      '-p 89 -w 3',
      `${tcp} --sport 23 -w 3 -n ${n}`,
    ].map((line) => `-s ${s} -d ${d} ${line}`);
  });
}
