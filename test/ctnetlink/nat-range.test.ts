/**
 * What may be asked of NAT when a flow is created: the kernel takes anything, and then translates to something else.
 */
import { expect } from 'chai';
import type { FlowInit, NatProperties } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { buildCreate } from '../../src/ctnetlink/request/flow.ts';
import { buildRestore } from '../../src/ctnetlink/request/restore.ts';

const FOUR = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 53 } as const;
const SIX = { src: 'fd00::1', dst: 'fd00::2', proto: 'udp', sport: 1, dport: 53 } as const;

const create = (init: FlowInit): unknown => buildCreate(Flow.from({ timeout: 60, ...init }), 'create');

describe('NAT that a flow is created with', () => {
  const wrong: [FlowInit['orig'], Partial<NatProperties>, typeof TypeError | typeof RangeError, message: string][] = [
    [
      FOUR,
      { minAddress: '192.0.2.9', maxAddress: '192.0.2.1' },
      RangeError,
      'minAddress must not be above flow.NAT.maxAddress',
    ],
    [
      FOUR,
      { minAddress: '10.0.0.1', maxAddress: '9.255.255.255' },
      RangeError,
      'minAddress must not be above flow.NAT.maxAddress',
    ],
    [
      FOUR,
      { minAddress: '192.0.2.1', maxAddress: '127.0.0.1' },
      RangeError,
      'minAddress must not be above flow.NAT.maxAddress',
    ],
    [
      SIX,
      { minAddress: 'fd00::2', maxAddress: 'fd00::1' },
      RangeError,
      'minAddress must not be above flow.NAT.maxAddress',
    ],
    [FOUR, { minPort: 9000, maxPort: 8000 }, RangeError, 'minPort must not be above flow.NAT.maxPort'],
    [FOUR, { minAddress: 'fd00::1' }, RangeError, 'minAddress must be an IPv4 address, as those of flow.orig'],
    [SIX, { minAddress: '192.0.2.9' }, RangeError, 'minAddress must be an IPv6 address, as those of flow.orig'],
    [
      FOUR,
      { minAddress: '192.0.2.1', maxAddress: 'fd00::1' },
      RangeError,
      'maxAddress must be an IPv4 address, as those of flow.orig',
    ],
    [FOUR, { maxAddress: '192.0.2.9' }, TypeError, 'minAddress is required with maxAddress'],
    [SIX, { maxAddress: 'fd00::9' }, TypeError, 'minAddress is required with maxAddress'],
    [FOUR, { minAddress: '192.0.2.9', maxPort: 9 }, TypeError, 'minPort is required with maxPort'],
    [FOUR, {}, TypeError, 'has nothing in it; leave it out, or give minAddress, maxAddress, minPort, maxPort'],
  ];
  for (const [orig, nat, type, message] of wrong)
    for (const group of ['snat', 'dnat'] as const) {
      const [, rest] = /^(?:has )?(.*)$/.exec(message)!;
      const text = message.startsWith('has ') ? `flow.${group} has ${rest}` : `flow.${group}.${rest}`;
      it(`is refused of ${orig!.src}: ${group} ${JSON.stringify(nat)}`, () => {
        expect(() => create({ orig, [group]: nat })).to.throw(type, text.replaceAll('NAT.', `${group}.`));
      });
    }

  const right: [FlowInit['orig'], Partial<NatProperties>][] = [
    [FOUR, { minAddress: '192.0.2.1', maxAddress: '192.0.2.1' }],
    [FOUR, { minAddress: '127.255.255.255', maxAddress: '128.0.0.0' }],
    [SIX, { minAddress: 'fd00::ff', maxAddress: 'fd00::1:0' }],
    [FOUR, { minPort: 0, maxPort: 65535 }],
    [SIX, { minPort: 9 }],
  ];
  for (const [orig, nat] of right)
    it(`may be ${JSON.stringify(nat)} of ${orig!.src}`, () => {
      create({ orig, snat: nat, dnat: nat });
    });

  it('is that of the direction that is given', () => {
    expect(() => create({ reply: SIX, snat: { minAddress: '192.0.2.9' } })).to.throw(RangeError, 'an IPv6 address');
  });

  it('is no reason to refuse a dumped flow that is created or restored again', () => {
    const reply = { src: '10.0.0.2', dst: '192.0.2.9', proto: 'udp', sport: 53, dport: 7 } as const;
    const dumped = Flow.from({
      orig: FOUR,
      reply,
      timeout: 9,
      id: 7,
      status: ['SRC_NAT', 'SRC_NAT_DONE', 'DST_NAT_DONE'],
    });
    for (const flow of [
      dumped,
      Flow.from(JSON.parse(JSON.stringify(dumped))),
      Flow.from({ ...dumped, snat: undefined }),
    ]) {
      buildCreate(flow, 'create');
      buildRestore(flow);
    }
  });
});
