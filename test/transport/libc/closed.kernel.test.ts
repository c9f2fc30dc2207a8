/** A socket whose descriptor somebody else has closed: it says so, and closes no file that has its number now. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { expect } from 'chai';
import type { Transport } from '../../../src/netlink/transport.ts';
import { openTransport } from '../../../src/transport/open.ts';
import { descriptorsOf } from '../../support/descriptors.ts';
import { describeKernel } from '../../support/kernel.ts';

/** A transport, and its descriptor. */
async function open(): Promise<[Transport, number]> {
  const before = new Set(descriptorsOf('socket:'));
  const transport = await openTransport({});
  const [fd] = descriptorsOf('socket:').filter((each) => !before.has(each));
  return [transport, fd];
}

describeKernel('a socket whose descriptor somebody else has closed', () => {
  it('says so, and not before', async () => {
    const [transport, fd] = await open();
    transport.check!();
    closeSync(fd);
    expect(() => transport.check!())
      .to.throw('getsockopt: EBADF')
      .with.property('code', 'EBADF');
    transport.close();
    transport.check!();
  });

  it('says so and closes nothing when a file has the number now', async () => {
    const [transport, fd] = await open();
    closeSync(fd);
    // The least that is free is given out.
    const opened: number[] = [];
    while (!opened.includes(fd)) opened.push(openSync('/dev/null', 'r'));
    expect(() => transport.check!()).to.throw('somebody else has closed the descriptor');
    transport.close();
    expect(fstatSync(fd).isCharacterDevice()).to.equal(true);
    for (const each of opened) closeSync(each);
  });

  it('says so and closes nothing when another socket has the number now', async () => {
    const [transport, fd] = await open();
    closeSync(fd);
    const others: Transport[] = [];
    while (!descriptorsOf('socket:').includes(fd)) others.push(await openTransport({}));
    expect(() => transport.check!()).to.throw('somebody else has closed the descriptor');
    transport.close();
    for (const other of others) other.check!();
    for (const other of others) other.close();
    expect(descriptorsOf('socket:')).not.to.include(fd);
  });

  it('is closed as any other when nobody has closed it', async () => {
    const [transport, fd] = await open();
    transport.close();
    expect(descriptorsOf('socket:')).not.to.include(fd);
  });
});
