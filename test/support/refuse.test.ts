/** What refuse.c refuses: the calls that are named, with the errno that is named, to all that the command starts. */
import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { describeUnless } from './kernel.ts';
import { CONTAINER, refusing, whyNoRefusal } from './refuse.ts';

describeUnless(whyNoRefusal(), 'refusing system calls', () => {
  /** What a program of Node's says that is run so. */
  function run(refused: readonly string[], program: string): { status: number | null; stdout: string; stderr: string } {
    const [command, ...args] = refusing(refused, [process.execPath, '-e', program]);
    return spawnSync(command, args, { encoding: 'utf8' });
  }

  /** Makes the three calls of io_uring with arguments that are wrong, and prints how each ended. */
  const URING = `
    const koffi = require('koffi');
    const syscall = koffi.load('libc.so.6').func('long syscall(long number, long a, long b, long c, long d, long e, long f)');
    const errno = (number) => (syscall(number, -1, 0, 0, 0, 0, 0) < 0 ? koffi.errno() : 0);
    console.log([425, 426, 427].map(errno).join());`;
  const [EPERM, EAGAIN, ENOSYS] = [1, 11, 38];

  it('runs the command as it is where nothing is refused', () => {
    expect(refusing([], ['true'])).to.deep.equal(['true']);
  });

  it('refuses io_uring as containers do', () => {
    expect(run(CONTAINER, URING).stdout).to.equal(`${[EPERM, EPERM, EPERM]}\n`);
  });

  it('refuses one call and leaves the others alone', () => {
    const [setup, , register] = run([], URING).stdout.trim().split(',');
    expect(run(['io_uring_enter=EAGAIN'], URING).stdout).to.equal(`${[setup, EAGAIN, register]}\n`);
  });

  it('takes numbers for names, and several calls with an errno each', () => {
    const { stdout } = run(['425=11', 'io_uring_enter=EPERM', '427=ENOSYS'], URING);
    expect(stdout).to.equal(`${[EAGAIN, EPERM, ENOSYS]}\n`);
  });

  it('refuses to what the command starts, too', () => {
    const program = `
      const { spawnSync } = require('node:child_process');
      process.stdout.write(spawnSync(process.execPath, ['-e', ${JSON.stringify(URING)}]).stdout);`;
    expect(run(CONTAINER, program).stdout).to.equal(`${[EPERM, EPERM, EPERM]}\n`);
  });

  it('ends as the command ends', () => {
    expect(run(CONTAINER, 'process.exit(7)').status).to.equal(7);
  });

  it('starts nothing when it does not know what to refuse', () => {
    for (const [wrong, reason] of [
      ['nonsense=EPERM', 'unknown system call: nonsense'],
      ['io_uring=NONSENSE', 'unknown errno: NONSENSE'],
      ['io_uring', 'not SYSCALL=ERRNO: io_uring'],
    ]) {
      const { status, stdout, stderr } = run([wrong], "console.log('started')");
      expect({ status, stdout, stderr }).to.deep.equal({ status: 2, stdout: '', stderr: `refuse: ${reason}\n` });
    }
  });
});
