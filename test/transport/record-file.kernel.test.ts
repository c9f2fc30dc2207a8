/** The file of a recording: a disk that becomes full, modes, and what a path may name. */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readCapture } from '../../src/capture/capture.ts';
import { Conntrack } from '../../src/index.ts';
import { TransportError } from '../../src/netlink/errors.ts';
import type { TransportFactory } from '../../src/netlink/transport.ts';
import { replay } from '../../src/replay/replay.ts';
import { RecordError, type RecordOptions, record } from '../../src/transport/record.ts';
import { MAIN, ROOT, run } from '../support/command.ts';
import { FakeTransport, message, rejection, settled } from '../support/fake-transport.ts';
import { fixtureBytes, fixturePath, started } from '../support/fixtures.ts';
import { describeKernel, describeUnless, onPath } from '../support/kernel.ts';

const FILE_HEADER = 24;
/** pcap's and the cooked header, and nlmsghdr. */
const HEADERS = 16 + 16 + 16;

describe('record: the file', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-record-file-'));
    path = join(folder, 'capture.pcap');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const mode = (file: string): number => statSync(file).mode & 0o777;

  /** Records a socket that sends nothing: the file has a header alone. */
  async function recordNothing(file: string): Promise<void> {
    const recorder = record(file, { transport: async () => new FakeTransport() });
    await recorder();
    recorder.close();
  }

  /** Why no socket is opened that would be recorded. */
  async function refusal(file: string): Promise<RecordError> {
    const fake = new FakeTransport();
    const error = await rejection(record(file, { transport: async () => fake })());
    expect(error).to.be.instanceOf(RecordError).and.instanceOf(TransportError);
    expect(fake.closed, 'its socket is closed').to.equal(true);
    return error as RecordError;
  }

  it('is made or emptied when the first socket is open, and by none that cannot be opened', async () => {
    const failing = async (): Promise<never> => {
      throw new Error('no socket here');
    };
    let opened = 0;
    for (const text of [undefined, 'precious']) {
      if (text !== undefined) {
        writeFileSync(path, text);
        chmodSync(path, 0o644);
      }
      const as = (): unknown => existsSync(path) && [readFileSync(path, 'utf8'), mode(path)];
      const before = as();
      const recorder = record(path, { transport: failing });
      expect(as()).to.deep.equal(before);
      expect(await rejection(recorder())).to.have.property('message', 'no socket here');
      expect(as()).to.deep.equal(before);
      recorder.close();
      const closed = record(path, { transport: async () => new FakeTransport() });
      closed.close();
      await closed();
      expect(as()).to.deep.equal(before);
      const second = record(path, {
        transport: async () => (opened++ % 2 === 0 ? await failing() : new FakeTransport()),
      });
      expect(await rejection(second())).to.have.property('message', 'no socket here');
      expect(as()).to.deep.equal(before);
      await second();
      expect([statSync(path).size, mode(path)]).to.deep.equal([FILE_HEADER, 0o600]);
      second.close();
      rmSync(path);
    }
  });

  it('of a command that opens no socket stays as it was', () => {
    writeFileSync(path, 'precious');
    for (const words of [['-L'], ['-D', '-s', '10.0.0.99'], ['snapshot']]) {
      const { stdout, status } = run(process.execPath, [MAIN, ...words, '--record', path, '--netns', 'nosuch']);
      expect([stdout, status, readFileSync(path, 'utf8')], words.join(' ')).to.deep.equal(['', 1, 'precious']);
    }
  });

  it('is private whatever the umask, and also when it was there with another mode', async () => {
    const umask = process.umask(0);
    try {
      await recordNothing(path);
      expect(mode(path)).to.equal(0o600);
      for (const before of [0o644, 0o666, 0o640, 0o604]) {
        writeFileSync(path, 'x'.repeat(1000));
        chmodSync(path, before);
        await recordNothing(path);
        expect([mode(path), statSync(path).size], before.toString(8)).to.deep.equal([0o600, FILE_HEADER]);
      }
    } finally {
      process.umask(umask);
    }
  });

  it('is another where one of that name is being replayed', async () => {
    writeFileSync(path, fixtureBytes('mixed'));
    const transport = replay(path);
    await recordNothing(path);
    expect(readFileSync(path).length).to.equal(24);
    await using ct = await Conntrack.open({ transport });
    expect((await ct.dump().toArray()).length).to.be.above(30);
  });

  it('is none that a socket of this process replays, which stays as it was', async () => {
    const bytes = fixtureBytes('mixed');
    writeFileSync(path, bytes);
    const other = await Conntrack.open({ transport: replay(path) });
    const refused = async (transport?: TransportFactory): Promise<void> => {
      const error = await rejection(Conntrack.open({ transport: record(path, { transport }) }));
      expect(error).to.include({ name: 'RecordError', code: 'EBUSY', path });
      expect(readFileSync(path)).to.deep.equal(Buffer.from(bytes));
    };
    await refused(() => Promise.resolve(new FakeTransport()));
    expect((await other.dump().toArray()).length).to.be.above(30);
    await other.close();
    // That of the recorder itself.
    await refused(replay(path));
    await recordNothing(path);
    expect(readFileSync(path).length).to.equal(24);
  });

  it('is no symbolic link, and what that leads to stays as it was', async () => {
    const target = join(folder, 'target');
    writeFileSync(target, 'precious', { mode: 0o644 });
    chmodSync(target, 0o644);
    for (const to of [target, join(folder, 'absent'), path]) {
      symlinkSync(to, path);
      const error = await refusal(path);
      expect(error).to.include({ name: 'RecordError', code: 'ELOOP', path });
      expect(error.message).to.equal(
        `record: ${path} is a symbolic link, which could redirect the capture onto another file; name the file itself`,
      );
      rmSync(path);
    }
    expect([readFileSync(target, 'utf8'), mode(target)]).to.deep.equal(['precious', 0o644]);
    expect(() => statSync(join(folder, 'absent'))).to.throw(/ENOENT/);
  });

  it('may be below a symbolic link, and may have another name', async () => {
    mkdirSync(join(folder, 'real'));
    symlinkSync(join(folder, 'real'), join(folder, 'link'));
    await recordNothing(join(folder, 'link', 'capture.pcap'));
    expect(mode(join(folder, 'real', 'capture.pcap'))).to.equal(0o600);
    linkSync(join(folder, 'real', 'capture.pcap'), path);
    await recordNothing(path);
    expect(readFileSync(path)).to.have.length(FILE_HEADER);
  });

  it('may be a FIFO', async () => {
    execFileSync('mkfifo', ['-m', '644', path]);
    const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'ignore'] });
    const pieces: Buffer[] = [];
    reader.stdout.on('data', (piece: Buffer) => pieces.push(piece));
    const end = new Promise((resolve) => reader.on('close', resolve));
    const recorder = record(path, { transport: async () => new FakeTransport() });
    started(await recorder()).send(message(1, [1, 2, 3, 4], { flags: 1 }));
    recorder.close();
    await end;
    expect(readCapture(Buffer.concat(pieces)).datagrams).to.have.length(1);
    expect(mode(path)).to.equal(0o644);
  });

  it('may be standard output, whose mode is left alone', () => {
    const program = `
      import { record } from ${JSON.stringify(join(ROOT, 'src/transport/record.ts'))};
      import { FakeTransport } from ${JSON.stringify(join(ROOT, 'test/support/fake-transport.ts'))};
      for (const path of ['/dev/stdout', '/proc/self/fd/1', '/dev/fd/1']) {
        const recorder = record(path, { transport: async () => new FakeTransport() });
        await recorder();
        recorder.close();
      }`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', program];
    // Not into a pipe of Node's own: that is a socket, which cannot be opened.
    const piped = execFileSync('sh', ['-c', '"$@" | cat', 'sh', process.execPath, ...args], { cwd: ROOT });
    expect(piped).to.have.length(3 * FILE_HEADER);
    writeFileSync(path, '');
    chmodSync(path, 0o644);
    run('sh', ['-c', `exec "$@" >'${path}'`, 'sh', process.execPath, ...args]);
    expect([readFileSync(path).length, mode(path)]).to.deep.equal([FILE_HEADER, 0o644]);
  });

  it('that cannot be written at all is a RecordError', async () => {
    const error = await refusal('/dev/full');
    expect(error).to.include({ code: 'ENOSPC', path: '/dev/full' });
    expect(error.message).to.match(/^record: cannot write \/dev\/full: ENOSPC/);
    expect(() => record(path, { onError: 1 } as never)).to.throw(TypeError, 'options.onError must be a function');
  });

  describeUnless(onPath('prlimit') ? undefined : 'needs prlimit on PATH', 'that must not grow any more', () => {
    /**
     * Sets the size to which this process may let a file grow (RLIMIT_FSIZE); nothing is written meanwhile but the
     * capture.
     */
    const limit = (bytes: number | string): void => {
      execFileSync('prlimit', [`--pid=${process.pid}`, `--fsize=${bytes}:`]);
    };

    /** Records ten exchanges of 100 bytes each way into a file that may have `bytes`. */
    async function until(bytes: number, options: RecordOptions = {}) {
      const fake = new FakeTransport();
      const transports = [fake, new FakeTransport()];
      const recorder = record(path, { ...options, transport: async () => transports.shift()! });
      const transport = started(await recorder());
      const payload = new Uint8Array(100 - HEADERS).fill(7);
      limit(bytes);
      let received = 0;
      try {
        for (let n = 1; n <= 10; n++) {
          transport.send(message(n, payload, { flags: 1 }));
          fake.queue(message(n, payload));
          if (transport.receive() !== undefined) received++;
        }
      } finally {
        limit('unlimited');
      }
      return { recorder, sent: fake.sent.length, received };
    }

    it('ends with its last whole datagram, wherever the limit is, and the program goes on', async () => {
      for (let bytes = FILE_HEADER; bytes <= FILE_HEADER + 410; bytes += 17) {
        const { recorder, sent, received } = await until(bytes);
        expect([sent, received], `${bytes} bytes`).to.deep.equal([10, 10]);
        const whole = Math.floor((bytes - FILE_HEADER) / 100);
        expect(statSync(path).size, `${bytes} bytes`).to.equal(FILE_HEADER + 100 * whole);
        expect(readCapture(readFileSync(path)).datagrams).to.have.length(whole);
        replay(path);
        let thrown: unknown;
        try {
          recorder.close();
        } catch (error) {
          thrown = error;
        }
        expect(thrown).to.be.instanceOf(RecordError).and.include({ code: 'EFBIG', path });
        expect((thrown as Error).message).to.equal(
          `record: cannot write ${path}: EFBIG: file too large, write; recording has ended, and the file has every datagram before that`,
        );
        // Once.
        recorder.close();
      }
    });

    it('is a TypeError of close where onError is async', async () => {
      const onError = (async () => {
        throw new Error('nobody handles this');
      }) as never;
      const { recorder } = await until(FILE_HEADER + 250, { onError });
      await settled();
      expect(() => recorder.close()).to.throw(TypeError, /^options.onError must not be async/);
    });

    it('is reported to onError once, from outside of send and receive', async () => {
      const errors: RecordError[] = [];
      const { recorder } = await until(FILE_HEADER + 250, { onError: (error) => errors.push(error) });
      await settled();
      expect(errors.map(({ code }) => code)).to.deep.equal(['EFBIG']);
      recorder.close();
      // Sockets that are opened later work, and nothing is behind the end of the file.
      started(await recorder()).send(message(1, [1], { flags: 1 }));
      expect(statSync(path).size).to.equal(FILE_HEADER + 200);
    });
  });
});

describeKernel('record: a full disk', ['root', 'unshare', 'mount'], function () {
  this.timeout(60_000);

  it('does not keep the command from its work, which then fails with the reason', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-record-full-'));
    try {
      const disk = join(folder, 'disk');
      mkdirSync(disk);
      const command = [process.execPath, MAIN, '-L', '-o', 'ndjson', '--replay', fixturePath('mixed')];
      const whole = run(command[0], command.slice(1));
      // A disk of one page, in a mount namespace of its own.
      const script = `mount -t tmpfs -o size=4k tmpfs '${disk}' || exit 99; "$@"; status=$?; cp '${disk}/full.pcap' '${folder}'; exit $status`;
      const full = join(disk, 'full.pcap');
      const { stdout, stderr, status } = run('unshare', ['-m', 'sh', '-c', script, 'sh', ...command, '--record', full]);
      expect(stdout).to.equal(whole.stdout);
      expect(stderr).to.contain(
        `record: cannot write ${full}: ENOSPC: no space left on device, write; recording has ended`,
      );
      expect(status).to.equal(1);
      const left = readFileSync(join(folder, 'full.pcap'));
      expect(left.length).to.be.below(4096);
      expect(readCapture(left).datagrams.length).to.be.above(1);
      replay(left);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
