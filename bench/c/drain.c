/*
 * drain N FILL: waits in the receive buffer until FILL, another process, has made N flows, then times how long it takes
 * to read the N events of that with nfct_catch, reading three attributes of each. One line of JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include "measure.h"

#define RECEIVE_BUFFER (256 << 20)

static unsigned long expected, count, sum;

static int on_event(enum nf_conntrack_msg_type type, struct nf_conntrack *ct, void *data)
{
	(void)type;
	(void)data;
	sum += nfct_get_attr_u32(ct, ATTR_ORIG_IPV4_SRC) + nfct_get_attr_u16(ct, ATTR_ORIG_PORT_DST) +
	       nfct_get_attr_u32(ct, ATTR_MARK);
	return ++count == expected ? NFCT_CB_STOP : NFCT_CB_CONTINUE;
}

static int run(const char *program, const char *argument)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		if (freopen("/dev/null", "w", stdout))
			execl(program, program, argument, (char *)NULL);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct nfct_handle *h = nfct_open(CONNTRACK, NF_NETLINK_CONNTRACK_NEW);
	double from, to;

	if (argc < 3 || !h || nfct_callback_register(h, NFCT_T_NEW, on_event, NULL)) {
		fprintf(stderr, "drain N FILL, with CAP_NET_ADMIN\n");
		return 1;
	}
	expected = strtoul(argv[1], NULL, 0);
	nfnl_rcvbufsiz(nfct_nfnlh(h), RECEIVE_BUFFER);
	if (run(argv[2], argv[1])) {
		fprintf(stderr, "%s %s failed\n", argv[2], argv[1]);
		return 1;
	}
	from = now();
	if (nfct_catch(h) < 0) {
		perror("nfct_catch");
		return 1;
	}
	to = now();
	printf("{\"count\":%lu,\"seconds\":%.6f,\"peak_kib\":%ld,\"checksum\":%lu}\n", count, to - from, peak_kib(), sum);
	nfct_close(h);
	return 0;
}
