import { expect } from 'chai';
import { type KernelSupport, kernelSupport, NEWEST, releaseWith } from '../../src/ctnetlink/filter/support.ts';

/** The first release that has each, and the last that lacks it. */
const SINCE: Readonly<Record<keyof KernelSupport, readonly [first: string, before: string]>> = {
  directionZone: ['4.3.0', '4.2.8'],
  dumpFamily: ['4.20.0', '4.19.325'],
  flushFamily: ['5.3.0', '5.2.21'],
  dumpTuple: ['5.8.0', '5.7.19'],
  status: ['5.15.0', '5.14.21'],
  zone: ['6.9.0', '6.8.12'],
  flushTuple: ['6.13.0', '6.12.99'],
};

describe('support', () => {
  it('begins with the release that has it', () => {
    for (const [name, [first, before]] of Object.entries(SINCE) as [keyof KernelSupport, [string, string]][]) {
      expect(kernelSupport(first)[name], `${name} ${first}`).to.equal(true);
      expect(kernelSupport(before)[name], `${name} ${before}`).to.equal(false);
    }
    expect(Object.keys(kernelSupport('6.18.0'))).to.have.members(Object.keys(SINCE));
  });

  it('gives the oldest release that has all of several features', () => {
    expect(releaseWith([])).to.equal(undefined);
    expect(releaseWith(['dumpFamily', 'directionZone'])).to.equal('4.20');
    expect(releaseWith(['status', 'zone', 'dumpTuple'])).to.equal('6.9');
    expect(NEWEST).to.equal('6.13');
    expect(Object.values(kernelSupport(NEWEST))).to.not.include(false);
  });

  it('is never lost by a later release', () => {
    let before = kernelSupport(undefined);
    for (const release of [
      '2.6.32',
      '3.10.0',
      '4.9',
      '4.20',
      '5.3',
      '5.8',
      '5.10',
      '5.15',
      '6.1',
      '6.9',
      '6.13',
      '7.0',
    ]) {
      const now = kernelSupport(release);
      for (const name of Object.keys(SINCE) as (keyof KernelSupport)[]) {
        if (before[name]) expect(now[name], `${name} ${release}`).to.equal(true);
      }
      before = now;
    }
    expect(Object.values(kernelSupport('10.0.0'))).to.deep.equal(new Array(7).fill(true));
  });

  it('reads releases as distributions write them', () => {
    for (const release of ['6.18.0-generic', '6.18-rc3', '6.18.5+deb14-amd64', '6.18.0-1-cloud', '6.18']) {
      expect(kernelSupport(release), release).to.deep.equal(kernelSupport('6.18.0'));
    }
    expect(kernelSupport('3.10.0-1160.el7.x86_64')).to.deep.equal(kernelSupport('3.10.0'));
    expect(kernelSupport('5.15.167.4-microsoft-standard-WSL2').status).to.equal(true);
  });

  it('of what is no release is that of the oldest kernel', () => {
    for (const release of [undefined, '', 'unknown', 'v6.18.0', '6', 'linux 6.18', '-6.18']) {
      expect(Object.values(kernelSupport(release)), release).to.deep.equal(new Array(7).fill(false));
    }
  });
});
