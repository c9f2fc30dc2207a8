/*
 * refuse SYSCALL=ERRNO... -- COMMAND [ARG...]: runs a command for which the kernel refuses these system calls, each
 * with its errno, as the seccomp profiles of Docker and containerd do. What the command starts inherits it. `io_uring`
 * means all three of its calls; the number of a system call or of an errno does where its name is not in the tables.
 * Needs neither root nor a library.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#error "which AUDIT_ARCH_ is this machine? See linux/audit.h"
#endif

/* The system calls of x32, which has the architecture of x86-64, have this bit. */
#define X32_BIT 0x40000000
#define MOST 64
/* What is before the first system call, for each of them, and behind the last. */
#define HEAD 5
#define EACH 2
#define TAIL 1

struct name {
	const char *name;
	int number;
};

static const struct name SYSCALLS[] = {
	{ "io_uring_setup", __NR_io_uring_setup },
	{ "io_uring_enter", __NR_io_uring_enter },
	{ "io_uring_register", __NR_io_uring_register },
	{ "socket", __NR_socket },
	{ "socketpair", __NR_socketpair },
	{ "bind", __NR_bind },
	{ "getsockname", __NR_getsockname },
	{ "setsockopt", __NR_setsockopt },
	{ "getsockopt", __NR_getsockopt },
	{ "sendmsg", __NR_sendmsg },
	{ "recvmsg", __NR_recvmsg },
	{ "recvmmsg", __NR_recvmmsg },
	{ "eventfd2", __NR_eventfd2 },
	{ "epoll_create1", __NR_epoll_create1 },
	{ "epoll_ctl", __NR_epoll_ctl },
	{ "epoll_pwait", __NR_epoll_pwait },
#ifdef __NR_epoll_wait
	{ "epoll_wait", __NR_epoll_wait },
#endif
#ifdef __NR_poll
	{ "poll", __NR_poll },
#endif
	{ "ppoll", __NR_ppoll },
	{ "pidfd_open", __NR_pidfd_open },
	{ "pidfd_getfd", __NR_pidfd_getfd },
	{ "pidfd_send_signal", __NR_pidfd_send_signal },
	{ "setns", __NR_setns },
	{ "unshare", __NR_unshare },
	{ "setpriority", __NR_setpriority },
	{ "uname", __NR_uname },
	{ NULL, 0 },
};

static const struct name ERRNOS[] = {
	{ "EPERM", EPERM },   { "EACCES", EACCES }, { "ENOSYS", ENOSYS }, { "ENOMEM", ENOMEM },         { "EAGAIN", EAGAIN },
	{ "EINTR", EINTR },   { "EINVAL", EINVAL }, { "EMFILE", EMFILE }, { "ENFILE", ENFILE },         { "ENOBUFS", ENOBUFS },
	{ "EBUSY", EBUSY },   { "ENODEV", ENODEV }, { "EBADF", EBADF },   { "EOPNOTSUPP", EOPNOTSUPP }, { "ENOPROTOOPT", ENOPROTOOPT },
	{ NULL, 0 },
};

static struct sock_filter program[HEAD + EACH * MOST + TAIL];
static unsigned short length;

static void append(struct sock_filter instruction)
{
	program[length++] = instruction;
}

static void fail(const char *what, const char *which)
{
	fprintf(stderr, "refuse: %s: %s\n", what, which);
	exit(2);
}

/* The number of a name, or the number that it is. */
static int find(const struct name *names, const char *wanted, const char *what)
{
	char *end;
	long number = strtol(wanted, &end, 10);

	if (*wanted && !*end)
		return number;
	for (; names->name; names++)
		if (!strcmp(names->name, wanted))
			return names->number;
	fail(what, wanted);
	return -1;
}

static void refuse(int number, int error)
{
	if ((size_t)length + EACH + TAIL > sizeof(program) / sizeof(*program))
		fail("too many system calls", "64 at the most");
	append((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
	append((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)));
}

static void refuse_named(char *argument)
{
	char *equals = strchr(argument, '=');

	if (!equals)
		fail("not SYSCALL=ERRNO", argument);
	*equals = '\0';
	int error = find(ERRNOS, equals + 1, "unknown errno");
	if (strcmp(argument, "io_uring")) {
		refuse(find(SYSCALLS, argument, "unknown system call"), error);
		return;
	}
	refuse(__NR_io_uring_setup, error);
	refuse(__NR_io_uring_enter, error);
	refuse(__NR_io_uring_register, error);
}

int main(int argc, char **argv)
{
	struct sock_fprog filter = { .filter = program };
	int at = 1;

	/* The system calls of another architecture have other numbers: none of them is allowed. */
	append((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
	append((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
	append((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
	append((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	append((struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~X32_BIT));
	for (; at < argc && strcmp(argv[at], "--"); at++)
		refuse_named(argv[at]);
	append((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	if (at + 1 >= argc)
		fail("usage", "refuse SYSCALL=ERRNO... -- COMMAND [ARG...]");
	filter.len = length;
	/* Without it, only root may install a filter. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
		perror("refuse: prctl");
		return 2;
	}
	execvp(argv[at + 1], argv + at + 1);
	perror("refuse: execvp");
	return 127;
}
