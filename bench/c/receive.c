/* The floor of any dump: a bare socket, 64 KiB reads, count the messages up to DONE. One line of JSON. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

int main(void)
{
	struct { struct nlmsghdr nlh; struct nfgenmsg nfg; } request = {
		.nlh = { sizeof(request), NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 },
		.nfg = { AF_UNSPEC, NFNETLINK_V0, 0 },
	};
	static union { struct nlmsghdr nlh; char bytes[1 << 16]; } buffer;
	unsigned long count = 0, bytes = 0, datagrams = 0;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), done = 0;
	struct timespec from, to;
	struct rusage usage;

	clock_gettime(CLOCK_MONOTONIC, &from);
	if (fd < 0 || send(fd, &request, sizeof(request), 0) < 0) {
		perror("send");
		return 1;
	}
	while (!done) {
		ssize_t n = recv(fd, buffer.bytes, sizeof(buffer.bytes), 0);
		if (n < 0) {
			perror("recv");
			return 1;
		}
		bytes += n;
		datagrams++;
		for (struct nlmsghdr *nlh = &buffer.nlh; NLMSG_OK(nlh, n); nlh = NLMSG_NEXT(nlh, n)) {
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				errno = -((struct nlmsgerr *)NLMSG_DATA(nlh))->error;
				perror("dump");
				return 1;
			}
			if (nlh->nlmsg_type == NLMSG_DONE)
				done = 1;
			else
				count++;
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"count\":%lu,\"seconds\":%.6f,\"maxrss_kib\":%ld,\"bytes\":%lu,\"datagrams\":%lu}\n", count,
	       (to.tv_sec - from.tv_sec) + (to.tv_nsec - from.tv_nsec) / 1e9, usage.ru_maxrss, bytes, datagrams);
	close(fd);
	return 0;
}
