/*
 * fill N [FAMILY]: N flows into this namespace as fast as raw batches go: 100 messages a datagram, no ACK. TCP
 * ESTABLISHED and UDP in turn, a mark on every third; FAMILY is 4 (the default) or 6. One line of JSON; "failed"
 * counts the error messages that came back (a message that works is not answered). For benchmarks: run it under
 * `unshare -n` only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include "measure.h"

#define BATCH 100

/* nf_conntrack_max is global and writable only from the initial network namespace; elsewhere this does nothing. */
static void raise_limit(unsigned long to)
{
	unsigned long now = 0;
	FILE *file = fopen("/proc/sys/net/netfilter/nf_conntrack_max", "r+");

	if (!file)
		return;
	if (fscanf(file, "%lu", &now) == 1 && now < to) {
		rewind(file);
		fprintf(file, "%lu\n", to);
	}
	fclose(file);
}

static void tuple(struct nlmsghdr *nlh, int type, int family, unsigned long i, uint8_t protocol, int reply)
{
	/* 65,536 clients of 32 ports each before a server's address changes. */
	uint32_t client = 0x0a000000 | (i & 0xffff), server = 0xac100001 + (i >> 21 & 0xfffff);
	uint16_t sport = 32768 + (i >> 16 & 31), dport = protocol == IPPROTO_TCP ? 443 : 53;
	struct nlattr *outer = mnl_attr_nest_start(nlh, type), *inner = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	uint8_t address[2][16] = { { 0xfd }, { 0x20, 0x01, 0x0d, 0xb8 } };

	if (family == AF_INET) {
		mnl_attr_put_u32(nlh, CTA_IP_V4_SRC, htonl(reply ? server : client));
		mnl_attr_put_u32(nlh, CTA_IP_V4_DST, htonl(reply ? client : server));
	} else {
		client = htonl(client);
		server = htonl(server);
		memcpy(address[0] + 12, &client, 4);
		memcpy(address[1] + 12, &server, 4);
		mnl_attr_put(nlh, CTA_IP_V6_SRC, 16, address[reply]);
		mnl_attr_put(nlh, CTA_IP_V6_DST, 16, address[!reply]);
	}
	mnl_attr_nest_end(nlh, inner);
	inner = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, protocol);
	mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(reply ? dport : sport));
	mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(reply ? sport : dport));
	mnl_attr_nest_end(nlh, inner);
	mnl_attr_nest_end(nlh, outer);
}

static size_t flow(char *at, unsigned long i, int family)
{
	static const struct nf_ct_tcp_flags liberal = { IP_CT_TCP_FLAG_BE_LIBERAL, IP_CT_TCP_FLAG_BE_LIBERAL };
	uint8_t protocol = i % 2 ? IPPROTO_UDP : IPPROTO_TCP;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));

	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
	nlh->nlmsg_seq = i + 1;
	nfg->nfgen_family = family;
	tuple(nlh, CTA_TUPLE_ORIG, family, i, protocol, 0);
	tuple(nlh, CTA_TUPLE_REPLY, family, i, protocol, 1);
	mnl_attr_put_u32(nlh, CTA_STATUS, htonl(IPS_CONFIRMED | IPS_SEEN_REPLY | (i % 2 ? 0 : IPS_ASSURED)));
	mnl_attr_put_u32(nlh, CTA_TIMEOUT, htonl(i % 2 ? 3600 : 432000));
	if (protocol == IPPROTO_TCP) {
		struct nlattr *outer = mnl_attr_nest_start(nlh, CTA_PROTOINFO);
		struct nlattr *inner = mnl_attr_nest_start(nlh, CTA_PROTOINFO_TCP);
		mnl_attr_put_u8(nlh, CTA_PROTOINFO_TCP_STATE, TCP_CONNTRACK_ESTABLISHED);
		mnl_attr_put(nlh, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, sizeof(liberal), &liberal);
		mnl_attr_put(nlh, CTA_PROTOINFO_TCP_FLAGS_REPLY, sizeof(liberal), &liberal);
		mnl_attr_nest_end(nlh, inner);
		mnl_attr_nest_end(nlh, outer);
	}
	if (i % 3 == 0)
		mnl_attr_put_u32(nlh, CTA_MARK, htonl(1 + i % 255));
	return NLMSG_ALIGN(nlh->nlmsg_len);
}

static unsigned long errors(int fd, int *last)
{
	static union { struct nlmsghdr nlh; char bytes[1 << 16]; } in;
	unsigned long n = 0;
	ssize_t left;

	while ((left = recv(fd, in.bytes, sizeof(in.bytes), MSG_DONTWAIT)) > 0) {
		int rest = left;
		for (struct nlmsghdr *nlh = &in.nlh; mnl_nlmsg_ok(nlh, rest); nlh = mnl_nlmsg_next(nlh, &rest))
			if (nlh->nlmsg_type == NLMSG_ERROR && mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct nlmsgerr)) {
				*last = -((struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
				n++;
			}
	}
	return n;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 100000, failed = 0;
	int family = argc > 2 && !strcmp(argv[2], "6") ? AF_INET6 : AF_INET;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), one = 1, last = 0;
	static char batch[BATCH * 512];
	double from, to;

	if (fd < 0) {
		perror("socket");
		return 1;
	}
	/* An error then comes back as a header alone, not with the whole request behind it. */
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	raise_limit(n + n / 4);
	from = now();
	for (unsigned long i = 0; i < n;) {
		size_t length = 0;
		for (int m = 0; m < BATCH && i < n; m++, i++)
			length += flow(batch + length, i, family);
		if (send(fd, batch, length, 0) < 0) {
			perror("send");
			return 1;
		}
		failed += errors(fd, &last);
	}
	to = now();
	printf("{\"count\":%lu,\"failed\":%lu,\"errno\":%d,\"seconds\":%.6f}\n", n - failed, failed, last,
	       to - from);
	return failed != 0;
}
