/*
 * The kernel as the truth for classic BPF: each line is a socket filter and a datagram that is sent through it.
 *
 *   bpf           PROGRAM DATAGRAM (both hex)       -> bytes that came through, which is what the program returns as
 *                                                      far as there are so many; `error ERRNO` when it is refused
 */
#include "common.h"
#include <fcntl.h>
#include <linux/filter.h>

static uint8_t datagram[1 << 16];
static union { uint8_t bytes[8 * (BPF_MAXINSNS + 1)]; struct sock_filter filters[BPF_MAXINSNS + 1]; } program;

static void answer(char *line)
{
	char *second = strchr(line, ' ');
	int size = unhex(line, program.bytes, sizeof(program.bytes));
	int length = second ? unhex(second + 1, datagram, sizeof(datagram)) : -1;
	struct sock_fprog fprog = { .len = size / 8, .filter = program.filters };
	int sockets[2] = { -1, -1 };

	if (size < 0 || length < 0)
		fail(EBADMSG);
	else if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) < 0 ||
		 setsockopt(sockets[1], SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof(fprog)) < 0 ||
		 send(sockets[0], datagram, length, 0) != length)
		fail(errno);
	else {
		int received = recv(sockets[1], datagram, sizeof(datagram), MSG_DONTWAIT);
		if (received < 0 && errno != EAGAIN)
			fail(errno);
		else
			printf("%d\n", received < 0 ? 0 : received);
	}
	close(sockets[0]);
	close(sockets[1]);
}

int main(void)
{
	return answer_lines(answer);
}
