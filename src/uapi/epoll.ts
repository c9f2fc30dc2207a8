/** linux/eventpoll.h */

export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;

/** O_CLOEXEC */
export const EPOLL_CLOEXEC = 0o2000000;

/** Reported once; then again only after EPOLL_CTL_MOD. A bit of `events`, as a signed number. */
export const EPOLLONESHOT = 1 << 30;
