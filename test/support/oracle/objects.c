/*
 * The object API of libnetfilter_conntrack: what is done to objects, and what is set afterwards. Lines in, one line
 * each out; LIST is `ID=HEX ... [opt=N]` as in oracle.c.
 *
 * objects state      LIST                    -> STATE objects cmp        LIST | LIST             -> nfct_cmp of the
 *   flags 0 to 127, a digit each, and nfct_compare objects cmpmsg     hex | hex               -> the same of what
 *   nfct_nlmsg_parse reads from two messages objects copy       FLAGS LIST | LIST       -> STATE of the first after
 *   nfct_copy from the second objects copyattr   ID LIST | LIST          -> STATE of the first after nfct_copy_attr
 *   from the second objects getobjopt  LIST                    -> nfct_getobjopt of the options 0 to 3, a digit each
 *   objects groups     LIST | [OP ...]         -> each group as IS_SET/RESULT/HEX of nfct_get_attr_grp, then STATE; an
 *   OP is +GROUP=HEX (set) or -GROUP (unset) objects array      LIST | ID ...           -> nfct_attr_is_set_array
 *   objects bitmask    MAXBIT OP ...           -> a number for each OP: +N set, -N unset, ?N test, ! clear, m maxbit, c
 *   test that a clone is equal and goes on with it, =MAXBIT:N,N.. equal to that one objects labelmap FILE   bit NAME or
 *   name N -> the bit, or `=NAME` or `NULL`; `no map` where there is none objects path                               ->
 *   nfct_labels_get_path
 *
 * STATE is `ID=HEX ...` of all that is set, then ` / ` and what nfct_nlmsg_build makes of it, or `error ERRNO`. HEX is
 * empty where nfct_set_attr stores nothing (what the kernel alone says), and of helper info, whose length no getter
 * returns.
 */
#include "common.h"

static int has_no_value(int id)
{
	return (id >= ATTR_ORIG_COUNTER_PACKETS && id <= ATTR_USE) || id == ATTR_SECCTX || id == ATTR_TIMESTAMP_START ||
	       id == ATTR_TIMESTAMP_STOP || id == ATTR_HELPER_INFO;
}

static void state(struct nf_conntrack *ct)
{
	for (int id = 0; id < ATTR_MAX; id++) {
		if (nfct_attr_is_set(ct, id) <= 0)
			continue;
		const void *value = nfct_get_attr(ct, id);
		printf("%d=", id);
		if (value && size_of[id] == BITMASK) {
			for (unsigned bit = 0; bit <= nfct_bitmask_maxbit(value); bit += 32) {
				uint32_t word = 0;
				for (unsigned i = 0; i < 32; i++)
					word |= (uint32_t)!!nfct_bitmask_test_bit(value, bit + i) << i;
				hex(&word, 4);
			}
		} else if (value && !has_no_value(id)) {
			hex(value, size_of[id] == STRING ? strlen(value) + 1 : (size_t)size_of[id]);
		}
		putchar(' ');
	}
	memset(&out, 0, sizeof(out));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(out.bytes);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	fputs("/ ", stdout);
	errno = 0;
	if (nfct_nlmsg_build(nlh, ct) < 0)
		printf("error %d", errno ? errno : EIO);
	else
		hex(nfg + 1, nlh->nlmsg_len - NLMSG_HDRLEN - sizeof(*nfg));
	putchar('\n');
}

static const size_t group_size[ATTR_GRP_MAX] = {
	[ATTR_GRP_ORIG_IPV4] = sizeof(struct nfct_attr_grp_ipv4), [ATTR_GRP_REPL_IPV4] = sizeof(struct nfct_attr_grp_ipv4),
	[ATTR_GRP_ORIG_IPV6] = sizeof(struct nfct_attr_grp_ipv6), [ATTR_GRP_REPL_IPV6] = sizeof(struct nfct_attr_grp_ipv6),
	[ATTR_GRP_ORIG_PORT] = sizeof(struct nfct_attr_grp_port), [ATTR_GRP_REPL_PORT] = sizeof(struct nfct_attr_grp_port),
	[ATTR_GRP_ICMP] = sizeof(struct nfct_attr_grp_icmp),
	[ATTR_GRP_MASTER_IPV4] = sizeof(struct nfct_attr_grp_ipv4),
	[ATTR_GRP_MASTER_IPV6] = sizeof(struct nfct_attr_grp_ipv6),
	[ATTR_GRP_MASTER_PORT] = sizeof(struct nfct_attr_grp_port),
	[ATTR_GRP_ORIG_COUNTERS] = sizeof(struct nfct_attr_grp_ctrs),
	[ATTR_GRP_REPL_COUNTERS] = sizeof(struct nfct_attr_grp_ctrs),
	[ATTR_GRP_ORIG_ADDR_SRC] = sizeof(union nfct_attr_grp_addr), [ATTR_GRP_ORIG_ADDR_DST] = sizeof(union nfct_attr_grp_addr),
	[ATTR_GRP_REPL_ADDR_SRC] = sizeof(union nfct_attr_grp_addr), [ATTR_GRP_REPL_ADDR_DST] = sizeof(union nfct_attr_grp_addr),
};

static void groups(struct nf_conntrack *ct, char *ops)
{
	uint64_t value[4];

	for (char *op = strtok(ops, " \n"); op; op = strtok(NULL, " \n")) {
		char *end;
		int group = strtol(op + 1, &end, 10);
		if (op[0] == '-') {
			nfct_attr_grp_unset(ct, group);
		} else {
			memset(value, 0, sizeof(value));
			unhex(end + 1, (uint8_t *)value, sizeof(value));
			nfct_set_attr_grp(ct, group, value);
		}
	}
	for (int group = 0; group < ATTR_GRP_MAX; group++) {
		memset(value, 0xee, sizeof(value));
		errno = 0;
		int result = nfct_get_attr_grp(ct, group, value);
		printf("%d/%d/", nfct_attr_grp_is_set(ct, group), result < 0 ? -errno : result);
		if (result == 0)
			hex(value, group_size[group]);
		putchar(' ');
	}
	state(ct);
}

static void is_set_array(struct nf_conntrack *ct, char *ids)
{
	enum nf_conntrack_attr types[ATTR_MAX];
	int n = 0;

	for (char *id = strtok(ids, " \n"); id; id = strtok(NULL, " \n"))
		types[n++] = atoi(id);
	printf("%d\n", nfct_attr_is_set_array(ct, types, n));
}

static void bitmask(char *line)
{
	struct nfct_bitmask *mask = nfct_bitmask_new(strtoul(line, &line, 10)), *other;

	if (!mask) {
		fail(0);
		return;
	}
	for (char *op = strtok(line, " \n"); op; op = strtok(NULL, " \n")) {
		unsigned bit = strtoul(op + 1, NULL, 10);
		int result = 0;
		switch (op[0]) {
		case '+':
			nfct_bitmask_set_bit(mask, bit);
			break;
		case '-':
			nfct_bitmask_unset_bit(mask, bit);
			break;
		case '?':
			result = nfct_bitmask_test_bit(mask, bit);
			break;
		case '!':
			nfct_bitmask_clear(mask);
			break;
		case 'm':
			result = nfct_bitmask_maxbit(mask);
			break;
		case 'c':
			other = nfct_bitmask_clone(mask);
			result = nfct_bitmask_equal(mask, other);
			nfct_bitmask_destroy(mask);
			mask = other;
			break;
		case '=':
			other = nfct_bitmask_new(bit);
			for (char *at = strchr(op, ':'); at && at[1]; at = strchr(at + 1, ','))
				nfct_bitmask_set_bit(other, strtoul(at + 1, NULL, 10));
			result = nfct_bitmask_equal(mask, other);
			nfct_bitmask_destroy(other);
			break;
		}
		printf("%d ", result);
	}
	putchar('\n');
	nfct_bitmask_destroy(mask);
}

static struct nfct_labelmap *labelmap;

static void label(char *line)
{
	line[strcspn(line, "\n")] = 0;
	if (!labelmap) {
		puts("no map");
	} else if (!strncmp(line, "bit ", 4)) {
		printf("%d\n", nfct_labelmap_get_bit(labelmap, line + 4));
	} else {
		const char *name = nfct_labelmap_get_name(labelmap, strtoul(line + 5, NULL, 10));
		printf("%s%s\n", name ? "=" : "NULL", name ? name : "");
	}
}

static void cmp(const struct nf_conntrack *one, const struct nf_conntrack *two)
{
	for (int flags = 0; flags < 128; flags++)
		printf("%d", nfct_cmp(one, two, flags));
	printf(" %d\n", nfct_compare(one, two));
}

static void cmp_messages(const char *line)
{
	struct nf_conntrack *ct[2] = { nfct_new(), nfct_new() };
	int error = 0;

	for (int i = 0; i < 2 && !error; i++) {
		error = read_message(line);
		if (!error && nfct_nlmsg_parse(&in.nlh, ct[i]) < 0)
			error = EIO;
		line = strchr(line, '|') + 2;
	}
	if (error)
		fail(error);
	else
		cmp(ct[0], ct[1]);
	nfct_destroy(ct[0]);
	nfct_destroy(ct[1]);
}

static const char *command;

static void answer(char *line)
{
	struct nf_conntrack *one, *two;
	int number = 0;

	if (!strcmp(command, "bitmask")) {
		bitmask(line);
		return;
	}
	if (!strcmp(command, "labelmap")) {
		label(line);
		return;
	}
	if (!strcmp(command, "cmpmsg")) {
		cmp_messages(line);
		return;
	}
	if (!strcmp(command, "copy") || !strcmp(command, "copyattr"))
		number = strtol(line, &line, 10);
	one = nfct_new();
	two = nfct_new();
	int error = read_attributes(one, &line);
	if (*line == '|')
		line++;
	if (error) {
		fail(error);
	} else if (!strcmp(command, "state")) {
		state(one);
	} else if (!strcmp(command, "groups")) {
		groups(one, line);
	} else if (!strcmp(command, "array")) {
		is_set_array(one, line);
	} else if (!strcmp(command, "getobjopt")) {
		for (int option = 0; option <= NFCT_GOPT_MAX; option++)
			printf("%d", nfct_getobjopt(one, option));
		putchar('\n');
	} else if ((error = read_attributes(two, &line))) {
		fail(error);
	} else if (!strcmp(command, "cmp")) {
		cmp(one, two);
	} else {
		if (!strcmp(command, "copy"))
			nfct_copy(one, two, number);
		else
			nfct_copy_attr(one, two, number);
		state(one);
	}
	nfct_destroy(one);
	nfct_destroy(two);
}

int main(int argc, char **argv)
{
	static const char *const commands =
		" state cmp cmpmsg copy copyattr getobjopt groups array bitmask labelmap path ";

	command = argc > 1 ? argv[1] : "";
	if (!*command || !strstr(commands, command) || argc != (!strcmp(command, "labelmap") ? 3 : 2)) {
		fprintf(stderr, "usage: objects%s[FILE]\n", commands);
		return 2;
	}
	if (!strcmp(command, "path")) {
		puts(nfct_labels_get_path());
		return 0;
	}
	if (argc == 3)
		labelmap = nfct_labelmap_new(argv[2]);
	return answer_lines(answer);
}
