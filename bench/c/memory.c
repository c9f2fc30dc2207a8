/*
 * memory FILE: the codec without a socket. FILE is netlink messages one after the other; they are gone through until
 * 200,000 entries were handled, once as nfct_new + parse + destroy, once as nfct_nlmsg_build. One line of JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>

#define ENTRIES 200000
#define KEEP 65536

static double now(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1e9 + at.tv_nsec;
}

int main(int argc, char **argv)
{
	static struct nlmsghdr *messages[KEEP];
	static struct nf_conntrack *flows[KEEP];
	static union { struct nlmsghdr nlh; char bytes[1 << 16]; } out;
	FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
	unsigned long n = 0, bytes = 0;
	double from, parse, build;

	if (!file || fseek(file, 0, SEEK_END)) {
		perror("memory FILE");
		return 1;
	}
	long size = ftell(file);
	char *data = malloc(size + 16);
	rewind(file);
	if (!data || fread(data, 1, size, file) != (size_t)size) {
		perror("read");
		return 1;
	}
	int left = size;
	for (struct nlmsghdr *nlh = (void *)data; mnl_nlmsg_ok(nlh, left) && n < KEEP; nlh = mnl_nlmsg_next(nlh, &left))
		if (nlh->nlmsg_type >> 8 == CONNTRACK)
			messages[n++] = nlh;
	if (n == 0) {
		fprintf(stderr, "%s: no ctnetlink messages\n", argv[1]);
		return 1;
	}
	from = now();
	for (unsigned long i = 0; i < ENTRIES; i++) {
		struct nf_conntrack *ct = nfct_new();
		nfct_nlmsg_parse(messages[i % n], ct);
		nfct_destroy(ct);
	}
	parse = (now() - from) / ENTRIES;
	for (unsigned long i = 0; i < n; i++)
		nfct_nlmsg_parse(messages[i], flows[i] = nfct_new());
	from = now();
	for (unsigned long i = 0; i < ENTRIES; i++) {
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(out.bytes);
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct nfgenmsg));
		nfct_nlmsg_build(nlh, flows[i % n]);
		bytes += nlh->nlmsg_len;
	}
	build = (now() - from) / ENTRIES;
	printf("{\"messages\":%lu,\"entries\":%d,\"parse_ns\":%.1f,\"build_ns\":%.1f,\"bytes_per_entry\":%.1f}\n", n,
	       ENTRIES, parse, build, (double)bytes / ENTRIES);
	return 0;
}
