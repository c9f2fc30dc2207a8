/*
 * Writes what a program sends over netfilter's netlink sockets to the file that SENT_FILE names, and which multicast
 * groups it has joined when it first receives: LD_PRELOAD=sent.so SENT_FILE=... conntrack ... A record is a kind (1: a
 * datagram, 2: the groups), a length, both unsigned ints, and the bytes. A library and not strace or nlmon, because
 * containers refuse ptrace, and not every kernel has the device.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATAGRAM = 1, GROUPS = 2, MOST = 1 << 20 };

static void record(unsigned int kind, const void *bytes, unsigned int length)
{
	static int file = -1;
	static unsigned char whole[MOST];
	unsigned int head[2] = { kind, length };

	if (file < 0)
		file = open(getenv("SENT_FILE"), O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (length > MOST - sizeof(head))
		abort();
	memcpy(whole, head, sizeof(head));
	memcpy(whole + sizeof(head), bytes, length);
	/* At once, so that who reads the file finds whole records. */
	if (write(file, whole, sizeof(head) + length) != (ssize_t)(sizeof(head) + length))
		abort();
}

static int is_netfilter(int fd)
{
	int domain = 0, protocol = 0;
	socklen_t size = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_NETLINK &&
	       getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == NETLINK_NETFILTER;
}

static void record_groups(int fd)
{
	static int done;
	struct sockaddr_nl name = { 0 };
	socklen_t size = sizeof(name);

	if (done || !is_netfilter(fd) || getsockname(fd, (struct sockaddr *)&name, &size) != 0 || name.nl_groups == 0)
		return;
	done = 1;
	record(GROUPS, &name.nl_groups, sizeof(name.nl_groups));
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
	static ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);

	if (next == NULL)
		next = dlsym(RTLD_NEXT, "sendto");
	if (is_netfilter(fd))
		record(DATAGRAM, bytes, length);
	return next(fd, bytes, length, flags, to, size);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
	return sendto(fd, bytes, length, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	static ssize_t (*next)(int, const struct msghdr *, int);
	static unsigned char whole[MOST];
	size_t length = 0;

	if (next == NULL)
		next = dlsym(RTLD_NEXT, "sendmsg");
	if (is_netfilter(fd)) {
		for (size_t at = 0; at < message->msg_iovlen; at++) {
			if (length + message->msg_iov[at].iov_len > MOST)
				abort();
			memcpy(whole + length, message->msg_iov[at].iov_base, message->msg_iov[at].iov_len);
			length += message->msg_iov[at].iov_len;
		}
		record(DATAGRAM, whole, length);
	}
	return next(fd, message, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	static ssize_t (*next)(int, struct msghdr *, int);

	if (next == NULL)
		next = dlsym(RTLD_NEXT, "recvmsg");
	record_groups(fd);
	return next(fd, message, flags);
}

ssize_t recvfrom(int fd, void *bytes, size_t length, int flags, struct sockaddr *from, socklen_t *size)
{
	static ssize_t (*next)(int, void *, size_t, int, struct sockaddr *, socklen_t *);

	if (next == NULL)
		next = dlsym(RTLD_NEXT, "recvfrom");
	record_groups(fd);
	return next(fd, bytes, length, flags, from, size);
}
