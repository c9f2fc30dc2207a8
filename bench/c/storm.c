/*
 * storm N: N new flows as fast as one socket sends, 127.0.0.2:45000 -> 127.(64 + a).b.c:9, each of one datagram that
 * nobody answers. Packets, not requests: the kernel's own events. One line of JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include "measure.h"

int main(int argc, char **argv)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(45000) }, to = from;
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	double start = now();

	from.sin_addr.s_addr = htonl(0x7f000002);
	to.sin_port = htons(9);
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0) {
		perror("bind");
		return 1;
	}
	for (long i = 0; i < count; i++) {
		to.sin_addr.s_addr = htonl(0x7f400000 + i);
		if (sendto(fd, "", 0, 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
			perror("sendto");
			return 1;
		}
	}
	printf("{\"count\":%ld,\"seconds\":%.3f,\"peak_kib\":%ld}\n", count, now() - start, peak_kib());
	return 0;
}
