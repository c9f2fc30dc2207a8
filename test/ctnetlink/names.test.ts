import { expect } from 'chai';
import {
  DCCP_ROLES,
  DCCP_STATES,
  FAMILIES,
  inverse,
  PROTOCOLS,
  SCTP_STATES,
  TCP_STATES,
} from '../../src/ctnetlink/names.ts';
import * as sctp from '../../src/uapi/nf_conntrack_sctp.ts';
import * as tcp from '../../src/uapi/nf_conntrack_tcp.ts';

/** The names of a header's enum without their prefix, up to its MAX. */
function states(header: object, prefix: string): Record<string, number> {
  const entries = Object.entries(header) as [string, number][];
  const max = entries.find(([name]) => name === `${prefix}MAX`)![1];
  const states = entries.filter(([name, number]) => name.startsWith(prefix) && !name.endsWith('MAX') && number < max);
  return Object.fromEntries(states.map(([name, number]) => [name.slice(prefix.length), number]));
}

describe('names', () => {
  it('of TCP states are those of the header; LISTEN is the old name of SYN_SENT2', () => {
    const { LISTEN, ...named } = states(tcp, 'TCP_CONNTRACK_');
    expect(LISTEN).to.equal(TCP_STATES.SYN_SENT2);
    expect(TCP_STATES).to.deep.equal(named);
  });

  it('of SCTP states are those of the header', () => {
    expect(SCTP_STATES).to.deep.equal(states(sctp, 'SCTP_CONNTRACK_'));
  });

  it('are one a number, without gaps where there are states', () => {
    for (const names of [FAMILIES, PROTOCOLS, TCP_STATES, SCTP_STATES, DCCP_STATES, DCCP_ROLES]) {
      expect(new Set(Object.values(names)).size).to.equal(Object.keys(names).length);
    }
    for (const names of [TCP_STATES, SCTP_STATES, DCCP_STATES, DCCP_ROLES]) {
      expect(Object.values(names)).to.deep.equal([...Object.keys(names).keys()]);
    }
  });

  it('of protocols and families are the numbers of the system', () => {
    expect(FAMILIES).to.deep.equal({ ipv4: 2, ipv6: 10 });
    const numbers = { tcp: 6, udp: 17, udplite: 136, icmp: 1, icmpv6: 58, sctp: 132, dccp: 33, gre: 47 };
    expect(PROTOCOLS).to.deep.equal(numbers);
  });

  it('can be inverted; of two names for a number the first is used', () => {
    expect(inverse(PROTOCOLS)[6]).to.equal('tcp');
    expect(inverse(PROTOCOLS)[7]).to.equal(undefined);
    expect(inverse({ A: 1, B: 1 })[1]).to.equal('A');
  });
});
