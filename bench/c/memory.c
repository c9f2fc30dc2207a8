/*
 * memory FILE: the codec without a socket. FILE is netlink messages one after the other; they are gone through until
 * 200,000 entries were handled, as nfct_new + parse + destroy and as nfct_nlmsg_build; the latter also of UDP flows
 * that differ in their addresses and ports only. The best of five rounds each, which is what the machine can do
 * undisturbed. One line of JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include "measure.h"

#define ENTRIES 200000
#define ROUNDS 5
#define KEEP 65536

static struct nlmsghdr *messages[KEEP];
static struct nf_conntrack *flows[KEEP], *alike[KEEP];

static void parse(unsigned long i)
{
	struct nf_conntrack *ct = nfct_new();
	nfct_nlmsg_parse(messages[i], ct);
	nfct_destroy(ct);
}

static void build_of(const struct nf_conntrack *ct)
{
	static union { struct nlmsghdr nlh; char bytes[1 << 16]; } out;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(out.bytes);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct nfgenmsg));
	nfct_nlmsg_build(nlh, ct);
}

static void build(unsigned long i)
{
	build_of(flows[i]);
}

static void build_alike(unsigned long i)
{
	build_of(alike[i]);
}

/* Nanoseconds an entry. */
static double best(void (*each)(unsigned long), unsigned long n)
{
	double fastest = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		double from = now(), took;
		for (unsigned long i = 0; i < ENTRIES; i++)
			each(i % n);
		took = (now() - from) * 1e9 / ENTRIES;
		if (took < fastest)
			fastest = took;
	}
	return fastest;
}

int main(int argc, char **argv)
{
	FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
	unsigned long n = 0;
	double parsing, building;

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
	parsing = best(parse, n);
	for (unsigned long i = 0; i < n; i++) {
		nfct_nlmsg_parse(messages[i], flows[i] = nfct_new());
		alike[i] = nfct_new();
		nfct_set_attr_u8(alike[i], ATTR_L3PROTO, AF_INET);
		nfct_set_attr_u32(alike[i], ATTR_IPV4_SRC, htonl(0x0a000000 | i));
		nfct_set_attr_u32(alike[i], ATTR_IPV4_DST, htonl(0xc0a80001));
		nfct_set_attr_u8(alike[i], ATTR_L4PROTO, IPPROTO_UDP);
		nfct_set_attr_u16(alike[i], ATTR_PORT_SRC, htons(40000 + i));
		nfct_set_attr_u16(alike[i], ATTR_PORT_DST, htons(53));
		nfct_setobjopt(alike[i], NFCT_SOPT_SETUP_REPLY);
		nfct_set_attr_u32(alike[i], ATTR_TIMEOUT, 3600);
	}
	building = best(build, n);
	printf("{\"count\":%lu,\"decode_ns\":%.1f,\"encode_ns\":%.1f,\"shape_ns\":%.1f}\n", n, parsing, building,
	       best(build_alike, n));
	return 0;
}
