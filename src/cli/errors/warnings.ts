/** node:ffi says at its first use that it is experimental: nothing that who typed a command could do anything about. */
export function withoutFfiWarning(): void {
  const { emitWarning } = process;
  process.emitWarning = ((warning: string | Error, ...rest: never[]) => {
    if (!String(warning).startsWith('FFI is an experimental feature')) emitWarning.call(process, warning, ...rest);
  }) as typeof emitWarning;
}
