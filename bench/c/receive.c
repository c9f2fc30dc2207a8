/*
 * receive [SECONDS]: the floor of any dump: a bare socket, 64 KiB reads, count the messages up to DONE. One dump; or
 * dumps until SECONDS are over, at least three, and their median is printed. One line of JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include "measure.h"

#define LEAST_DUMPS 3
#define MOST_DUMPS 100000

/* How many flows; negative when it failed. */
static long dump(int fd)
{
	struct { struct nlmsghdr nlh; struct nfgenmsg nfg; } request = {
		.nlh = { sizeof(request), NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 },
		.nfg = { AF_UNSPEC, NFNETLINK_V0, 0 },
	};
	static union { struct nlmsghdr nlh; char bytes[1 << 16]; } buffer;
	long count = 0;

	if (send(fd, &request, sizeof(request), 0) < 0)
		return -1;
	for (;;) {
		ssize_t n = recv(fd, buffer.bytes, sizeof(buffer.bytes), 0);
		if (n < 0)
			return -1;
		for (struct nlmsghdr *nlh = &buffer.nlh; NLMSG_OK(nlh, n); nlh = NLMSG_NEXT(nlh, n)) {
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				errno = -((struct nlmsgerr *)NLMSG_DATA(nlh))->error;
				return -1;
			}
			if (nlh->nlmsg_type == NLMSG_DONE)
				return count;
			count++;
		}
	}
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static double seconds[MOST_DUMPS];
	double limit = argc > 1 ? strtod(argv[1], NULL) : 0, begin = now();
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), least = limit > 0 ? LEAST_DUMPS : 1, dumps = 0;
	long count;

	do {
		double from = now();
		count = dump(fd);
		seconds[dumps++] = now() - from;
		if (count < 0) {
			perror("dump");
			return 1;
		}
	} while (dumps < least || (dumps < MOST_DUMPS && now() - begin < limit));
	qsort(seconds, dumps, sizeof(*seconds), ascending);
	printf("{\"count\":%ld,\"dumps\":%d,\"seconds\":%.7f,\"peak_kib\":%ld}\n", count, dumps, seconds[dumps / 2],
	       peak_kib());
	close(fd);
	return 0;
}
