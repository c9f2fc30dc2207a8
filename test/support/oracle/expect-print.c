/*
 * Debian's libnetfilter_conntrack prints expectations: a hex message a line -> nfexp_snprintf's text.
 *
 *   expect-print OUT_TYPE OUT_FLAGS MSG_TYPE
 *
 * MSG_TYPE -1 is derived from the header. A failure is the line `error ERRNO`, as in oracle.c.
 */
#include "common.h"

static char **arguments;

static void answer(char *line)
{
	static char text[1 << 16];
	struct nf_expect *exp = nfexp_new();
	unsigned type = atoi(arguments[3]);
	int error = read_message(line);

	/* nfexp_parse_expect also returns the message type as the library derives it from the header. */
	if (!error && atoi(arguments[3]) == -1)
		type = nfexp_parse_expect(NFCT_T_ALL, &in.nlh, exp);
	errno = 0;
	if (!error && nfexp_nlmsg_parse(&in.nlh, exp) < 0)
		error = errno ? errno : EIO;
	if (!error && nfexp_snprintf(text, sizeof(text), exp, type, atoi(arguments[1]), atoi(arguments[2])) < 0)
		error = errno ? errno : EIO;
	if (error)
		fail(error);
	else
		puts(text);
	nfexp_destroy(exp);
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: expect-print OUT_TYPE OUT_FLAGS MSG_TYPE\n");
		return 2;
	}
	arguments = argv;
	return answer_lines(answer);
}
