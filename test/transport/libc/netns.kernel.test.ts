/** What goes wrong on the way into another network namespace, and on the way back. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Conntrack } from '../../../src/index.ts';
import type { Netns } from '../../../src/netlink/netns.ts';
import type { Transport } from '../../../src/netlink/transport.ts';
import { replay } from '../../../src/replay.ts';
import { ROOT } from '../../support/command.ts';
import { rejection } from '../../support/fake-transport.ts';
import { describeKernel, sh } from '../../support/kernel.ts';

const here = (): string => readlinkSync('/proc/thread-self/ns/net');

describe('netns', () => {
  const WRONG: readonly (readonly [netns: unknown, type: unknown, message: RegExp])[] = [
    ['', RangeError, /^options\.netns must be the name or the path of a network namespace, not ''$/],
    ['..', RangeError, /^options\.netns must be the name or the path/],
    ['a\0b', RangeError, /^options\.netns must be the name or the path/],
    [undefined, TypeError, /^options\.netns is undefined: leave it out for the network namespace of the process$/],
    [null, TypeError, /^options\.netns must be a name, a path, \{ pid \} or \{ fd \}, not null$/],
    [7, TypeError, /^options\.netns must be a name/],
    [{}, TypeError, /^options\.netns must be a name/],
    [{ pid: 1, fd: 1 }, TypeError, /^options\.netns must have pid or fd, not both$/],
    [{ pid: 0 }, RangeError, /^options\.netns\.pid must be an integer from 1 to/],
    [{ pid: '1' }, TypeError, /^options\.netns\.pid must be a number/],
    [{ fd: -1 }, RangeError, /^options\.netns\.fd must be an integer/],
    [{ fd: 1, path: '' }, TypeError, /^options\.netns\.path is no option/],
  ];
  for (const [netns, type, message] of WRONG)
    it(`${JSON.stringify(netns)} is refused before anything is opened`, async () => {
      expect(await rejection(Conntrack.open({ netns: netns as Netns })))
        .to.be.instanceOf(type)
        .with.property('message')
        .that.matches(message);
    });

  it('a capture is in no namespace, and a transport that knows none is not used for another', async () => {
    const transport = replay('fixtures/mixed/capture.pcap');
    expect(await rejection(Conntrack.open({ transport, netns: 'blue' }))).to.include({
      code: 'ERR_UNSUPPORTED',
      message: 'a capture is in no network namespace: leave netns out',
    });
    let closed = false;
    const close = (): void => {
      closed = true;
    };
    const own = async (): Promise<Transport> => Object.assign(await transport(), { close });
    expect(await rejection(Conntrack.open({ transport: own, netns: 'blue' }))).to.include({
      code: 'ERR_UNSUPPORTED',
      message: "the transport 'replay' opens no socket in another network namespace",
    });
    expect(closed).to.equal(true);
  });
});

describeKernel('netns of a kernel', ['root', 'ip', 'setpriv'], () => {
  const name = `ctnetlink-${process.pid}`;
  before(() => void sh('ip', 'netns', 'add', name));
  after(() => void sh('ip', 'netns', 'del', name));

  it('takes a name, a path, a descriptor and a process', async () => {
    const { ino } = statSync(`/run/netns/${name}`);
    const fd = openSync(`/run/netns/${name}`, 'r');
    const child = spawn('ip', ['netns', 'exec', name, 'sh', '-c', 'echo; exec sleep 1000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await new Promise((resolve) => child.stdout.once('data', resolve));
      const pid = child.pid!;
      for (const [netns, called] of [
        [name, name],
        [`/run/netns/${name}`, `/run/netns/${name}`],
        [{ fd }, `fd ${fd}`],
        [{ pid }, `pid ${pid}`],
      ] as const) {
        await using ct = await Conntrack.open({ netns });
        expect(ct.netns).to.deep.equal({ inode: ino, name: called });
      }
      // It is the caller's.
      closeSync(fd);
    } finally {
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('close', resolve));
    }
  });

  it('says what to do where there is none, and where it is something else', async () => {
    for (const [netns, code, message] of [
      ['nowhere', 'ENOENT', /^open: ENOENT: network namespace 'nowhere': there is no \/run\/netns\/nowhere; lsns/],
      [{ pid: 0x7fffffff }, 'ENOENT', /there is no \/proc\/2147483647\/ns\/net/],
      ['/dev/null', 'EINVAL', /^setns: EINVAL: network namespace '\/dev\/null': \/dev\/null is no network namespace$/],
      ['/proc/self/ns/uts', 'EINVAL', /is no network namespace$/],
      [{ fd: 999_999 }, 'ENOENT', /there is no/],
    ] as const) {
      const home = here();
      const error = (await rejection(Conntrack.open({ netns }))) as NodeJS.ErrnoException;
      expect(error.message).to.match(message);
      expect([error.name, error.code]).to.deep.equal(['TransportError', code]);
      expect(here()).to.equal(home);
    }
  });

  /** What a program prints that runs in a process of its own, behind `command`. */
  function printed(program: string, ...command: string[]): string[] {
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '--no-warnings', '-e', program];
    return sh(...([...command, ...node] as [string, ...string[]]))
      .trim()
      .split('\n');
  }

  const source = (path: string): string => JSON.stringify(join(ROOT, path));

  it('says who may', () => {
    const program = `
      import { readlinkSync } from 'node:fs';
      import { Conntrack } from ${source('src/index.ts')};
      const home = readlinkSync('/proc/thread-self/ns/net');
      const error = await Conntrack.open({ netns: ${JSON.stringify(name)} }).catch((error) => error);
      console.log(error.message);
      console.log(home === readlinkSync('/proc/thread-self/ns/net'));`;
    const [message, stayed] = printed(program, 'setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin');
    expect(message).to.match(new RegExp(`^setns: EPERM: network namespace '${name}': it takes CAP_SYS_ADMIN in `));
    expect(stayed).to.equal('true');
  });

  it('opens no socket any more where the way back fails', () => {
    const program = `
      import { readdirSync } from 'node:fs';
      import { Namespace } from ${source('src/netlink/netns.ts')};
      import { openSocket } from ${source('src/transport/libc/socket.ts')};
      import { libc } from ${source('test/support/calls.ts')};
      let calls = 0;
      // The third is the way back.
      const setns = (...given) => (++calls === 3 ? libc.setns(-1, 0) : libc.setns(...given));
      const attempt = (open) => {
        try {
          open().close();
          return 'opened';
        } catch (error) {
          return error.message;
        }
      };
      attempt(() => openSocket(libc));
      const before = readdirSync('/proc/self/fd').length;
      console.log(attempt(() => openSocket({ ...libc, setns }, { netns: new Namespace(${JSON.stringify(name)}) })));
      console.log(attempt(() => openSocket(libc)));
      console.log(readdirSync('/proc/self/fd').length - before);`;
    const [first, second, left] = printed(program);
    expect(first).to.match(/^setns: EBADF: this thread did not come back to its network namespace, so no socket/);
    expect(second).to.equal(first);
    expect(left).to.equal('0');
  });
});
