import { expect } from 'chai';
import { explainKernelError } from '../../src/ctnetlink/explain.ts';
import * as errno from '../../src/uapi/errno.ts';

describe('explain', () => {
  it('says what an errno means for the operation', () => {
    expect(explainKernelError('create', errno.EEXIST)).to.match(/createOrUpdate/);
    expect(explainKernelError('update', errno.EBUSY)).to.match(/status bits can only be set/);
    expect(explainKernelError('createOrUpdate', errno.EOPNOTSUPP)).to.match(
      /only when a flow is created|given only when/,
    );
    expect(explainKernelError('delete', errno.ENOENT)).to.equal('no such flow');
    expect(explainKernelError('dump', errno.EBUSY)).to.match(/another dump/);
  });

  it('explains what to do about EPERM, and on update what else it may mean', () => {
    expect(explainKernelError('get', errno.EPERM)).to.match(/CAP_NET_ADMIN.*unshare -rn/);
    expect(explainKernelError('update', errno.EPERM)).to.match(/CAP_NET_ADMIN.*IPS_FIXED_TIMEOUT/);
  });

  it('has the general sentence for an operation that it does not know', () => {
    for (const operation of ['join', 'stats', 'nonsense', 'toString']) {
      expect(explainKernelError(operation, errno.EPERM)).to.match(/CAP_NET_ADMIN/);
    }
  });

  it('says nothing of an errno that it does not know', () => {
    expect(explainKernelError('create', errno.EILSEQ)).to.equal(undefined);
    expect(explainKernelError('create', 9999)).to.equal(undefined);
  });

  it('has sentences without a full stop, because they are part of another one', () => {
    for (const operation of ['create', 'update', 'createOrUpdate', 'get', 'delete', 'flush', 'dump', 'join']) {
      for (let number = 1; number < 134; number++) {
        const sentence = explainKernelError(operation, number);
        if (sentence !== undefined) expect(sentence).to.match(/^[^A-Z\s].*[^.\s]$|^(NAT|CAP)/);
      }
    }
  });
});
