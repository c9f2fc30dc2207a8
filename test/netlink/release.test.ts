import { expect } from 'chai';
import { isRelease, releaseNumber } from '../../src/netlink/release.ts';

describe('netlink/release', () => {
  it('sorts releases by their numbers, not by their texts', () => {
    const releases = ['2.6.32-754.el6', '4.9.0', '4.20.1-generic', '5.3', '5.15.0-91', '6.1.0', '6.18.0'];
    expect([...releases].reverse().sort((a, b) => releaseNumber(a) - releaseNumber(b))).to.deep.equal(releases);
  });

  it('sorts an unknown release first', () => {
    for (const unknown of [undefined, '', 'linux', '6', 'v6.1']) expect(releaseNumber(unknown)).to.equal(0);
  });

  it('knows what begins as a release', () => {
    for (const release of ['6.1', '6.1.0-generic', '10.20']) expect(isRelease(release), release).to.equal(true);
    for (const text of ['', '6', '.1', 'v6.1', 'linux 6.1']) expect(isRelease(text), text).to.equal(false);
  });
});
