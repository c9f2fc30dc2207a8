/*
 * Debian's libnetfilter_conntrack as the truth for our tests: every sub-command reads lines on stdin and answers one
 * line each on stdout (`verdicts` reads nothing and works in a network namespace it makes for itself).
 *
 *   oracle print OUT_TYPE OUT_FLAGS MSG_TYPE [CONNLABEL_CONF]
 *                                              hex message            -> nfct_snprintf's text (MSG_TYPE -1: derived
 *                                                                        from the header; with a label file
 *                                                                        nfct_snprintf_labels)
 *   oracle build                               ID=HEX ... [opt=N]     -> FAMILY(hex) ATTRIBUTES(hex)
 *   oracle rebuild                             hex message            -> the same, of what nfct_nlmsg_parse read
 *   oracle query                               QT ID=HEX ... or QT family=N or QT mark=V/M status=V/M l3num=N
 *                                                                     -> the whole request (hex), sequence 0
 *   oracle attrs                               hex message            -> ID=HEX of every attribute that is set
 *   oracle cmp FLAGS                           ID=HEX ... | ID=HEX .. -> nfct_cmp's result
 *   oracle verdicts VERDICT [MORE]             return values and errnos, one `case: ret= errno= calls=` a line
 *
 * A failure is the line `error ERRNO` (EIO where the library fails and sets none, EBADMSG where it would have ended the
 * process for a malformed message). HEX is memory as nfct_set_attr takes it: integers of the attribute's width in
 * the byte order the library keeps (addresses and ports big-endian, the rest host order), strings NUL-terminated,
 * label bitmasks as 32-bit words.
 */
#include "common.h"

static struct nfct_labelmap *labelmap;

static int to_text(char *text, size_t size, struct nf_conntrack *ct, unsigned type, char **argv)
{
	if (labelmap)
		return nfct_snprintf_labels(text, size, ct, type, atoi(argv[2]), atoi(argv[3]), labelmap);
	return nfct_snprintf(text, size, ct, type, atoi(argv[2]), atoi(argv[3]));
}

static void print_message(const char *line, char **argv)
{
	static char text[1 << 16];
	struct nf_conntrack *ct = nfct_new();
	unsigned type = atoi(argv[4]);
	int error = read_message(line);

	/* nfct_parse_conntrack also returns the message type as the library derives it from the header. */
	if (!error && atoi(argv[4]) == -1)
		type = nfct_parse_conntrack(NFCT_T_ALL, &in.nlh, ct);
	errno = 0;
	if (!error && nfct_nlmsg_parse(&in.nlh, ct) < 0)
		error = errno ? errno : EIO;
	if (!error && to_text(text, sizeof(text), ct, type, argv) < 0)
		error = errno ? errno : EIO;
	if (error) {
		fail(error);
	} else {
		for (char *c = text; *c; c++)
			if (*c == '\n')
				fputs("\\n", stdout);
			else
				putchar(*c);
		putchar('\n');
	}
	nfct_destroy(ct);
}

static void build(char *line, int from_message)
{
	struct nf_conntrack *ct = nfct_new();
	int error = from_message ? read_message(line) : read_attributes(ct, &line);

	errno = 0;
	if (!error && from_message && nfct_nlmsg_parse(&in.nlh, ct) < 0)
		error = errno ? errno : EIO;
	if (!error) {
		memset(&out, 0, sizeof(out));
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(out.bytes);
		struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
		/* nfct_nlmsg_build leaves nfgenmsg to its caller; this is the family the queries put there. */
		nfg->nfgen_family = nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO);
		errno = 0;
		if (nfct_nlmsg_build(nlh, ct) < 0)
			error = errno ? errno : EIO;
		else {
			hex(&nfg->nfgen_family, 1);
			putchar(' ');
			hex(nfg + 1, nlh->nlmsg_len - NLMSG_HDRLEN - sizeof(*nfg));
			putchar('\n');
		}
	}
	if (error)
		fail(error);
	nfct_destroy(ct);
}

static uint32_t number_of(const char *line, const char *name, uint32_t otherwise)
{
	const char *at = strstr(line, name);
	return at ? strtoul(at + strlen(name), NULL, 0) : otherwise;
}

/* `mark=VALUE/MASK`: one bit of filter state. */
static void set_pair(struct nfct_filter_dump *filter, int type, const char *line, const char *name)
{
	const char *at = strstr(line, name);
	struct nfct_filter_dump_mark pair = { 0, 0xffffffff };
	char *end;

	if (!at)
		return;
	pair.val = strtoul(at + strlen(name), &end, 0);
	if (*end == '/')
		pair.mask = strtoul(end + 1, NULL, 0);
	nfct_filter_dump_set_attr(filter, type, &pair);
}

static void query(char *line, struct nfnl_subsys_handle *subsystem)
{
	struct nf_conntrack *ct = nfct_new();
	struct nfct_filter_dump *filter = nfct_filter_dump_create();
	unsigned type = strtoul(line, &line, 10);
	uint32_t family = number_of(line, "family=", AF_UNSPEC);
	const void *data = ct;
	int error = 0;

	/* FLUSH_FILTER, despite its name, takes a family as FLUSH does: it only sets nfgenmsg.version to 1. */
	if (type == NFCT_Q_FLUSH || type == NFCT_Q_DUMP || type == NFCT_Q_DUMP_RESET || type == NFCT_Q_FLUSH_FILTER) {
		data = &family;
	} else if (type == NFCT_Q_DUMP_FILTER || type == NFCT_Q_DUMP_FILTER_RESET) {
		data = filter;
		set_pair(filter, NFCT_FILTER_DUMP_MARK, line, "mark=");
		set_pair(filter, NFCT_FILTER_DUMP_STATUS, line, "status=");
		if (strstr(line, "l3num="))
			nfct_filter_dump_set_attr_u8(filter, NFCT_FILTER_DUMP_L3NUM, number_of(line, "l3num=", 0));
	} else {
		error = read_attributes(ct, &line);
	}
	if (!error) {
		memset(&out, 0, sizeof(out));
		errno = 0;
		if (nfct_build_query(subsystem, type, data, out.bytes, sizeof(out)) < 0)
			error = errno ? errno : EIO;
		else if (out.nlh.nlmsg_len == 0)
			error = ENODATA;    /* the library sends nothing at all, and this is what the kernel says to it */
	}
	if (error) {
		fail(error);
	} else {
		out.nlh.nlmsg_seq = 0;    /* it starts at time() */
		hex(out.bytes, out.nlh.nlmsg_len);
		putchar('\n');
	}
	nfct_filter_dump_destroy(filter);
	nfct_destroy(ct);
}

/* The getter does not return the length of the helper's info: it is the length of CTA_HELP_INFO. */
static size_t helper_info_length(void)
{
	struct nlattr *attr, *nested;

	mnl_attr_for_each(attr, &in.nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == CTA_HELP)
			mnl_attr_for_each_nested(nested, attr)
				if (mnl_attr_get_type(nested) == CTA_HELP_INFO)
					return mnl_attr_get_payload_len(nested);
	return 0;
}

static void attributes(const char *line)
{
	struct nf_conntrack *ct = nfct_new();
	int error = read_message(line);
	const char *gap = "";

	errno = 0;
	if (!error && nfct_nlmsg_parse(&in.nlh, ct) < 0)
		error = errno ? errno : EIO;
	for (int id = 0; !error && id < ATTR_MAX; id++) {
		if (nfct_attr_is_set(ct, id) <= 0)
			continue;
		const void *value = nfct_get_attr(ct, id);
		printf("%s%d=", gap, id);
		gap = " ";
		if (!value)
			continue;
		if (size_of[id] == BITMASK) {
			for (unsigned bit = 0; bit <= nfct_bitmask_maxbit(value); bit += 32) {
				uint32_t word = 0;
				for (unsigned i = 0; i < 32; i++)
					word |= (uint32_t)!!nfct_bitmask_test_bit(value, bit + i) << i;
				hex(&word, 4);
			}
		} else if (size_of[id] == STRING) {
			hex(value, strlen(value) + 1);
		} else {
			hex(value, size_of[id] == BLOB ? helper_info_length() : (size_t)size_of[id]);
		}
	}
	if (error)
		fail(error);
	else
		putchar('\n');
	nfct_destroy(ct);
}

static void compare(char *line, unsigned flags)
{
	struct nf_conntrack *one = nfct_new(), *two = nfct_new();
	int error = read_attributes(one, &line);

	if (!error && *line == '|')
		line++;
	if (!error)
		error = read_attributes(two, &line);
	if (error)
		fail(error);
	else
		printf("%d\n", nfct_cmp(one, two, flags));
	nfct_destroy(one);
	nfct_destroy(two);
}

/* ---- verdicts: what the C library returns, and with which errno ---- */

static int verdict, calls;
static unsigned seen;

static int on_flow(enum nf_conntrack_msg_type type, struct nf_conntrack *ct, void *data)
{
	calls++;
	seen |= type;
	if (verdict == NFCT_CB_STOLEN)
		nfct_destroy(ct);
	return verdict;
}

static int on_flow2(const struct nlmsghdr *nlh, enum nf_conntrack_msg_type type, struct nf_conntrack *ct, void *data)
{
	return on_flow(type, ct, data);
}

static struct nf_conntrack *flow(uint32_t n, int complete)
{
	struct nf_conntrack *ct = nfct_new();

	nfct_set_attr_u8(ct, ATTR_L3PROTO, AF_INET);
	nfct_set_attr_u32(ct, ATTR_IPV4_SRC, htonl(0x0a000000 + n));
	nfct_set_attr_u32(ct, ATTR_IPV4_DST, htonl(0x0a800001));
	nfct_set_attr_u8(ct, ATTR_L4PROTO, IPPROTO_UDP);
	nfct_set_attr_u16(ct, ATTR_PORT_SRC, htons(1000));
	nfct_set_attr_u16(ct, ATTR_PORT_DST, htons(53));
	if (complete) {
		nfct_setobjopt(ct, NFCT_SOPT_SETUP_REPLY);
		nfct_set_attr_u32(ct, ATTR_TIMEOUT, 3600);
	}
	return ct;
}

enum { NONE, PLAIN, WITH_HEADER };

static struct nfct_handle *handle(unsigned groups, int registration, unsigned types)
{
	struct nfct_handle *h = nfct_open(CONNTRACK, groups);
	struct timeval wait = { .tv_usec = 50000 };

	if (!h) {
		perror("nfct_open");
		exit(1);
	}
	/* A catch with nothing to catch must end: EAGAIN in the results stands for "would block for ever". */
	setsockopt(nfct_fd(h), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (registration == PLAIN)
		nfct_callback_register(h, types, on_flow, NULL);
	if (registration == WITH_HEADER)
		nfct_callback_register2(h, types, on_flow2, NULL);
	return h;
}

static void report(const char *what, int ret)
{
	printf("%s: ret=%d errno=%d calls=%d types=%u\n", what, ret, ret == -1 ? errno : 0, calls, seen);
	calls = seen = errno = 0;
}

static void one(const char *what, int registration, int split, int type, const void *data)
{
	struct nfct_handle *h = handle(0, registration, NFCT_T_ALL);
	char text[128];

	errno = 0;
	if (split) {
		snprintf(text, sizeof(text), "%s send", what);
		report(text, nfct_send(h, type, data));
		for (int i = 1; i <= 2; i++) {
			snprintf(text, sizeof(text), "%s catch%d", what, i);
			report(text, nfct_catch(h));
		}
	} else {
		report(what, nfct_query(h, type, data));
		snprintf(text, sizeof(text), "%s, again on the same handle", what);
		report(text, nfct_query(h, type, data));
	}
	nfct_close(h);
}

static void events(const char *what, int registration, unsigned types)
{
	struct nfct_handle *h = handle(NFCT_ALL_CT_GROUPS, registration, types), *other = handle(0, NONE, 0);
	struct nf_conntrack *ct = flow(900000, 1);
	char text[128];

	for (int i = 0; i < 2; i++) {
		if (nfct_query(other, NFCT_Q_CREATE, ct) || nfct_query(other, NFCT_Q_DESTROY, ct))
			perror("events");
	}
	errno = 0;
	for (int i = 1; i <= 2; i++) {
		snprintf(text, sizeof(text), "%s catch%d", what, i);
		report(text, nfct_catch(h));
	}
	nfct_destroy(ct);
	nfct_close(other);
	nfct_close(h);
}

static int verdicts(int value, uint32_t more)
{
	static const char *const with[] = { "no callback", "register", "register2" };
	uint32_t family = AF_INET, six = AF_INET6;
	struct nf_conntrack *present = flow(1, 1), *absent = flow(800000, 1), *bare = flow(800001, 0);
	char text[128];

	if (unshare(CLONE_NEWNET)) {
		perror("unshare");
		return 1;
	}
	verdict = value;
	struct nfct_handle *h = handle(0, NONE, 0);
	errno = 0;
	report("dump of an empty table, no callback", nfct_query(h, NFCT_Q_DUMP, &family));
	nfct_close(h);
	one("dump of an empty table, register", PLAIN, 0, NFCT_Q_DUMP, &family);

	h = handle(0, NONE, 0);
	errno = 0;
	report("create", nfct_query(h, NFCT_Q_CREATE, present));
	report("create of an existing flow", nfct_query(h, NFCT_Q_CREATE, present));
	report("create_update of an existing flow", nfct_query(h, NFCT_Q_CREATE_UPDATE, present));
	report("create without timeout and reply", nfct_query(h, NFCT_Q_CREATE, bare));
	report("update of an existing flow", nfct_query(h, NFCT_Q_UPDATE, present));
	report("update of an absent flow", nfct_query(h, NFCT_Q_UPDATE, absent));
	report("get of an absent flow", nfct_query(h, NFCT_Q_GET, absent));
	report("destroy of an absent flow", nfct_query(h, NFCT_Q_DESTROY, absent));
	struct nf_conntrack *nothing = nfct_new();
	report("create of an object without attributes", nfct_query(h, NFCT_Q_CREATE, nothing));
	report("query type 99", nfct_query(h, 99, nothing));
	report("a second callback", (nfct_callback_register(h, NFCT_T_ALL, on_flow, NULL),
	                             nfct_callback_register(h, NFCT_T_ALL, on_flow, NULL)));
	report("register2 on top of register", nfct_callback_register2(h, NFCT_T_ALL, on_flow2, NULL));
	for (uint32_t n = 2; n <= more; n++) {
		struct nf_conntrack *ct = flow(n, 1);
		nfct_query(h, NFCT_Q_CREATE, ct);
		nfct_destroy(ct);
	}
	calls = seen = 0;
	nfct_close(h);

	for (int r = NONE; r <= WITH_HEADER; r++) {
		for (int split = 0; split <= 1; split++) {
			snprintf(text, sizeof(text), "dump, %s", with[r]);
			one(text, r, split, NFCT_Q_DUMP, &family);
			snprintf(text, sizeof(text), "dump of the other family, %s", with[r]);
			one(text, r, split, NFCT_Q_DUMP, &six);
			snprintf(text, sizeof(text), "get present, %s", with[r]);
			one(text, r, split, NFCT_Q_GET, present);
			snprintf(text, sizeof(text), "get absent, %s", with[r]);
			one(text, r, split, NFCT_Q_GET, absent);
			snprintf(text, sizeof(text), "create existing, %s", with[r]);
			one(text, r, split, NFCT_Q_CREATE, present);
			snprintf(text, sizeof(text), "update existing, %s", with[r]);
			one(text, r, split, NFCT_Q_UPDATE, present);
		}
		snprintf(text, sizeof(text), "events (new destroy new destroy), %s ALL", with[r]);
		events(text, r, NFCT_T_ALL);
		snprintf(text, sizeof(text), "events, %s DESTROY only", with[r]);
		events(text, r, NFCT_T_DESTROY);
	}
	/* A dump's entries are UPDATE to the library: a callback for NEW alone never sees them. */
	h = handle(0, NONE, 0);
	nfct_callback_register(h, NFCT_T_NEW, on_flow, NULL);
	errno = 0;
	report("dump, register NEW only", nfct_query(h, NFCT_Q_DUMP, &family));
	nfct_close(h);
	nfct_destroy(nothing);
	nfct_destroy(present);
	nfct_destroy(absent);
	nfct_destroy(bare);
	return 0;
}

static char **arguments;
static struct nfnl_subsys_handle *subsystem;

static void answer(char *line)
{
	const char *command = arguments[1];

	if (!strcmp(command, "print"))
		print_message(line, arguments);
	else if (!strcmp(command, "build"))
		build(line, 0);
	else if (!strcmp(command, "rebuild"))
		build(line, 1);
	else if (!strcmp(command, "query"))
		query(line, subsystem);
	else if (!strcmp(command, "attrs"))
		attributes(line);
	else
		compare(line, strtoul(arguments[2], NULL, 0));
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (!strcmp(command, "verdicts") && argc > 2)
		return verdicts(atoi(argv[2]), argc > 3 ? atoi(argv[3]) : 3);
	if (!(!strcmp(command, "print") && (argc == 5 || argc == 6)) && !(!strcmp(command, "cmp") && argc == 3) &&
	    strcmp(command, "build") && strcmp(command, "rebuild") && strcmp(command, "query") && strcmp(command, "attrs")) {
		fprintf(stderr, "usage: oracle print|build|rebuild|query|attrs|cmp|verdicts ...\n");
		return 2;
	}
	if (!strcmp(command, "query")) {
		struct nfnl_handle *nfnlh = nfnl_open();
		subsystem = nfnlh ? nfnl_subsys_open(nfnlh, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_MAX, 0) : NULL;
		if (!subsystem) {
			perror("nfnl_open");
			return 1;
		}
	}
	if (!strcmp(command, "print") && argc == 6) {
		labelmap = nfct_labelmap_new(argv[5]);
		if (!labelmap) {
			perror(argv[5]);
			return 1;
		}
	}
	arguments = argv;
	return answer_lines(answer);
}
