/** Releases of the kernel as uname(2) has them, such as '6.18.0-generic'. */
const RELEASE = /^(\d+)\.(\d+)/;

export function isRelease(text: string): boolean {
  return RELEASE.test(text);
}

/** A number that sorts releases; 0 if the release is unknown. */
export function releaseNumber(release: string | undefined): number {
  const match = RELEASE.exec(release ?? '');
  return match === null ? 0 : Number(match[1]) * 1000 + Number(match[2]);
}
