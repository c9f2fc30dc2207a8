/**
 * What the permission model of a runtime allows, and the flags that allow more. Nothing here asks the user: in a
 * terminal, Deno prompts for whatever a program tries.
 */
import { UnsupportedError } from '../netlink/errors.ts';

/** What is used of Deno's interface. */
interface DenoPermissions {
  permissions?: { querySync(descriptor: DenoPermission): { state: string } };
}

export type DenoPermission =
  | { name: 'ffi'; path?: string }
  | { name: 'env'; variable: string }
  | { name: 'sys'; kind: string }
  | { name: 'read'; path?: string };

/** Whether Deno allows it without a prompt; true in other runtimes. */
export function denoAllows(descriptor: DenoPermission): boolean {
  const permissions = (globalThis as { Deno?: DenoPermissions }).Deno?.permissions;
  return permissions === undefined || permissions.querySync(descriptor).state === 'granted';
}

/** Those of Deno's flags that it was not given. */
export function denoFlags(...needed: readonly DenoPermission[]): string[] {
  return needed.filter((each) => !denoAllows(each)).map(({ name }) => `--allow-${name}`);
}

/** The value of an environment variable; undefined where Deno may not read it. */
export function environmentVariable(name: string): string | undefined {
  return denoAllows({ name: 'env', variable: name }) ? globalThis.process?.env[name] : undefined;
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}

/** The error of a function that `node --permission` refuses, or of a file that it may not read (`resource`). */
interface AccessDenied extends Error {
  code: 'ERR_ACCESS_DENIED';
  permission?: string;
  resource?: string;
}

export function isAccessDenied(error: unknown): error is AccessDenied {
  return codeOf(error) === 'ERR_ACCESS_DENIED';
}

/** The message for a file that a permission model keeps from the program; undefined for other errors. */
export function permissionRefused(error: Error): string | undefined {
  // Deno's message names the file and the flag.
  if (error.name === 'NotCapable') return error.message;
  if (!isAccessDenied(error)) return undefined;
  const { permission, resource = '' } = error;
  const flag = permission === 'FileSystemWrite' ? '--allow-fs-write' : '--allow-fs-read';
  return `the permission model of Node.js refuses ${resource} without ${flag}=${resource}`;
}

/** True with --permission (--experimental-permission of Node.js 20). */
export function hasNodePermissions(): boolean {
  return (process as { permission?: object }).permission !== undefined;
}

/** Whether Node.js loads native code: not with --no-addons, nor with --permission and without --allow-addons. */
export function nodeAllowsAddons(): boolean {
  try {
    // Not process.permission.has('addon'): Node.js 20 does not know that name.
    process.dlopen({ exports: {} }, '');
  } catch (error) {
    return codeOf(error) !== 'ERR_DLOPEN_DISABLED';
  }
  return true;
}

/** The flag that lets Node.js read a file of a package, and everything beside it that the package needs. */
function readFlag(resource: string | undefined): string {
  const end = resource?.lastIndexOf('/node_modules/') ?? -1;
  if (resource === undefined || resource === '') return '--allow-fs-read=*';
  return `--allow-fs-read=${end < 0 ? resource : resource.slice(0, end + '/node_modules/'.length)}`;
}

/**
 * The flags that native code of an npm package needs and that Node.js was not given. Empty: the error has another
 * reason.
 */
export function missingAddonFlags(error: unknown): string[] {
  if (!hasNodePermissions()) return [];
  const flags = nodeAllowsAddons() ? [] : ['--allow-addons'];
  if (isAccessDenied(error)) flags.push(readFlag(error.resource));
  return flags;
}

/** The error of native code with --no-addons. */
export function refusesAllAddons(error: unknown): boolean {
  return !hasNodePermissions() && codeOf(error) === 'ERR_DLOPEN_DISABLED';
}

/** Why the native code of an npm package did not load, and what to do. */
export function packageRefused(name: string, error: unknown): UnsupportedError {
  const failed = `the npm package '${name}' did not load`;
  const options = { cause: error };
  const flags = missingAddonFlags(error);
  if (flags.length > 0)
    return new UnsupportedError(
      `${failed}: the permission model of Node.js refuses it without ${flags.join(' ')}`,
      options,
    );
  if (refusesAllAddons(error))
    return new UnsupportedError(`${failed}: Node.js was started with --no-addons, which refuses native code`, options);
  const [reason] = String((error as Error | undefined)?.message ?? error).split('\n');
  return new UnsupportedError(
    `${failed}: ${reason}. It is an optional dependency with prebuilt binaries: npm install ${name}`,
    options,
  );
}
