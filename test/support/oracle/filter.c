/*
 * Debian's libnetfilter_conntrack on event filters: each line is what is done with one nfct_filter, the answer is the
 * program that nfct_filter_attach then gave to the kernel.
 *
 *   filter        KIND=HEX KIND:u32=HEX KIND:logic=N ...  -> struct sock_filter by struct sock_filter (hex)
 *
 * KIND is NFCT_FILTER_*, HEX the memory that nfct_filter_add_attr takes; `u32` calls nfct_filter_add_attr_u32 and
 * `logic` nfct_filter_set_logic. `error ERRNO` where the kernel did not take the program, or where set_logic fails.
 */
#include "common.h"
#include <linux/filter.h>

#ifndef SO_GET_FILTER
#define SO_GET_FILTER SO_ATTACH_FILTER
#endif

/* One word of a line: 0, or what went wrong. */
static int add(struct nfct_filter *filter, char *word)
{
	static union { uint8_t bytes[64]; uint32_t u32; } value;
	char *equals = strchr(word, '=');
	int kind = strtol(word, &word, 10);

	if (!equals)
		return EINVAL;
	if (!strncmp(word, ":logic=", 7))
		return nfct_filter_set_logic(filter, kind, strtoul(equals + 1, NULL, 10)) < 0 ? errno : 0;
	memset(&value, 0, sizeof(value));
	if (unhex(equals + 1, value.bytes, sizeof(value.bytes)) < 0)
		return EINVAL;
	if (!strncmp(word, ":u32=", 5))
		nfct_filter_add_attr_u32(filter, kind, value.u32);
	else
		nfct_filter_add_attr(filter, kind, value.bytes);
	return 0;
}

static void answer(char *line)
{
	static struct sock_filter program[BPF_MAXINSNS];
	struct nfct_filter *filter = nfct_filter_create();
	socklen_t count = BPF_MAXINSNS;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	int error = filter && fd >= 0 ? 0 : errno;

	for (char *word = strtok(line, " \n"); word && !error; word = strtok(NULL, " \n"))
		error = add(filter, word);
	if (!error && nfct_filter_attach(fd, filter) < 0)
		error = errno;
	if (!error && getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, program, &count) < 0)
		error = errno;
	if (error)
		fail(error);
	else {
		hex(program, count * sizeof(program[0]));
		putchar('\n');
	}
	nfct_filter_destroy(filter);
	close(fd);
}

int main(void)
{
	return answer_lines(answer);
}
