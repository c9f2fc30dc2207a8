/*
 * The low-level functions of libnetfilter_conntrack: what is appended to a message, and what is read from one into an
 * object that has something already. Lines in, one line each out; LIST is `ID=HEX ... [opt=N]` as in oracle.c.
 *
 *   nlmsg parse              LIST | hex message       -> RESULT ID=HEX ... of all that is set after nfct_nlmsg_parse
 *   nlmsg payload            LIST | L3NUM hex         -> the same after nfct_payload_parse
 *   nlmsg type MASK          LIST | hex message       -> the same after nfct_parse_conntrack
 *   nlmsg conntrack          TYPE FLAGS LIST          -> the whole message (hex) of nfct_build_conntrack, sequence 0
 *   nlmsg filter             [mark=V/M] [status=V/M] [l3num=N]
 * -> the whole message (hex) that nfct_nlmsg_build_filter made of one with the family 7 nlmsg exptype MASK       hex
 * message              -> RESULT of nfexp_parse_expect nlmsg expparse hex | hex                -> what
 * nfexp_nlmsg_build makes of one that nfexp_nlmsg_parse read both messages into, and its class, NAT direction and
 * function nlmsg expect             TYPE FLAGS LIST          -> the whole message of nfexp_build_expect of an
 * expectation of LIST
 *
 * RESULT is what the function returns, or `error ERRNO`. HEX is empty of what has no length (helper info).
 */
#include "common.h"

static void put_state(struct nf_conntrack *ct)
{
	for (int id = 0; id < ATTR_MAX; id++) {
		if (nfct_attr_is_set(ct, id) <= 0)
			continue;
		const void *value = nfct_get_attr(ct, id);
		printf(" %d=", id);
		if (value && size_of[id] == BITMASK) {
			for (unsigned bit = 0; bit <= nfct_bitmask_maxbit(value); bit += 32) {
				uint32_t word = 0;
				for (unsigned i = 0; i < 32; i++)
					word |= (uint32_t)!!nfct_bitmask_test_bit(value, bit + i) << i;
				hex(&word, 4);
			}
		} else if (value && size_of[id] != BLOB) {
			hex(value, size_of[id] == STRING ? strlen(value) + 1 : (size_t)size_of[id]);
		}
	}
	putchar('\n');
}

static const char *command;
static unsigned mask;

static void parse(char *line)
{
	struct nf_conntrack *ct = nfct_new();
	int error = read_attributes(ct, &line), result = 0, n, l3num;

	if (!error && *line != '|')
		error = EINVAL;
	line += 2;
	errno = 0;
	if (!error && !strcmp(command, "payload")) {
		l3num = strtol(line, &line, 10);
		n = unhex(line + 1, in.bytes, sizeof(in.bytes));
		result = nfct_payload_parse(in.bytes, n, l3num, ct);
	} else if (!error && (error = read_message(line)) == 0) {
		result = !strcmp(command, "parse") ? nfct_nlmsg_parse(&in.nlh, ct) : nfct_parse_conntrack(mask, &in.nlh, ct);
	}
	if (!error && result < 0 && errno)
		error = errno;
	if (error)
		printf("error %d", error);
	else
		printf("%d", result);
	put_state(ct);
	nfct_destroy(ct);
}

static void parse_expect(char *line)
{
	struct nf_expect *exp = nfexp_new();
	int error = read_message(line);

	if (error)
		fail(error);
	else
		printf("%d\n", nfexp_parse_expect(mask, &in.nlh, exp));
	nfexp_destroy(exp);
}

static void parse_expects(char *line)
{
	struct nf_expect *exp = nfexp_new();
	int error = 0;

	for (int i = 0; i < 2 && !error; i++) {
		error = read_message(line);
		if (!error && nfexp_nlmsg_parse(&in.nlh, exp) < 0)
			error = EIO;
		line = strchr(line, '|') + 2;
	}
	memset(&out, 0, sizeof(out));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(out.bytes);
	if (!error && nfexp_nlmsg_build(nlh, exp) < 0)
		error = EIO;
	if (error) {
		fail(error);
	} else {
		hex(nlh + 1, nlh->nlmsg_len - NLMSG_HDRLEN);
		const char *fn = nfexp_get_attr(exp, ATTR_EXP_FN);
		printf(" %u %u %s\n", nfexp_get_attr_u32(exp, ATTR_EXP_CLASS), nfexp_get_attr_u8(exp, ATTR_EXP_NAT_DIR), fn ? fn : "");
	}
	nfexp_destroy(exp);
}

static void set_pair(struct nfct_filter_dump *filter, int type, const char *line, const char *name)
{
	const char *at = strstr(line, name);
	struct nfct_filter_dump_mark pair;
	char *end;

	if (!at)
		return;
	pair.val = strtoul(at + strlen(name), &end, 0);
	pair.mask = strtoul(end + 1, NULL, 0);
	nfct_filter_dump_set_attr(filter, type, &pair);
}

static void filter(char *line)
{
	struct nfct_filter_dump *filter = nfct_filter_dump_create();
	const char *l3num = strstr(line, "l3num=");

	set_pair(filter, NFCT_FILTER_DUMP_MARK, line, "mark=");
	set_pair(filter, NFCT_FILTER_DUMP_STATUS, line, "status=");
	if (l3num)
		nfct_filter_dump_set_attr_u8(filter, NFCT_FILTER_DUMP_L3NUM, atoi(l3num + 6));
	memset(&out, 0, sizeof(out));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(out.bytes);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nfg->nfgen_family = 7;
	errno = 0;
	if (nfct_nlmsg_build_filter(nlh, filter) < 0) {
		fail(errno);
	} else {
		hex(nlh, nlh->nlmsg_len);
		putchar('\n');
	}
	nfct_filter_dump_destroy(filter);
}

static struct nfnl_subsys_handle *subsystem;

static void build(char *line)
{
	struct nf_conntrack *ct = nfct_new();
	struct nf_expect *exp = nfexp_new();
	int type = strtol(line, &line, 10);
	int flags = strtol(line, &line, 10);
	int error = read_attributes(ct, &line), result;

	if (!error) {
		memset(&out, 0, sizeof(out));
		errno = 0;
		if (!strcmp(command, "conntrack")) {
			result = nfct_build_conntrack(subsystem, &out, sizeof(out), type, flags, ct);
		} else {
			nfexp_set_attr(exp, ATTR_EXP_EXPECTED, ct);
			result = nfexp_build_expect(subsystem, &out, sizeof(out), type, flags, exp);
		}
		if (result < 0)
			error = errno ? errno : EIO;
	}
	if (error) {
		fail(error);
	} else {
		out.nlh.nlmsg_seq = 0;    /* it starts at time() */
		hex(out.bytes, out.nlh.nlmsg_len);
		putchar('\n');
	}
	nfexp_destroy(exp);
	nfct_destroy(ct);
}

static void answer(char *line)
{
	if (!strcmp(command, "filter"))
		filter(line);
	else if (!strcmp(command, "exptype"))
		parse_expect(line);
	else if (!strcmp(command, "expparse"))
		parse_expects(line);
	else if (!strcmp(command, "conntrack") || !strcmp(command, "expect"))
		build(line);
	else
		parse(line);
}

int main(int argc, char **argv)
{
	static const char *const commands = " parse payload type conntrack filter exptype expparse expect ";

	command = argc > 1 ? argv[1] : "";
	int masked = !strcmp(command, "type") || !strcmp(command, "exptype");
	if (!*command || !strstr(commands, command) || argc != (masked ? 3 : 2)) {
		fprintf(stderr, "usage: nlmsg%s[MASK]\n", commands);
		return 2;
	}
	mask = masked ? strtoul(argv[2], NULL, 0) : 0;
	if (!strcmp(command, "conntrack") || !strcmp(command, "expect")) {
		struct nfnl_handle *nfnlh = nfnl_open();
		int id = strcmp(command, "expect") ? NFNL_SUBSYS_CTNETLINK : NFNL_SUBSYS_CTNETLINK_EXP;
		subsystem = nfnlh ? nfnl_subsys_open(nfnlh, id, IPCTNL_MSG_MAX, 0) : NULL;
		if (!subsystem) {
			perror("nfnl_open");
			return 1;
		}
	}
	return answer_lines(answer);
}
