/*
 * What the oracle programs share: lines of hex in, memory as nfct_set_attr takes it, and a process that outlives a
 * malformed message.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <unistd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { STRING = -1, BITMASK = -2, BLOB = -3 };

/* From the comments of the public header: size in bytes, or how to treat it. */
static const int size_of[ATTR_MAX] = {
	[ATTR_ORIG_IPV4_SRC] = 4, [ATTR_ORIG_IPV4_DST] = 4, [ATTR_REPL_IPV4_SRC] = 4, [ATTR_REPL_IPV4_DST] = 4,
	[ATTR_ORIG_IPV6_SRC] = 16, [ATTR_ORIG_IPV6_DST] = 16, [ATTR_REPL_IPV6_SRC] = 16, [ATTR_REPL_IPV6_DST] = 16,
	[ATTR_ORIG_PORT_SRC] = 2, [ATTR_ORIG_PORT_DST] = 2, [ATTR_REPL_PORT_SRC] = 2, [ATTR_REPL_PORT_DST] = 2,
	[ATTR_ICMP_TYPE] = 1, [ATTR_ICMP_CODE] = 1, [ATTR_ICMP_ID] = 2,
	[ATTR_ORIG_L3PROTO] = 1, [ATTR_REPL_L3PROTO] = 1, [ATTR_ORIG_L4PROTO] = 1, [ATTR_REPL_L4PROTO] = 1,
	[ATTR_TCP_STATE] = 1, [ATTR_SNAT_IPV4] = 4, [ATTR_DNAT_IPV4] = 4, [ATTR_SNAT_PORT] = 2, [ATTR_DNAT_PORT] = 2,
	[ATTR_TIMEOUT] = 4, [ATTR_MARK] = 4,
	[ATTR_ORIG_COUNTER_PACKETS] = 8, [ATTR_REPL_COUNTER_PACKETS] = 8,
	[ATTR_ORIG_COUNTER_BYTES] = 8, [ATTR_REPL_COUNTER_BYTES] = 8,
	[ATTR_USE] = 4, [ATTR_ID] = 4, [ATTR_STATUS] = 4,
	[ATTR_TCP_FLAGS_ORIG] = 1, [ATTR_TCP_FLAGS_REPL] = 1, [ATTR_TCP_MASK_ORIG] = 1, [ATTR_TCP_MASK_REPL] = 1,
	[ATTR_MASTER_IPV4_SRC] = 4, [ATTR_MASTER_IPV4_DST] = 4, [ATTR_MASTER_IPV6_SRC] = 16, [ATTR_MASTER_IPV6_DST] = 16,
	[ATTR_MASTER_PORT_SRC] = 2, [ATTR_MASTER_PORT_DST] = 2, [ATTR_MASTER_L3PROTO] = 1, [ATTR_MASTER_L4PROTO] = 1,
	[ATTR_SECMARK] = 4,
	[ATTR_ORIG_NAT_SEQ_CORRECTION_POS] = 4, [ATTR_ORIG_NAT_SEQ_OFFSET_BEFORE] = 4,
	[ATTR_ORIG_NAT_SEQ_OFFSET_AFTER] = 4, [ATTR_REPL_NAT_SEQ_CORRECTION_POS] = 4,
	[ATTR_REPL_NAT_SEQ_OFFSET_BEFORE] = 4, [ATTR_REPL_NAT_SEQ_OFFSET_AFTER] = 4,
	[ATTR_SCTP_STATE] = 1, [ATTR_SCTP_VTAG_ORIG] = 4, [ATTR_SCTP_VTAG_REPL] = 4,
	[ATTR_HELPER_NAME] = STRING, [ATTR_DCCP_STATE] = 1, [ATTR_DCCP_ROLE] = 1, [ATTR_DCCP_HANDSHAKE_SEQ] = 8,
	[ATTR_TCP_WSCALE_ORIG] = 1, [ATTR_TCP_WSCALE_REPL] = 1, [ATTR_ZONE] = 2, [ATTR_SECCTX] = STRING,
	[ATTR_TIMESTAMP_START] = 8, [ATTR_TIMESTAMP_STOP] = 8, [ATTR_HELPER_INFO] = BLOB,
	[ATTR_CONNLABELS] = BITMASK, [ATTR_CONNLABELS_MASK] = BITMASK, [ATTR_ORIG_ZONE] = 2, [ATTR_REPL_ZONE] = 2,
	[ATTR_SNAT_IPV6] = 16, [ATTR_DNAT_IPV6] = 16,
	[ATTR_SYNPROXY_ISN] = 4, [ATTR_SYNPROXY_ITS] = 4, [ATTR_SYNPROXY_TSOFF] = 4,
};

/*
 * The library calls exit() for attributes that are shorter than it wants ("ctnetlink kernel ABI is broken"). Ours is
 * found first by the dynamic linker, so that one malformed line costs one answer and not the process.
 */
static jmp_buf next_line;
static int answering;

void exit(int status)
{
	if (answering)
		longjmp(next_line, 1);
	fflush(stdout);
	_exit(status);
}

/* The library prints what time it is. So the clock is stopped at $ORACLE_NOW, in seconds, if that is set. */
time_t time(time_t *at)
{
	const char *stopped = getenv("ORACLE_NOW");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (stopped)
		now.tv_sec = atoll(stopped);
	if (at)
		*at = now.tv_sec;
	return now.tv_sec;
}

static union { struct nlmsghdr nlh; uint8_t bytes[1 << 17]; } in, out;

/* Hex to memory: the number of bytes, or -1. */
static int unhex(const char *text, uint8_t *to, size_t room)
{
	size_t n = 0;
	unsigned byte;

	for (; text[0] > ' ' && text[0] != '|'; text += 2, n++) {
		if (n == room || sscanf(text, "%2x", &byte) != 1 || text[1] <= ' ')
			return -1;
		to[n] = byte;
	}
	return n;
}

static void hex(const void *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", ((const uint8_t *)data)[i]);
}

static void fail(int error)
{
	printf("error %d\n", error);
}

/* One line of hex into `in`: 0, or the errno of a message that does not hold together. */
static int read_message(const char *line)
{
	memset(in.bytes, 0, 64);
	int n = unhex(line, in.bytes, sizeof(in.bytes) - 64);
	if (n < 0)
		return EINVAL;
	memset(in.bytes + n, 0, 64);
	if (n < (int)(NLMSG_HDRLEN + sizeof(struct nfgenmsg)) || in.nlh.nlmsg_len > (uint32_t)n ||
	    in.nlh.nlmsg_len < NLMSG_HDRLEN + sizeof(struct nfgenmsg))
		return EBADMSG;
	return 0;
}

static int set_attribute(struct nf_conntrack *ct, int id, const char *text)
{
	static union { uint8_t bytes[4096]; uint32_t words[1024]; uint64_t align; } value;
	int n = unhex(text, value.bytes, sizeof(value.bytes) - 1);

	if (n < 0 || id < 0 || id >= ATTR_MAX)
		return EINVAL;
	value.bytes[n] = 0;
	if (size_of[id] == BITMASK) {
		if (n == 0 || n % 4)
			return EINVAL;
		struct nfct_bitmask *mask = nfct_bitmask_new(n * 8 - 1);
		for (int bit = 0; bit < n * 8; bit++)
			if (value.words[bit / 32] >> (bit % 32) & 1)
				nfct_bitmask_set_bit(mask, bit);
		nfct_set_attr(ct, id, mask);    /* the object owns it from here */
	} else if (size_of[id] == BLOB) {
		nfct_set_attr_l(ct, id, value.bytes, n);
	} else {
		if (size_of[id] > 0 && n != size_of[id])
			return EINVAL;
		nfct_set_attr(ct, id, value.bytes);
	}
	return 0;
}

/* `ID=HEX ... opt=N` up to the end of the line or a `|`, in the order written. */
static int read_attributes(struct nf_conntrack *ct, char **line)
{
	char *at = *line;

	for (;;) {
		while (*at == ' ')
			at++;
		if (*at == 0 || *at == '\n' || *at == '|')
			break;
		char *equals = strchr(at, '=');
		if (!equals)
			return EINVAL;
		if (!strncmp(at, "opt=", 4)) {
			if (nfct_setobjopt(ct, strtoul(equals + 1, NULL, 0)) < 0)
				return errno;
		} else {
			int error = set_attribute(ct, strtol(at, NULL, 10), equals + 1);
			if (error)
				return error;
		}
		while (*at > ' ' && *at != '|')
			at++;
	}
	*line = at;
	return 0;
}

/* Lines of stdin to `answer`, which prints one line for each. */
static int answer_lines(void (*answer)(char *line))
{
	static char *line;
	static size_t room;

	while (getline(&line, &room, stdin) > 0) {
		answering = 1;
		if (setjmp(next_line)) {
			fail(EBADMSG);
			continue;
		}
		answer(line);
	}
	answering = 0;
	free(line);
	return 0;
}
