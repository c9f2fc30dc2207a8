/* create N: N UDP flows, one nfct_query(NFCT_Q_CREATE) and one ACK each. One line of JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include "measure.h"

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 10000, failed = 0;
	struct nfct_handle *h = nfct_open(CONNTRACK, 0);
	double from, to;

	if (!h) {
		perror("nfct_open");
		return 1;
	}
	from = now();
	for (unsigned long i = 0; i < n; i++) {
		struct nf_conntrack *ct = nfct_new();
		nfct_set_attr_u8(ct, ATTR_L3PROTO, AF_INET);
		nfct_set_attr_u32(ct, ATTR_IPV4_SRC, htonl(0x0a000000 | (i & 0xffffff)));
		nfct_set_attr_u32(ct, ATTR_IPV4_DST, htonl(0xc0a80001 + (i >> 24)));
		nfct_set_attr_u8(ct, ATTR_L4PROTO, IPPROTO_UDP);
		nfct_set_attr_u16(ct, ATTR_PORT_SRC, htons(40000));
		nfct_set_attr_u16(ct, ATTR_PORT_DST, htons(53));
		nfct_setobjopt(ct, NFCT_SOPT_SETUP_REPLY);
		nfct_set_attr_u32(ct, ATTR_TIMEOUT, 3600);
		if (nfct_query(h, NFCT_Q_CREATE, ct) && !failed++)
			perror("nfct_query");
		nfct_destroy(ct);
	}
	to = now();
	printf("{\"count\":%lu,\"failed\":%lu,\"seconds\":%.6f,\"peak_kib\":%ld}\n", n - failed, failed,
	       to - from, peak_kib());
	nfct_close(h);
	return 0;
}
