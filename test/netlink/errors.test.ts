import { expect } from 'chai';
import * as errors from '../../src/netlink/errors.ts';

const {
  ClosedError,
  DecodeError,
  DumpInterruptedError,
  errnoName,
  KernelError,
  NetlinkError,
  OverrunError,
  RequestError,
  TransportError,
  UnsupportedError,
} = errors;

describe('errors', () => {
  it('are one family with stable codes and names', () => {
    const family = [
      [new NetlinkError('ERR_X', 'text'), 'NetlinkError', 'ERR_X'],
      [new KernelError(2, { operation: 'get', sequence: 1 }), 'KernelError', 'ENOENT'],
      [new TransportError('sendmsg', 105, 'text'), 'TransportError', 'ENOBUFS'],
      [new TransportError('socket', 0, 'text'), 'TransportError', 'ERR_TRANSPORT'],
      [new RequestError('replay', 'text', 7), 'RequestError', 'ERR_TRANSPORT'],
      [new UnsupportedError('text'), 'UnsupportedError', 'ERR_UNSUPPORTED'],
      [new OverrunError('text'), 'OverrunError', 'ENOBUFS'],
      [new DumpInterruptedError('dump'), 'DumpInterruptedError', 'ERR_DUMP_INTERRUPTED'],
      [new DecodeError('text', 3), 'DecodeError', 'ERR_DECODE'],
      [new ClosedError(), 'ClosedError', 'ERR_CLOSED'],
    ] as const;
    for (const [error, name, code] of family) {
      expect(error).to.be.instanceOf(NetlinkError).and.instanceOf(Error);
      expect(error.name).to.equal(name);
      expect(error.code).to.equal(code);
      expect(String(error)).to.match(new RegExp(`^${name}: .`));
    }
    const classes = Object.values(errors).filter((value) => /^class /.test(String(value)));
    expect(new Set(family.map(([error]) => error.constructor))).to.deep.equal(new Set(classes));
  });

  it('name an errno as Linux does', () => {
    expect([1, 2, 11, 16, 17, 22, 28, 95, 105].map(errnoName)).to.deep.equal([
      'EPERM',
      'ENOENT',
      'EAGAIN',
      'EBUSY',
      'EEXIST',
      'EINVAL',
      'ENOSPC',
      'EOPNOTSUPP',
      'ENOBUFS',
    ]);
    expect([0, 41, 999].map(errnoName)).to.deep.equal(['E0', 'E41', 'E999']);
  });

  it('of the kernel have its answer and what it means', () => {
    const bare = new KernelError(22, { operation: 'create', sequence: 7 });
    expect(bare.message).to.equal('create: EINVAL');
    expect(bare).to.include({ errno: 22, operation: 'create', sequence: 7, extack: undefined, explanation: undefined });

    const extack = { message: 'Attribute failed policy validation', offset: 36 };
    const full = new KernelError(22, { operation: 'create', sequence: 7, extack, explanation: 'a timeout is needed' });
    expect(full.message).to.equal(
      'create: EINVAL: a timeout is needed (kernel: Attribute failed policy validation, at byte 36 of the request)',
    );
    expect(full).to.include({ extack, explanation: 'a timeout is needed' });

    const text = new KernelError(16, { operation: 'dump', sequence: 8, extack: { message: 'busy' } });
    expect(text.message).to.equal('dump: EBUSY (kernel: busy)');
    const place = new KernelError(22, { operation: 'dump', sequence: 8, extack: { offset: 20 } });
    expect(place.message).to.equal('dump: EINVAL');
  });

  it('of a transport name the call that failed, and why', () => {
    const cause = new Error('below');
    const error = new TransportError('recvmsg', 9, 'bad file descriptor', { cause });
    expect(error).to.include({ syscall: 'recvmsg', errno: 9, code: 'EBADF', cause });
    expect(error.message).to.equal('recvmsg: bad file descriptor');
  });

  it('of broken bytes have their place', () => {
    const error = new DecodeError('nla_len is 3', 44, ['CTA_TUPLE_ORIG', 'CTA_TUPLE_IP']);
    expect(error.message).to.equal('CTA_TUPLE_ORIG > CTA_TUPLE_IP: nla_len is 3 at byte 44');
    expect(error.offset).to.equal(44);
    expect(error.path).to.deep.equal(['CTA_TUPLE_ORIG', 'CTA_TUPLE_IP']);
    expect(new DecodeError('short', 0).message).to.equal('short at byte 0');
    expect(new DecodeError('short', 0).path).to.deep.equal([]);
  });

  it('of an overrun have ENOBUFS, and the number of lost messages if it is known', () => {
    expect(new OverrunError('text')).to.include({ errno: 105, lost: undefined });
    expect(new OverrunError('text', 3).lost).to.equal(3);
  });

  it('of an interrupted dump say what to do', () => {
    expect(new DumpInterruptedError('dump').message).to.match(/^dump: .*NLM_F_DUMP_INTR.*dump again$/);
  });
});
