/** A filtered flush goes to the kernel only where it is known to flush that and nothing else. */
import { expect } from 'chai';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import type { Filter } from '../../src/ctnetlink/filter/filter.ts';
import { KernelError } from '../../src/netlink/errors.ts';
import { EBUSY, ENOENT, EPERM } from '../../src/uapi/errno.ts';
import { done, error, rejection } from '../support/fake-transport.ts';
import { flow, flowMessage, kernelWith, MODERN, OLD, play, range, type Said, said } from '../support/played.ts';

const DELETE = 0x102;
const SIX: FlowInit = {
  orig: { src: 'fd00::1', dst: 'fd00::2', proto: 'udp', sport: 1, dport: 2 },
  reply: { src: 'fd00::2', dst: 'fd00::1', proto: 'udp', sport: 2, dport: 1 },
  id: 7,
};

async function sentBy(filter: Filter, release: string, flows: readonly FlowInit[]): Promise<Said[]> {
  const { ct, fake } = await play(kernelWith(flows), { release });
  await ct.flush(filter);
  return fake.sent.map(said);
}

/** The DELETEs of a flush that went one by one. */
function deleted(sent: readonly Said[]): unknown[] {
  const [dump, ...deletes] = sent;
  expect(dump).to.include({ type: 0x101, flags: 0x301 });
  for (const each of deletes) {
    expect(each).to.include({ type: DELETE, version: 0 });
    expect(each.flow.orig, 'never without a tuple').to.include.keys('src', 'dst', 'proto');
  }
  return deletes.map((each) => each.flow.id);
}

describe('Conntrack: flush in one request', () => {
  const cases: [name: string, Filter, family: number, flow: Record<string, unknown>, oldest: string][] = [
    ['mark', { mark: 7 }, 0, { mark: 7, markMask: 0xffffffff }, '2.6.32'],
    ['masked mark', { mark: { value: 1, mask: 3 } }, 0, { mark: 1, markMask: 3 }, '2.6.32'],
    ['family', { family: 'ipv6' }, 10, {}, '5.3.0'],
    ['status', { status: ['ASSURED'] }, 0, { status: ['ASSURED'], statusMask: ['ASSURED'] }, '5.15.0'],
    ['zone', { zone: 5 }, 0, { zone: 5 }, '6.9.0'],
    ['zone 0', { zone: 0 }, 0, { zone: 0 }, '6.9.0'],
  ];
  for (const [name, filter, family, flow, oldest] of cases) {
    it(`by ${name}, from Linux ${oldest} on`, async () => {
      for (const release of [oldest, MODERN, '7.1.0-rc1+']) {
        const sent = await sentBy(filter, release, [SIX]);
        expect(sent).to.have.length(1);
        // With version 1 the kernel honours the family.
        expect(sent[0]).to.deep.equal({ type: DELETE, flags: 5, family, version: 1, flow });
      }
    });
  }

  it('counts nothing, because the kernel does not', async () => {
    const { ct } = await play(kernelWith([SIX]), { release: MODERN });
    expect(await ct.flush({ mark: 7 })).to.equal(undefined);
    expect(await ct.flushAll()).to.equal(undefined);
  });

  it('by tuple, with the flags of what is compared, from Linux 6.13 on', async () => {
    const [sent, ...more] = await sentBy({ orig: { src: '10.0.0.1', proto: 'tcp', dport: 80 } }, '6.13.0', []);
    expect(more).to.have.length(0);
    expect(sent).to.deep.include({ type: DELETE, family: 2, version: 1 });
    expect(sent.flow.orig).to.deep.equal({ family: 'ipv4', src: '10.0.0.1', proto: 'tcp', dport: 80 });
    expect(sent.flow.filter).to.deep.equal({ origFlags: 0b101001, replyFlags: 0 });
  });
});

describe('Conntrack: flush one by one', () => {
  it('where the kernel is too old, or unknown', async () => {
    const flows = [{ ...flow(1), zone: 5 }, flow(2), SIX];
    const cases: [Filter, string, number[]][] = [
      [{ status: ['CONFIRMED'] }, '5.14.0', [1001, 1002]],
      [{ zone: 5 }, '6.8.12', [1001]],
      [{ family: 'ipv6' }, '5.2.0', [7]],
      [{ orig: { src: '10.0.0.2' } }, '6.12.30', [1002]],
      [{ zone: 5 }, '', [1001]],
      [{ zone: 5 }, 'something', [1001]],
      [{ family: 'ipv6' }, OLD, [7]],
    ];
    for (const [filter, release, ids] of cases) {
      expect(deleted(await sentBy(filter, release, flows)), JSON.stringify(filter)).to.deep.equal(ids);
    }
  });

  it('where no kernel compares rightly: IPv6 addresses, ports of other protocols, zones of a direction', async () => {
    const sctp = { ...flow(3), orig: { ...flow(3).orig, proto: 'sctp' } } as const;
    const zoned = { ...flow(4), orig: { ...flow(4).orig, zone: 6 } };
    const flows = [SIX, sctp, zoned, flow(5)];
    const cases: [Filter, number[]][] = [
      [{ orig: { src: 'fd00::1' } }, [7]],
      [{ reply: { dst: 'fd00::1' } }, [7]],
      [{ orig: { proto: 'sctp', sport: 1000 }, family: 'ipv4' }, [1003]],
      [{ orig: { dport: 53 }, family: 'ipv4' }, [1003, 1004, 1005]],
      [{ orig: { zone: 6 }, family: 'ipv4' }, [1004]],
      // Of no family, so that the kernel refuses CTA_FILTER.
      [{ orig: { proto: 'udp' } }, [7, 1004, 1005]],
    ];
    for (const [filter, ids] of cases) {
      expect(deleted(await sentBy(filter, MODERN, flows)), JSON.stringify(filter)).to.deep.equal(ids);
    }
  });

  it('does not mind what went by itself meanwhile', async () => {
    const { ct, fake } = await play((_request, { nlmsg_seq, nlmsg_type }, kernel) => {
      if (nlmsg_type === DELETE) kernel.queue(error(nlmsg_seq, kernel.sent.length % 2 === 0 ? ENOENT : 0));
      else kernel.queue(...range(6).map((n) => flowMessage(nlmsg_seq, flow(n))), done(nlmsg_seq));
    });
    // Two went by themselves, and are not counted.
    expect(await ct.flush({ orig: { dport: 53 } })).to.equal(4);
    // Those that were refused may have been hidden by another flow: they are asked for exactly.
    expect(fake.sent).to.have.length(10);
  });

  it('stops at any other error, when its batch has been sent, and the dump is drained', async () => {
    for (const errno of [EPERM, EBUSY]) {
      const { ct, fake } = await play((_request, { nlmsg_seq, nlmsg_type }, kernel) => {
        if (nlmsg_type === DELETE) kernel.queue(error(nlmsg_seq, kernel.sent.length === 3 ? errno : 0));
        else {
          for (const n of range(6)) kernel.queue(flowMessage(nlmsg_seq, flow(n)));
          kernel.queue(done(nlmsg_seq));
        }
      });
      expect(await rejection(ct.flush({ orig: { dport: 53 } })))
        .to.be.instanceOf(KernelError)
        .and.include({ errno, operation: 'delete' });
      expect(fake.sent).to.have.length(7);
      expect(fake.unread).to.equal(0);
    }
  });

  it('deletes each flow in its zone and by its id', async () => {
    const flows: FlowInit[] = [
      { ...flow(1), zone: 9 },
      { ...flow(2), reply: { ...flow(2).reply, zone: 3 } },
    ];
    const sent = await sentBy({ orig: { dport: 53 } }, MODERN, flows);
    expect(sent.slice(1).map((each) => each.flow)).to.deep.equal([
      { orig: { family: 'ipv4', ...flow(1).orig }, zone: 9, id: 1001 },
      { orig: { family: 'ipv4', ...flow(2).orig }, id: 1002 },
    ]);
  });

  it('of nothing that matches deletes nothing', async () => {
    expect(await sentBy({ orig: { src: 'fd00::99' } }, MODERN, [SIX, flow(1)])).to.have.length(1);
  });
});
