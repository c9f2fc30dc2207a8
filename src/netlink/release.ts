/** Releases of the kernel as uname(2) has them, such as '6.18.0-generic'. */
import { checkString, describe } from './check.ts';

const RELEASE = /^(\d+)\.(\d+)/;

export function isRelease(text: string): boolean {
  return RELEASE.test(text);
}

/** @throws TypeError, RangeError naming the argument */
export function checkRelease(value: unknown, argument: string): void {
  checkString(value, argument);
  if (!isRelease(value as string))
    throw new RangeError(`${argument} must be the release of a kernel, such as '6.1.0', not ${describe(value)}`);
}

/** A number that sorts releases; 0 if the release is unknown. */
export function releaseNumber(release: string | undefined): number {
  const match = RELEASE.exec(release ?? '');
  return match === null ? 0 : Number(match[1]) * 1000 + Number(match[2]);
}
