/** asm-generic/errno-base.h and errno.h: what the package itself does not name. */

export const EBADF = 9;
export const EFAULT = 14;
export const ENFILE = 23;
export const EMFILE = 24;
export const ETIME = 62;
