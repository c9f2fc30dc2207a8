/*
 * The expectations of Debian's libnetfilter_conntrack: every sub-command reads lines on stdin and answers one each.
 *
 *   expect build                 OBJECT                    -> FAMILY(hex) ATTRIBUTES(hex) of nfexp_nlmsg_build
 *   expect query                 QT OBJECT or QT family=N  -> the whole request (hex) of nfexp_build_query, sequence 0
 *   expect attrs                 hex message               -> OBJECT as nfexp_nlmsg_parse read it
 *   expect cmp FLAGS             OBJECT ; OBJECT           -> nfexp_cmp's result
 *
 * OBJECT is `ID=HEX ... | ID=HEX ... | ID=HEX ... | ID=HEX ... | ID=HEX ...`: the attributes of the master, the
 * expected flow, the mask and the NAT tuple (ATTR_*; none: it is not set), then those of the expectation itself
 * (ATTR_EXP_*).
 */
#include "common.h"

static const int exp_size_of[ATTR_EXP_MAX] = {
	[ATTR_EXP_TIMEOUT] = 4, [ATTR_EXP_ZONE] = 2, [ATTR_EXP_FLAGS] = 4, [ATTR_EXP_HELPER_NAME] = STRING,
	[ATTR_EXP_CLASS] = 4, [ATTR_EXP_NAT_DIR] = 1, [ATTR_EXP_FN] = STRING,
};

static const int objects[] = { ATTR_EXP_MASTER, ATTR_EXP_EXPECTED, ATTR_EXP_MASK, ATTR_EXP_NAT_TUPLE };

static int read_scalars(struct nf_expect *exp, char **line)
{
	static union { uint8_t bytes[4096]; uint64_t align; } value;
	char *at = *line;

	for (;;) {
		while (*at == ' ')
			at++;
		if (*at == 0 || *at == '\n' || *at == ';')
			break;
		char *equals = strchr(at, '=');
		int id = atoi(at);
		if (!equals || id < 0 || id >= ATTR_EXP_MAX || !exp_size_of[id])
			return EINVAL;
		/* ATTR_EXP_NAT_DIR is "u8 bits" in the header, and the setter reads 32 of them. */
		value.align = 0;
		int n = unhex(equals + 1, value.bytes, sizeof(value.bytes) - 1);
		if (n < 0)
			return EINVAL;
		value.bytes[n] = 0;
		nfexp_set_attr(exp, id, value.bytes);
		for (at = equals + 1; *at > ' ' && *at != ';'; at++)
			;
	}
	*line = at;
	return 0;
}

static int read_object(struct nf_expect *exp, char **line)
{
	for (int i = 0; i < 4; i++) {
		struct nf_conntrack *ct = nfct_new();
		char *start = *line;
		int error = read_attributes(ct, line), any = 0;
		for (char *c = start; c < *line; c++)
			any |= *c == '=';
		if (!error && any)
			nfexp_set_attr(exp, objects[i], ct);
		nfct_destroy(ct);
		if (error)
			return error;
		if (**line != '|')
			return EINVAL;
		++*line;
	}
	return read_scalars(exp, line);
}

static void put_tuple(const struct nf_conntrack *ct)
{
	static const int ids[] = {
		ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_SRC, ATTR_ORIG_IPV6_DST, ATTR_ORIG_PORT_SRC,
		ATTR_ORIG_PORT_DST, ATTR_ICMP_TYPE, ATTR_ICMP_CODE, ATTR_ICMP_ID, ATTR_ORIG_L3PROTO, ATTR_ORIG_L4PROTO,
	};
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		if (nfct_attr_is_set(ct, ids[i]) <= 0)
			continue;
		printf("%d=", ids[i]);
		hex(nfct_get_attr(ct, ids[i]), size_of[ids[i]]);
		putchar(' ');
	}
}

static void attributes(const char *line)
{
	struct nf_expect *exp = nfexp_new();
	int error = read_message(line);

	errno = 0;
	if (!error && nfexp_nlmsg_parse(&in.nlh, exp) < 0)
		error = errno ? errno : EIO;
	if (error) {
		fail(error);
		nfexp_destroy(exp);
		return;
	}
	for (int i = 0; i < 4; i++) {
		if (nfexp_attr_is_set(exp, objects[i]) > 0)
			put_tuple(nfexp_get_attr(exp, objects[i]));
		fputs("| ", stdout);
	}
	for (int id = 0; id < ATTR_EXP_MAX; id++) {
		if (!exp_size_of[id] || nfexp_attr_is_set(exp, id) <= 0)
			continue;
		const void *value = nfexp_get_attr(exp, id);
		printf("%d=", id);
		hex(value, exp_size_of[id] == STRING ? strlen(value) + 1 : (size_t)exp_size_of[id]);
		putchar(' ');
	}
	putchar('\n');
	nfexp_destroy(exp);
}

static void build(char *line)
{
	struct nf_expect *exp = nfexp_new();
	int error = read_object(exp, &line);

	if (!error) {
		memset(&out, 0, sizeof(out));
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(out.bytes);
		struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
		errno = 0;
		if (nfexp_nlmsg_build(nlh, exp) < 0) {
			error = errno ? errno : EIO;
		} else {
			hex(&nfg->nfgen_family, 1);
			putchar(' ');
			hex(nfg + 1, nlh->nlmsg_len - NLMSG_HDRLEN - sizeof(*nfg));
			putchar('\n');
		}
	}
	if (error)
		fail(error);
	nfexp_destroy(exp);
}

static struct nfnl_subsys_handle *subsystem;

static void query(char *line)
{
	struct nf_expect *exp = nfexp_new();
	unsigned type = strtoul(line, &line, 10);
	const char *named = strstr(line, "family=");
	uint32_t family = named ? strtoul(named + 7, NULL, 0) : 0;
	int error = named ? 0 : read_object(exp, &line);

	if (!error) {
		memset(&out, 0, sizeof(out));
		errno = 0;
		if (nfexp_build_query(subsystem, type, named ? (void *)&family : (void *)exp, out.bytes, sizeof(out)) < 0)
			error = errno ? errno : EIO;
		else if (out.nlh.nlmsg_len == 0)
			error = ENODATA;
	}
	if (error) {
		fail(error);
	} else {
		out.nlh.nlmsg_seq = 0;    /* it starts at time() */
		hex(out.bytes, out.nlh.nlmsg_len);
		putchar('\n');
	}
	nfexp_destroy(exp);
}

static unsigned flags;

static void compare(char *line)
{
	struct nf_expect *one = nfexp_new(), *two = nfexp_new();
	int error = read_object(one, &line);

	if (!error && *line == ';')
		line++;
	if (!error)
		error = read_object(two, &line);
	if (error)
		fail(error);
	else
		printf("%d\n", nfexp_cmp(one, two, flags));
	nfexp_destroy(one);
	nfexp_destroy(two);
}

static char *command;

static void answer(char *line)
{
	if (!strcmp(command, "build"))
		build(line);
	else if (!strcmp(command, "query"))
		query(line);
	else if (!strcmp(command, "attrs"))
		attributes(line);
	else
		compare(line);
}

int main(int argc, char **argv)
{
	command = argc > 1 ? argv[1] : "";
	if (strcmp(command, "build") && strcmp(command, "query") && strcmp(command, "attrs") &&
	    !(!strcmp(command, "cmp") && argc == 3)) {
		fprintf(stderr, "usage: expect build|query|attrs|cmp ...\n");
		return 2;
	}
	if (!strcmp(command, "query")) {
		struct nfnl_handle *nfnlh = nfnl_open();
		subsystem = nfnlh ? nfnl_subsys_open(nfnlh, NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_MAX, 0) : NULL;
		if (!subsystem) {
			perror("nfnl_open");
			return 1;
		}
	}
	flags = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	return answer_lines(answer);
}
