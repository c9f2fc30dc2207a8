/** linux/io_uring.h, and the system calls, whose numbers are the same on every machine. */

/** The number of the system call io_uring_setup, on every architecture. */
export const SYS_io_uring_setup = 425;
/** The number of the system call io_uring_enter, on every architecture. */
export const SYS_io_uring_enter = 426;

/** The parameters have the number of ends that there is room for. */
export const IORING_SETUP_CQSIZE = 1 << 3;
/** The rings are in memory that the caller gives (Linux 6.5). */
export const IORING_SETUP_NO_MMAP = 1 << 14;
/** Entries are taken in their order, without an array of indices (Linux 6.6). */
export const IORING_SETUP_NO_SQARRAY = 1 << 16;

/** Waits for ends; with EXT_ARG at the most as long as a struct io_uring_getevents_arg says (Linux 5.11). */
export const IORING_ENTER_GETEVENTS = 1 << 0;
export const IORING_ENTER_EXT_ARG = 1 << 3;
// struct io_uring_getevents_arg { __u64 sigmask; __u32 sigmask_sz; __u32 min_wait_usec; __u64 ts; }
export const IO_URING_GETEVENTS_ARG_SIZE = 24;
export const IO_URING_GETEVENTS_ARG_TS = 16;

export const IORING_OP_POLL_ADD = 6;
export const IORING_OP_POLL_REMOVE = 7;
export const IORING_OP_SENDMSG = 9;
export const IORING_OP_RECVMSG = 10;
export const IORING_OP_ASYNC_CANCEL = 14;
export const IORING_OP_WRITE = 23;
export const IORING_OP_PROVIDE_BUFFERS = 31;
export const IORING_OP_REMOVE_BUFFERS = 32;

/** In `cancel_flags`: all that match, and any matches (Linux 5.19). */
export const IORING_ASYNC_CANCEL_ALL = 1 << 0;
export const IORING_ASYNC_CANCEL_ANY = 1 << 2;

/** In `ioprio` of a receive: one entry ends once for each datagram (Linux 6.0). */
export const IORING_RECV_MULTISHOT = 1 << 1;

/** The next entry starts when this one has ended well; else it ends with ECANCELED. */
export const IOSQE_IO_LINK = 1 << 2;
/** A thread of the kernel's does it, from the start. */
export const IOSQE_ASYNC = 1 << 4;

/** The buffer is one of those provided. */
export const IOSQE_BUFFER_SELECT = 1 << 5;
/** Its good end is not reported. */
export const IOSQE_CQE_SKIP_SUCCESS = 1 << 6;

/** Of an end: there will be more of the same entry; the number of the buffer is in the upper half. */
export const IORING_CQE_F_MORE = 1 << 1;
export const IORING_CQE_BUFFER_SHIFT = 16;

export const IO_URING_SQE_SIZE = 64;
export const IO_URING_CQE_SIZE = 16;

// struct io_uring_params, bytes
export const IO_URING_PARAMS_SIZE = 120;
export const IO_URING_PARAMS_CQ_ENTRIES = 4;
export const IO_URING_PARAMS_FLAGS = 8;
export const IO_URING_PARAMS_SQ_OFF = 40;
export const IO_URING_PARAMS_CQ_OFF = 80;
// struct io_sqring_offsets and io_cqring_offsets, 32-bit words but for the address at the end
export const IO_URING_OFF_HEAD = 0;
export const IO_URING_OFF_TAIL = 4;
export const IO_URING_OFF_MASK = 8;
export const IO_URING_CQ_OFF_CQES = 20;
export const IO_URING_OFF_USER_ADDR = 32;
// struct io_uring_recvmsg_out { __u32 namelen, controllen, payloadlen, flags; }, in front of what a multishot receive
// gives
export const IO_URING_RECVMSG_OUT_SIZE = 16;
export const IO_URING_RECVMSG_OUT_FLAGS = 12;
