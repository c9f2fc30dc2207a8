/** --netns: a command works in another network namespace, and in several where it changes nothing. */
import { expect } from 'chai';
import { NETLINK_NETFILTER } from '../../src/uapi/netlink.ts';
import { conntrack, ctnetlink, Running } from '../support/command.ts';
import { describeKernel, sh, until } from '../support/kernel.ts';

describeKernel('cli: --netns', ['root', 'ip', 'conntrack'], function () {
  this.timeout(120_000);
  const names = ['one', 'two'].map((name) => `ctnetlink-${process.pid}-${name}`);
  const both = names.flatMap((name) => ['--netns', name]);
  const inside = (name: string, ...command: string[]): string => sh('ip', 'netns', 'exec', name, ...command);
  const line = (sport: number): string[] =>
    `-p udp -s 192.0.2.1 -d 192.0.2.2 --sport ${sport} --dport 53 -t 60000`.split(' ');

  beforeEach(() => {
    for (const name of names) sh('ip', 'netns', 'add', name);
  });
  afterEach(() => {
    for (const name of names) sh('ip', 'netns', 'del', name);
  });

  it('works in that namespace and in no other', () => {
    for (const [index, name] of names.entries())
      expect(ctnetlink('-I', ...line(index + 1), '--netns', name).status).to.equal(0);
    expect(ctnetlink('-U', '-s', '192.0.2.1', '-m', '7', `--netns=/run/netns/${names[0]}`).status).to.equal(0);
    const listed = ctnetlink('-L', '--netns', names[0]).stdout;
    expect(listed).to.match(/^udp .* sport=1 .* mark=7 use=1\n$/);
    // The timeout is in whole seconds, and a second may end in the meantime.
    const still = (text: string): string => text.trimEnd().replace(/ (60000|5\d{4}) /, ' ');
    expect(still(inside(names[0], 'conntrack', '-L'))).to.equal(still(listed));
    expect(inside(names[1], 'conntrack', '-L')).to.match(/ sport=2 .* mark=0 /);
    expect(conntrack('-L').stdout).to.equal('');
    expect(ctnetlink('-D', '-s', '192.0.2.1', '--netns', names[1]).status).to.equal(0);
    expect(ctnetlink('-C', ...both).stdout).to.equal(`1 netns=${names[0]}\n0 netns=${names[1]}\n`);
  });

  it('lists, counts and watches several, and says which namespace an entry belongs to', async () => {
    const running = Running.ctnetlink('-E', ...both);
    const isWatched = (name: string): boolean =>
      inside(name, 'cat', '/proc/net/netlink')
        .split('\n')
        .map((text) => text.trim().split(/\s+/))
        .some(([, protocol, , groups]) => Number(protocol) === NETLINK_NETFILTER && Number.parseInt(groups, 16) > 0);
    await until(() => names.every(isWatched), { what: 'listeners in both' });
    for (const [index, name] of names.entries()) inside(name, 'conntrack', '-I', ...line(index + 1));
    await until(() => running.lines.length === 2, { what: 'both events' });
    expect(await running.stop()).to.equal(0);
    for (const [index, name] of names.entries())
      expect(running.lines.filter((text) => text.endsWith(` netns=${name}`)))
        .to.have.lengthOf(1)
        .and.satisfy(([text]: string[]) => text.includes(` sport=${index + 1} `));
    expect(running.stderr).to.match(/ 2 flow events have been shown\.\n$/);

    const { stdout, stderr } = ctnetlink('-L', ...both);
    expect(
      stdout.match(/ sport=\d .* netns=\S+$/gm)?.map((text) => text.replace(/ dport.*(?= netns)/, '')),
    ).to.deep.equal([` sport=1 netns=${names[0]}`, ` sport=2 netns=${names[1]}`]);
    expect(stderr).to.match(/ 2 flow entries have been shown\.\n$/);
    const flows = JSON.parse(ctnetlink('-L', '-o', 'json', ...both).stdout) as { netns: string }[];
    expect(flows.map(({ netns }) => netns)).to.deep.equal(names);
    const xml = ctnetlink('-L', '-o', 'xml', ...both).stdout;
    expect(xml.match(/<flow netns="[^"]*">/g)).to.deep.equal(names.map((name) => `<flow netns="${name}">`));
    const stats = JSON.parse(ctnetlink('-S', '-o', 'json', ...both).stdout) as { netns: string }[];
    expect(new Set(stats.map(({ netns }) => netns))).to.deep.equal(new Set(names));
    expect(ctnetlink('-S', ...both).stdout).to.match(new RegExp(`^cpu=0 .* netns=${names[1]}$`, 'm'));
    expect(ctnetlink('-C', 'expect', ...both).stdout).to.equal(names.map((name) => `0 netns=${name}\n`).join(''));
  });

  it('refuses to change several at once, before anything is opened', () => {
    for (const args of [['-F'], ['-D', '-s', '192.0.2.1'], ['-I', ...line(1)], ['-F', 'expect']])
      expect(ctnetlink(...args, ...both))
        .to.include({ status: 2 })
        .property('stderr')
        .that.includes("takes one `--netns'");
    expect(ctnetlink('-L', '-o', 'save', ...both).stderr).to.include("`-o save' takes one `--netns'");
    expect(ctnetlink('-L', '--netns', 'no/where').stderr).to.include('there is no no/where');
    expect(ctnetlink('-L', '--netns', '').status).to.equal(2);
    expect(ctnetlink('-L', '--netns', 'blue', '--replay', 'fixtures/mixed/capture.pcap').stderr).to.include(
      'a capture is in no network namespace',
    );
  });
});
